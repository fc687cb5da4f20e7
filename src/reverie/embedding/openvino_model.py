"""A BERT-family model as an OpenVINO graph, built from its safetensors with OpenVINO's own operations.

Inputs are ``ids`` (batch, length) int32, rows padded with anything, and ``lengths`` (batch,) int32; the output is the
last hidden state, (batch, length, hidden) float32. The graph is kept in float32, whatever the precision it runs in.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from reverie.embedding.convert import Weights
from reverie.embedding.imports import import_without
from reverie.embedding.models import ModelFolder
from reverie.errors import MissingExtra

__all__ = ["FORM", "GRAPH", "import_openvino", "write"]

FORM = "openvino-1"
"""How these graphs' folders end. The number is raised when the graph changes, so that older ones are made again."""

GRAPH = "model.xml"
"""The graph's file in such a folder; the weights lie beside it."""

_OUTSIDE = -10_000.0
"""What is added to the score of a padding token: no exponential of it is left, and bfloat16 holds it."""


def import_openvino() -> Any:
    """Import OpenVINO without its converter, which the graphs here don't need.

    The converter reports its import to a statistics server, keeps an identifier in the home folder for that, and
    takes more time and memory to import than the runtime itself.
    """
    try:
        return import_without("openvino", "openvino.tools.ovc", "openvino_telemetry")
    except ModuleNotFoundError as error:
        raise MissingExtra("openvino", what="The openvino embedder") from error


def write(folder: ModelFolder, target: Path) -> None:
    """Write ``folder``'s encoder into the folder ``target``."""
    openvino = import_openvino()
    graph = _Graph(import_without("openvino.opset13"), Weights(folder), folder)
    ids, lengths, hidden = graph.encoder()
    model = openvino.Model([hidden], [ids, lengths], "encoder")
    openvino.save_model(model, str(target / GRAPH), compress_to_fp16=False)


class _Graph:
    """The encoder of Devlin et al. 2019, one method a part; each takes and returns nodes."""

    def __init__(self, ops: Any, weights: Weights, folder: ModelFolder) -> None:
        self._ops = ops
        self._weights = weights
        self._folder = folder
        self._layers = int(folder.config["num_hidden_layers"])
        self._heads = int(folder.config["num_attention_heads"])
        self._hidden = int(folder.config["hidden_size"])

    def encoder(self) -> tuple[Any, Any, Any]:
        """The inputs ``ids`` and ``lengths`` and the result, the last hidden state."""
        ops = self._ops
        ids = ops.parameter([-1, -1], np.int32, name="ids")
        lengths = ops.parameter([-1], np.int32, name="lengths")
        longest = ops.gather(ops.shape_of(ids), self._whole(1), self._whole(0))
        places = ops.range(self._whole(0), longest, self._whole(1), "i32")
        inside = ops.less(self._widened(places, 0), self._widened(lengths, 1))
        # Added to attention's scores. A mask of booleans gives NaN in some releases of the plugin.
        mask = self._widened(ops.select(inside, self._number(0), self._number(_OUTSIDE)), 1, 2)
        words = ops.gather(self._tensor(self._weights["embeddings.word_embeddings.weight"]), ids, self._whole(0))
        x = ops.add(words, ops.gather(self._tensor(self._weights.positions()), places, self._whole(0)))
        x = self._norm(x, "embeddings.LayerNorm")
        for index in range(self._layers):
            path = f"encoder.layer.{index}"
            x = self._norm(ops.add(self._attention(x, mask, path), x), f"{path}.attention.output.LayerNorm")
            inner = self._activation(self._linear(x, f"{path}.intermediate.dense"))
            x = self._norm(ops.add(self._linear(inner, f"{path}.output.dense"), x), f"{path}.output.LayerNorm")
        return ids, lengths, ops.result(x, name="hidden")

    def _attention(self, x: Any, mask: Any, path: str) -> Any:
        ops = self._ops
        swapped = self._axes(0, 2, 1, 3)
        # A zero keeps that dimension: (batch, length, hidden) to (batch, length, heads, size) and back.
        apart = self._axes(0, 0, self._heads, self._hidden // self._heads)
        query, key, value = (
            ops.transpose(ops.reshape(self._linear(x, f"{path}.attention.self.{part}"), apart, True), swapped)
            for part in ("query", "key", "value")
        )
        mixed = ops.transpose(ops.scaled_dot_product_attention(query, key, value, mask), swapped)
        mixed = ops.reshape(mixed, self._axes(0, 0, self._hidden), True)
        return self._linear(mixed, f"{path}.attention.output.dense")

    def _linear(self, x: Any, name: str) -> Any:
        product = self._ops.matmul(x, self._tensor(self._weights[f"{name}.weight"]), False, True)
        return self._ops.add(product, self._tensor(self._weights[f"{name}.bias"]))

    def _norm(self, x: Any, name: str) -> Any:
        ops = self._ops
        even = ops.mvn(x, self._axes(-1), True, self._folder.norm_epsilon, "inside_sqrt")
        scaled = ops.multiply(even, self._tensor(self._weights[f"{name}.weight"]))
        return ops.add(scaled, self._tensor(self._weights[f"{name}.bias"]))

    def _activation(self, x: Any) -> Any:
        kind = self._folder.config.get("hidden_act", "gelu")
        if kind == "relu":
            return self._ops.relu(x)
        return self._ops.gelu(x, "erf" if kind == "gelu" else "tanh")

    def _tensor(self, values: Any) -> Any:
        return self._ops.constant(np.ascontiguousarray(values))

    def _axes(self, *values: int) -> Any:
        return self._ops.constant(np.array(values, dtype=np.int64))

    def _whole(self, value: int) -> Any:
        return self._ops.constant(np.int64(value))

    def _number(self, value: float) -> Any:
        return self._ops.constant(np.float32(value))

    def _widened(self, x: Any, *axes: int) -> Any:
        return self._ops.unsqueeze(x, self._axes(*axes))

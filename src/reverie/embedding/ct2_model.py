"""A BERT-family model in CTranslate2's format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from reverie.embedding.convert import Weights
from reverie.embedding.imports import import_without
from reverie.embedding.models import ModelFolder
from reverie.embedding.packed import PackedWeights
from reverie.embedding.tokens import PIECES
from reverie.errors import MissingExtra

__all__ = ["import_ctranslate2", "write"]

_WORD = "<unk>"


def import_ctranslate2(submodule: str = "") -> Any:
    """Import CTranslate2 without letting it import torch, which costs seconds and hundreds of megabytes.

    Its ``specs`` (and, in older versions, the package itself) import torch when it is installed, to accept its
    tensors.
    """
    try:
        return import_without("ctranslate2" + (f".{submodule}" if submodule else ""), "torch")
    except ModuleNotFoundError as error:
        raise MissingExtra("worker", what="The ctranslate2 embedder") from error


def write(folder: ModelFolder, precision: str, target: Path) -> None:
    """Write ``folder``'s encoder into the folder ``target``, its weights in ``precision`` (float32 or int8)."""
    specs = import_ctranslate2("specs")
    config = folder.config
    weights = PackedWeights(folder.path / folder.packed) if folder.packed else Weights(folder)
    common = specs.common_spec
    activations = {"relu": common.Activation.RELU, "gelu": common.Activation.GELU}
    encoder = specs.transformer_spec.TransformerEncoderSpec(
        int(config["num_hidden_layers"]),
        int(config["num_attention_heads"]),
        pre_norm=False,
        activation=activations.get(config.get("hidden_act", "gelu"), common.Activation.GELUTanh),
        layernorm_embedding=True,
    )
    encoder.scale_embeddings = False
    encoder.embeddings[0].weight = weights["embeddings.word_embeddings.weight"]
    encoder.position_encodings.encodings = weights.positions()
    _norm(encoder.layernorm_embedding, weights, "embeddings.LayerNorm")
    for index, layer in enumerate(encoder.layer):
        path = f"encoder.layer.{index}"
        own = f"{path}.attention.self"
        _linear(layer.self_attention.linear[0], weights, f"{own}.query", f"{own}.key", f"{own}.value")
        _linear(layer.self_attention.linear[1], weights, f"{path}.attention.output.dense")
        _norm(layer.self_attention.layer_norm, weights, f"{path}.attention.output.LayerNorm")
        _linear(layer.ffn.linear_0, weights, f"{path}.intermediate.dense")
        _linear(layer.ffn.linear_1, weights, f"{path}.output.dense")
        _norm(layer.ffn.layer_norm, weights, f"{path}.output.LayerNorm")

    spec = specs.transformer_spec.TransformerEncoderModelSpec(encoder)
    spec.config.layer_norm_epsilon = folder.norm_epsilon
    # Texts reach CTranslate2 as ids, and none leaves it: one word does. A list of 250,000 takes 30 MB in every process.
    spec.register_vocabulary([_WORD] * len(encoder.embeddings[0].weight))
    spec.config.unk_token = _WORD
    spec.validate()
    spec.optimize(quantization="int8" if precision == "int8" else None)
    spec.save(str(target))
    (target / "vocabulary.json").write_text(json.dumps([_WORD]))
    if isinstance(weights, PackedWeights):
        (target / PIECES).write_bytes(weights.pieces())


def _linear(spec: Any, weights: Weights | PackedWeights, *names: str) -> None:
    spec.weight = np.concatenate([weights[f"{name}.weight"] for name in names])
    spec.bias = np.concatenate([weights[f"{name}.bias"] for name in names])


def _norm(spec: Any, weights: Weights | PackedWeights, name: str) -> None:
    spec.gamma = weights[f"{name}.weight"]
    spec.beta = weights[f"{name}.bias"]

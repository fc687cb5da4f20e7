"""OpenVINO on the CPU: float32, and bfloat16 where the processor multiplies it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from reverie.embedding.base import Vectors
from reverie.embedding.convert import prepare
from reverie.embedding.local import TOKENS_PER_BATCH, Array, LocalEmbedder
from reverie.embedding.models import ModelFolder, find_model
from reverie.embedding.openvino_model import FORM, GRAPH, import_openvino, write
from reverie.errors import UnsupportedModel

__all__ = ["OpenVinoEmbedder", "refusal"]

_PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}

_ROWS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
"""Numbers of rows that a batch is filled up to, unless it is full."""


def refusal(precision: str) -> str | None:
    """Why OpenVINO does not compute in ``precision`` on this machine, with the cure, or ``None``.

    Raises ``MissingExtra`` when the runtime is not installed.
    """
    if precision not in _PRECISIONS:
        known = " or ".join(_PRECISIONS)
        return f"openvino computes in {known}; {precision} is ctranslate2's: REVERIE_EMBEDDER=ctranslate2 or auto"
    import_openvino()
    if precision == "bfloat16" and "BF16" not in _capabilities():
        return "this processor has no bfloat16 arithmetic; use REVERIE_PRECISION=float32 or int8"
    return None


class OpenVinoEmbedder(LocalEmbedder):
    """Runs a graph on OpenVINO's CPU plugin: as many streams as threads, one core each, unpinned."""

    def __init__(self, folder: ModelFolder, converted: Path, revision: str, *, precision: str, threads: int) -> None:
        openvino = import_openvino()
        super().__init__(folder, revision, provider="openvino", precision=precision, threads=threads)
        core = openvino.Core()
        self._compiled: Any = core.compile_model(
            core.read_model(converted / GRAPH),
            "CPU",
            {
                # Without a hint the plugin takes bfloat16 for float32 where it can.
                "INFERENCE_PRECISION_HINT": _PRECISIONS[precision],
                "NUM_STREAMS": self._replicas,
                "INFERENCE_NUM_THREADS": self._replicas,
                # Processes that pin choose the same cores.
                "ENABLE_CPU_PINNING": False,
            },
        )
        self._own = threading.local()

    @classmethod
    def load(cls, model: str, *, precision: str, threads: int, data_dir: Path) -> OpenVinoEmbedder:
        """Find ``model``, convert it if that was not done yet, and load it.

        Raises ``UnsupportedModel`` when it is not here, not of the BERT family, or the engine or the processor does not
        compute in ``precision``.
        """
        if reason := refusal(precision):
            raise UnsupportedModel(reason)
        folder = find_model(model, data_dir)
        if folder.packed:
            raise UnsupportedModel(f"{folder.name} out of its package runs on ctranslate2: REVERIE_EMBEDDER=auto")
        converted, revision = prepare(folder, FORM, data_dir, lambda target: write(folder, target))
        return cls(folder, converted, revision, precision=precision, threads=threads)

    def _shape(self, rows: int, longest: int) -> tuple[int, int]:
        # The plugin compiles kernels for each shape that it meets and keeps them: a megabyte and several milliseconds,
        # every time. With lengths in steps and few numbers of rows there are 150 shapes for windows of 256 tokens, and
        # rows of like length share a batch.
        step = 4 if longest <= 32 else 8 if longest <= 64 else max(16, 1 << (longest - 1).bit_length() - 4)
        width = max(longest, min(-(-longest // step) * step, self._folder.max_tokens))
        if rows != TOKENS_PER_BATCH // width:
            rows = next((count for count in _ROWS if count >= rows), rows)
        return rows, width

    def _hidden(self, ids: Array, lengths: Array) -> Vectors:
        request = getattr(self._own, "request", None)
        if request is None:
            request = self._own.request = self._compiled.create_infer_request()
        # Shared: the arrays are read where they lie, and the result is the request's own until its next call.
        found: Vectors = request.infer([ids, lengths], share_inputs=True, share_outputs=True)[0]
        return found


def _capabilities() -> list[str]:
    """What the plugin says of this processor: ``BF16``, ``FP32``, ..."""
    return list(import_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))

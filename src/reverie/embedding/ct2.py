"""The CPU default: CTranslate2 in float32 or int8, no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from reverie._memory import give_back_freed
from reverie.embedding.base import Vectors
from reverie.embedding.convert import prepare
from reverie.embedding.ct2_model import import_ctranslate2, write
from reverie.embedding.local import Array, LocalEmbedder, cores
from reverie.embedding.measured import measured
from reverie.embedding.models import ModelFolder, find_model
from reverie.embedding.tokens import PIECES, PieceTokens
from reverie.errors import UnsupportedModel

__all__ = ["CTranslate2Embedder", "refusal"]


def refusal(precision: str) -> str | None:
    """Why CTranslate2 does not compute in ``precision``, with the cure, or ``None``."""
    if precision in ("float32", "int8"):
        return None
    return f"ctranslate2 computes in float32 or int8; {precision} is openvino's: REVERIE_EMBEDDER=openvino or auto"


class CTranslate2Embedder(LocalEmbedder):
    """Runs a conversion on CTranslate2, one compute thread a replica."""

    def __init__(self, folder: ModelFolder, converted: Path, revision: str, *, precision: str, threads: int) -> None:
        ctranslate2 = import_ctranslate2()
        # Before the tokenizer: what that frees on its way would stay as holes between the weights, 8 MB.
        self._encoder: Any = ctranslate2.Encoder(
            str(converted),
            device="cpu",
            compute_type="int8_float32" if precision == "int8" else "float32",
            inter_threads=threads or cores(),
            intra_threads=1,
        )
        self._storage = ctranslate2.StorageView.from_array
        super().__init__(
            folder,
            revision,
            provider="ctranslate2",
            precision=precision,
            threads=threads,
            tokens=PieceTokens(converted / PIECES) if folder.packed else None,
            measured=measured(folder.name, int(folder.config["hidden_size"])),
        )
        give_back_freed()  # reading a vocabulary frees 20 MB, in holes

    @classmethod
    def load(cls, model: str, *, precision: str, threads: int, data_dir: Path) -> CTranslate2Embedder:
        """Find ``model``, convert it if that was not done yet, and load it.

        Raises ``UnsupportedModel`` when it is not here, not of the BERT family, or ``precision`` is not the engine's.
        """
        folder = find_model(model, data_dir)
        if folder.packed:
            precision = "int8"  # its weights have four bits: float32 would take four times the memory for nothing
        if reason := refusal(precision):
            raise UnsupportedModel(reason)
        converted, revision = prepare(folder, precision, data_dir, lambda target: write(folder, precision, target))
        return cls(folder, converted, revision, precision=precision, threads=threads)

    def _hidden(self, ids: Array, lengths: Array) -> Vectors:
        output = self._encoder.forward_batch(self._storage(ids), self._storage(lengths))
        return np.asarray(output.last_hidden_state)

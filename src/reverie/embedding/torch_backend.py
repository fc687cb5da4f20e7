"""SentenceTransformers: any model, the GPU when there is one, and the reference for the others' vectors."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reverie.embedding.base import Embeddings, EmbedKind, ModelSpec, OnProgress, Vectors, silent
from reverie.embedding.convert import source_hash
from reverie.embedding.models import find_model, prompts_for
from reverie.errors import MissingExtra, UnsupportedModel

__all__ = ["SentenceTransformersEmbedder"]

_TEXTS_PER_CALL = {"cuda": 512, "cpu": 64}


class SentenceTransformersEmbedder:
    """Runs a SentenceTransformers model; float16 on a GPU, float32 on the CPU. Texts beyond the window are cut off."""

    def __init__(self, model: Any, spec: ModelSpec, *, device: str) -> None:
        self._net = model
        self._spec = spec
        self._device = device
        self._lock = threading.Lock()

    @classmethod
    def load(cls, model: str, *, precision: str, threads: int, data_dir: Path) -> SentenceTransformersEmbedder:
        """Load ``model`` from this machine, or by its Hugging Face name."""
        try:
            import torch
            from sentence_transformers import SentenceTransformer
        except ModuleNotFoundError as error:
            raise MissingExtra("torch", what="The sentence-transformers embedder") from error
        if precision != "float32":
            raise UnsupportedModel("sentence-transformers runs float32 (float16 on a GPU); int8 is ctranslate2's")
        try:
            folder = find_model(model, data_dir)
            name, path, revision = folder.name, str(folder.path), source_hash(folder)
        except (UnsupportedModel, FileNotFoundError):
            name, path, revision = model.rsplit("/", 1)[-1], model, "hub"
        device = "cuda" if torch.cuda.is_available() else "cpu"
        if threads and device == "cpu":
            torch.set_num_threads(threads)
        try:
            net = SentenceTransformer(path, device=device)
        except (OSError, ValueError) as error:
            raise UnsupportedModel(f"sentence-transformers cannot load {model!r}: {error}") from error
        if device == "cuda":
            net = net.half()
        spec = ModelSpec(
            name=name,
            revision=revision,
            dimensions=int(net.get_sentence_embedding_dimension() or 0),
            provider="sentence-transformers",
            precision="float16" if device == "cuda" else "float32",
            pooling="model",
        )
        return cls(net, spec, device=device)

    @property
    def model(self) -> ModelSpec:
        """Name, revision, dimension and precision."""
        return self._spec

    def embed(
        self, texts: Sequence[str], *, kind: EmbedKind = "document", on_progress: OnProgress = silent
    ) -> Embeddings:
        """Embed ``texts``: ``(n, d)`` float32, unit length."""
        vectors = np.zeros((len(texts), self._spec.dimensions), dtype=np.float32)
        if not texts:
            return Embeddings(vectors=vectors)
        prompt = prompts_for(self._spec.name, {"prompts": getattr(self._net, "prompts", {})}).get(kind, "")
        prefixed = [prompt + text for text in texts]
        lengths = [len(self._net.tokenizer.encode(text, verbose=False)) for text in prefixed]
        window = int(self._net.max_seq_length or 10**9)
        order = sorted(range(len(texts)), key=lambda number: -lengths[number])
        step = _TEXTS_PER_CALL[self._device]
        on_progress("embedding", 0, len(texts))
        for start in range(0, len(order), step):
            numbers = order[start : start + step]
            with self._lock:
                part: Vectors = self._net.encode(
                    [prefixed[number] for number in numbers],
                    batch_size=step,
                    normalize_embeddings=True,
                    show_progress_bar=False,
                    convert_to_numpy=True,
                )
            vectors[numbers] = part
            on_progress("embedding", min(start + step, len(texts)), len(texts))
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return Embeddings(
            vectors=vectors,
            tokens=sum(min(length, window) for length in lengths),
            truncated=sum(length > window for length in lengths),
        )

    def close(self) -> None:
        """Drop the model."""
        self._net = None

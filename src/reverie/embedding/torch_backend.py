"""SentenceTransformers: any model, the GPU when there is one, and the reference for the others' vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reverie.embedding.base import Embeddings, EmbedKind, ModelSpec, OnProgress, Vectors, silent
from reverie.embedding.calibration import scale_of
from reverie.embedding.convert import source_hash
from reverie.embedding.merging import Merger
from reverie.embedding.models import find_model, prompts_for, shortens
from reverie.embedding.tokens import alphabet_of
from reverie.errors import MissingExtra, UnsupportedModel

__all__ = ["SentenceTransformersEmbedder"]

# A GPU wants thousands of tokens at a time; a CPU's caches want few, and a cancelled task to be let go of soon.
_TOKENS_PER_BATCH = {"cuda": 32_768, "cpu": 2_048}
_TEXTS_PER_TOKENIZER_CALL = 1000
_CHARS_PER_TOKEN = 64


class SentenceTransformersEmbedder:
    """Runs a SentenceTransformers model; float16 on a GPU, float32 on the CPU.

    Texts beyond the model's window are cut off there, as SentenceTransformers does, and counted in ``truncated``.
    Threads may call it at the same time: their texts form batches together.
    """

    def __init__(self, net: Any, spec: ModelSpec, *, device: str) -> None:
        self._net = net
        self._spec = spec
        self._device = device
        self._window = int(net.max_seq_length or 512)
        # Most models have a tokenizer of the transformers library: then ids are made once, in the caller's thread.
        self._by_ids = hasattr(net.tokenizer, "pad")
        forward = self._forward_ids if self._by_ids else self._forward_texts
        self._merger = Merger(forward, spec.dimensions, budget=_TOKENS_PER_BATCH[device])

    @classmethod
    def load(cls, model: str, *, precision: str, threads: int, data_dir: Path) -> SentenceTransformersEmbedder:
        """Load ``model`` from this machine, or by its Hugging Face name."""
        try:
            import torch
            from sentence_transformers import SentenceTransformer
        except ModuleNotFoundError as error:
            raise MissingExtra("torch", what="The sentence-transformers embedder") from error
        if precision != "float32":
            raise UnsupportedModel(
                f"sentence-transformers runs float32 (float16 on a GPU), not {precision}: REVERIE_PRECISION=float32"
            )
        try:
            folder = find_model(model, data_dir)
            if folder.packed:
                raise UnsupportedModel(f"{folder.name} out of its package is no model of sentence-transformers")
            name, path, revision, short = folder.name, str(folder.path), source_hash(folder), folder.shortens
        except (UnsupportedModel, MissingExtra, FileNotFoundError):
            name, path, revision = model.rsplit("/", 1)[-1], model, "hub"
            short = shortens(name)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        if threads and device == "cpu":
            torch.set_num_threads(threads)
        try:
            net = SentenceTransformer(path, device=device)
        except (OSError, ValueError) as error:
            raise UnsupportedModel(f"sentence-transformers cannot load {model!r}: {error}") from error
        if device == "cuda":
            net = net.half()
        dimensions = getattr(net, "get_embedding_dimension", net.get_sentence_embedding_dimension)()
        spec = ModelSpec(
            name=name,
            revision=revision,
            dimensions=int(dimensions or 0),
            provider="sentence-transformers",
            precision="float16" if device == "cuda" else "float32",
            pooling="model",
            shortens=short,
            scale=scale_of(name),
            alphabet=_alphabet(net),
        )
        return cls(net.eval(), spec, device=device)

    @property
    def model(self) -> ModelSpec:
        """Name, revision, dimension and precision."""
        return self._spec

    @property
    def merger(self) -> Merger:
        """The queue of batches; its counters tell how often tasks shared one."""
        return self._merger

    def embed(
        self, texts: Sequence[str], *, kind: EmbedKind = "document", on_progress: OnProgress = silent
    ) -> Embeddings:
        """Embed ``texts``: ``(n, d)`` float32, unit length."""
        on_progress("embedding", 0, len(texts))
        prompt = prompts_for(self._spec.name, {"prompts": getattr(self._net, "prompts", {})}).get(kind, "")
        # No tokenizer has to read a whole book to find where the window ends.
        most = self._window * _CHARS_PER_TOKEN
        first: dict[str, int] = {}
        index = [first.setdefault(prompt + text[:most], len(first)) for text in texts]
        items: list[Any] = []
        lengths: list[int] = []
        unique = list(first)
        for start in range(0, len(unique), _TEXTS_PER_TOKENIZER_CALL):
            chunk = unique[start : start + _TEXTS_PER_TOKENIZER_CALL]
            rows = self._ids(chunk) if self._by_ids else chunk
            lengths += map(len, rows) if self._by_ids else [1 + len(text) // 4 for text in chunk]
            items += rows
            on_progress("embedding", 0, len(texts))
        cut = {number for number, length in enumerate(lengths) if length > self._window}
        for number in cut if self._by_ids else ():
            items[number] = self._ids([unique[number]], truncation=True, max_length=self._window)[0]
        inside = [max(1, min(length, self._window)) for length in lengths]
        vectors = self._merger.embed(items, inside, _scaled(on_progress, len(texts)))
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return Embeddings(
            vectors=vectors if len(unique) == len(texts) else vectors[index],
            tokens=sum(inside),
            truncated=sum(number in cut or len(text) > most for number, text in zip(index, texts, strict=True)),
        )

    def close(self) -> None:
        """Stop the thread that feeds the device and drop the model."""
        self._merger.close()
        self._net = None

    def _ids(self, texts: list[str], **options: Any) -> list[list[int]]:
        """Token ids with special tokens; beyond the window too, unless ``options`` truncate."""
        found: list[list[int]] = self._net.tokenizer(texts, verbose=False, **options)["input_ids"]
        return found

    def _forward_ids(self, rows: list[list[int]]) -> Vectors:
        """Vectors of one batch through all of the model's modules, on the merger's thread."""
        import torch

        features = self._net.tokenizer.pad({"input_ids": rows}, return_tensors="pt", return_attention_mask=True)
        with torch.inference_mode():
            out = self._net({name: tensor.to(self._device) for name, tensor in features.items()})
        return np.asarray(out["sentence_embedding"].float().cpu().numpy(), dtype=np.float32)

    def _forward_texts(self, texts: list[str]) -> Vectors:
        """The same for a model with a tokenizer of its own (static embeddings, say)."""
        # The prompt is in the texts; without prompt="" a model's default prompt would come on top.
        out = self._net.encode(texts, batch_size=len(texts), prompt="", show_progress_bar=False, convert_to_numpy=True)
        return np.asarray(out, dtype=np.float32)


def _scaled(on_progress: OnProgress, total: int) -> OnProgress:
    """Progress in texts, where equal texts are computed once."""

    def report(stage: str, done: int, of: int) -> None:
        on_progress(stage, total * done // of, total)

    return report


def _alphabet(net: Any) -> str | None:
    quick = getattr(getattr(net, "tokenizer", None), "backend_tokenizer", None)
    return None if quick is None else alphabet_of(quick)

"""A fake embedder that needs no weights: the whole system can be tested with it."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from reverie.embedding.base import Embeddings, EmbedKind, ModelSpec, OnProgress, Vectors, silent
from reverie.embedding.calibration import REFERENCE

__all__ = ["HashEmbedder"]

_WORD = re.compile(r"[^\W_]+")
# Words that say little about a theme would otherwise pull every English text together.
_COMMON = frozenset(
    """a an and are as at be but by for from had has have he her his i in is it its me my of on or our she so that the
    their them they this to was we were will with you your""".split()  # noqa: SIM905 - a list of 42 lines reads worse
)
_COMMON_WEIGHT = 0.1
_CHUNK = 256


class HashEmbedder:
    """Deterministic vectors from word hashes: texts that share words are near each other. **A fake**, for tests.

    Every word has a fixed pseudo-random direction (feature hashing, Weinberger et al. 2009, with a dense sign vector
    instead of one bucket); a text is the unit-length sum of its words. It knows no synonyms and no word order.
    """

    def __init__(self, dimensions: int = 256) -> None:
        if not 1 <= dimensions <= 8192:
            raise ValueError("dimensions must be between 1 and 8192")
        self._model = ModelSpec(
            name=f"hash-{dimensions}",
            revision="1",
            dimensions=dimensions,
            provider="hash",
            pooling="sum",
            scale=REFERENCE,  # related is what shares words: nothing to measure
            shortens=True,  # every dimension is a sum of its own, none depends on another
        )
        self._directions = lru_cache(maxsize=20_000)(self._direction)
        self._lock = threading.Lock()

    @property
    def model(self) -> ModelSpec:
        """The fake's name and dimension."""
        return self._model

    def embed(
        self, texts: Sequence[str], *, kind: EmbedKind = "document", on_progress: OnProgress = silent
    ) -> Embeddings:
        """Embed ``texts``: ``(n, d)`` float32, unit length. A token is a word."""
        vectors = np.zeros((len(texts), self._model.dimensions), dtype=np.float32)
        tokens = 0
        on_progress("embedding", 0, len(texts))
        for start in range(0, len(texts), _CHUNK):
            for row, text in enumerate(texts[start : start + _CHUNK], start):
                # A text without words (only emoji, say) is one word to this fake.
                words = _WORD.findall(text.lower()) or [text]
                tokens += len(words)
                vectors[row] = self._embed_words(words)
            on_progress("embedding", min(start + _CHUNK, len(texts)), len(texts))
        return Embeddings(vectors=vectors, tokens=tokens)

    def close(self) -> None:
        """Nothing to free."""

    def _embed_words(self, words: list[str]) -> Vectors:
        total = np.zeros(self._model.dimensions, dtype=np.float32)
        for word in words:
            with self._lock:
                direction = self._directions(word)
            total += _COMMON_WEIGHT * direction if word in _COMMON else direction
        norm = float(np.linalg.norm(total))
        if norm < 1e-6:  # words that cancel out exactly, possible in very few dimensions
            total = np.zeros_like(total)
            total[0] = norm = 1.0
        return np.asarray(total / np.float32(norm), dtype=np.float32)

    def _direction(self, word: str) -> Vectors:
        seed = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        bits = np.random.Generator(np.random.PCG64(int.from_bytes(seed, "little"))).integers(
            0, 2, self._model.dimensions, dtype=np.int8
        )
        return (bits * 2 - 1).astype(np.float32)

"""The one seam for embedding: texts in, unit vectors out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from reverie.contracts import ModelUsed
from reverie.embedding.calibration import REFERENCE, Scale

__all__ = ["EmbedKind", "Embedder", "Embeddings", "ModelSpec", "OnProgress", "Vectors", "silent"]

Vectors = NDArray[np.float32]
"""(n, d) float32, rows of unit length."""

EmbedKind = Literal["document", "query"]

OnProgress = Callable[[str, int, int], None]
"""Called as ``(stage, done, total)`` from inside long work. It may raise to stop the work (cancellation)."""


def silent(stage: str, done: int, total: int) -> None:
    """The progress callback of callers that do not care."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Everything that decides a vector's value. Vectors whose keys differ never meet in one computation."""

    name: str
    revision: str
    dimensions: int
    provider: str
    precision: str = "float32"
    pooling: str = "mean"
    #: Whether it was trained so that the first dimensions of a vector stand for the whole (Kusupati et al. 2022).
    shortens: bool = False
    #: What its cosines mean; None for a model that was never measured. No vector depends on it.
    scale: Scale | None = None
    #: Fingerprint of what moves its vectors (``calibration.Centring``), empty when they are as the model gives them.
    centring: str = ""
    #: The characters that its tokenizer knows, where it has a token for "unknown"; None when it reads everything, or
    #: nobody can tell. No vector depends on it.
    alphabet: str | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if isinstance(self.scale, dict):  # from JSON, between processes
            object.__setattr__(self, "scale", Scale(**self.scale))

    @property
    def key(self) -> str:
        """16 hexadecimal digits that stand for all fields a vector's value depends on."""
        parts = [self.provider, self.name, self.revision, str(self.dimensions), self.precision, self.pooling]
        if self.centring:
            parts.append(self.centring)
        return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).hexdigest()

    @property
    def cosines(self) -> Scale:
        """What cosines of its vectors mean, as far as it is known."""
        return self.scale or REFERENCE

    def used(self) -> ModelUsed:
        """The same, as results carry it."""
        return ModelUsed(
            name=self.name,
            revision=self.revision,
            dimensions=self.dimensions,
            provider=self.provider,
            precision=self.precision,
        )


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Vectors and what they cost."""

    #: (n, d) float32, unit length, in the order of the texts.
    vectors: Vectors
    #: Tokens the model read, special tokens included.
    tokens: int = 0
    #: Texts longer than the model's window.
    truncated: int = 0
    #: Provider fees, US dollars.
    usd: float = 0.0


class Embedder(Protocol):
    """Turns texts into vectors. Thread-safe; synchronous, since it runs in workers."""

    @property
    def model(self) -> ModelSpec:
        """The model behind the vectors."""

    def embed(
        self, texts: Sequence[str], *, kind: EmbedKind = "document", on_progress: OnProgress = silent
    ) -> Embeddings:
        """Embed ``texts``; zero texts give a (0, d) array.

        Raises ``ProviderError`` when a provider fails for good. ``on_progress`` gets the stage "embedding".
        """

    def close(self) -> None:
        """Free the model or the connections."""

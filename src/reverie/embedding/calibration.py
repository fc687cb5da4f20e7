"""One scale for the cosines of all models.

Every constant of clustering, analysis, placing, identity and recall that is a similarity is written on one scale, the
*reference*: the cosines of all-MiniLM-L6-v2. Models differ widely. Two unrelated sentences have a cosine of .05 there,
of .84 in raw multilingual-e5-small. So a model carries a ``Scale``, a monotone map between its cosines and the
reference's, and engines read cosines through it:

- ``scale.read(cosine)``: a model's cosine, or an array of them, on the reference's scale; compare it with constants.
- ``scale.own(constant)``: a constant as a cosine of the model, where a kernel compares raw cosines.
- ``scale.relevance(cosine)``: 0 to 1, how surely a memory has to do with a question. 0 is what unrelated pairs reach,
  1 is what says the same. A floor on it (``min_relevance``) means the same for every model: below about .25 nothing is
  worth telling, whatever ranks first. A question of quantum chromodynamics put to a cook's memories stays below.

A ``Centring`` moves the vectors of a model whose vectors all point one way, before they are stored: the mean is taken
away, and so are the directions in which languages differ, so that a text is near its translation and a person who
writes two languages is not grouped by language. It changes vectors, so it is part of the model's key.

Scales are learnt by equating: the pairs of the same built-in sentences are sorted by either model's cosine, and equal
ranks are equal similarities (equipercentile equating, Kolen and Brennan 2014). ``measuring`` does it for a model at
its first use.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["NEAR", "REFERENCE", "SAME", "UNRELATED", "Centring", "Cosine", "Scale", "scale_from", "scale_of"]

T = TypeVar("T", float, NDArray[np.float32], NDArray[np.float64])


class Cosine(float):
    """A similarity on the reference's scale. Constants of this type mean the same for every model."""

    __slots__ = ()


SAME = Cosine(0.8)
"""From here on two texts say the same."""
NEAR = Cosine(0.55)
"""From here on two texts are on one subject."""
UNRELATED = Cosine(0.2)
"""Up to here two texts have nothing to do with one another: 99 of 100 unrelated pairs stay below."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A monotone, piecewise linear map between the reference's cosines and a model's own; without knots, the identity.

    ``knots``: ``(reference, own)`` pairs, both rising; 1 maps to 1 and -1 to -1.
    """

    knots: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        knots = tuple((float(a), float(b)) for a, b in self.knots)  # lists, when read from JSON
        object.__setattr__(self, "knots", knots)
        line = [(-1.0, -1.0), *knots, (1.0, 1.0)]
        if any(a >= c or b >= d for (a, b), (c, d) in itertools.pairwise(line)):
            raise ValueError("a scale's knots must rise, between -1 and 1")

    def own(self, reference: float) -> float:
        """The model's cosine that means what ``reference`` means on the reference's scale."""
        if not self.knots:
            return float(reference)
        ours, theirs = self._lines()
        return float(np.interp(reference, theirs, ours))

    def read(self, cosine: T) -> T:
        """Cosines of the model on the reference's scale; of the identity, what came in."""
        if not self.knots:
            return cosine
        ours, theirs = self._lines()
        found = np.interp(cosine, ours, theirs)
        return float(found) if isinstance(cosine, float) else np.asarray(found, dtype=cosine.dtype)

    def relevance(self, cosine: T) -> T:
        """0 for what unrelated pairs reach, 1 for what says the same, straight between."""
        part = (self.read(cosine) - UNRELATED) / (SAME - UNRELATED)
        found = np.clip(part, 0.0, 1.0)
        return float(found) if isinstance(cosine, float) else np.asarray(found, dtype=cosine.dtype)

    def _lines(self) -> tuple[list[float], list[float]]:
        line = [(-1.0, -1.0), *self.knots, (1.0, 1.0)]
        return [own for _, own in line], [reference for reference, _ in line]


REFERENCE = Scale()
"""The scale of all-MiniLM-L6-v2 itself, and of models that were never measured."""


def scale_of(name: str) -> Scale | None:
    """The scale of a model that is known by its name, or ``None``."""
    return REFERENCE if "all-minilm-l6-v2" in name.lower() else None


def scale_from(own: NDArray[np.float64], ranks: Mapping[float, float]) -> Scale:
    """The scale of a model from its cosines ``own`` of the built-in pairs.

    ``ranks``: for levels of the reference, the part of the same pairs that stays below it there. Levels that the model
    does not tell apart are left out: the line between their neighbours stands for them.
    """
    knots: list[tuple[float, float]] = []
    for level, rank in sorted(ranks.items()):
        found = round(float(np.quantile(own, rank)), 4)
        if (knots[-1][1] if knots else -1.0) + 1e-3 < found < 0.9999:
            knots.append((level, found))
    return Scale(tuple(knots))


@dataclass(frozen=True, eq=False)
class Centring:
    """A shift and a projection of a model's vectors."""

    #: (d,) mean of unit vectors of texts of many languages.
    mean: NDArray[np.float32]
    #: (k, d) orthonormal directions in which languages differ.
    directions: NDArray[np.float32]

    def __call__(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, d) unit vectors, moved and of unit length again."""
        moved = vectors - self.mean
        moved -= (moved @ self.directions.T) @ self.directions
        length = np.linalg.norm(moved, axis=1, keepdims=True)
        return np.asarray(moved / np.maximum(length, 1e-6), dtype=np.float32)

    @property
    def fingerprint(self) -> str:
        """8 hexadecimal digits of the numbers in it."""
        data = np.concatenate([self.mean[None], self.directions]).astype("<f4").tobytes()
        return hashlib.blake2b(data, digest_size=4).hexdigest()

    @classmethod
    def learnt(cls, vectors: NDArray[np.float32], directions: int) -> Centring:
        """From ``(languages, sentences, d)`` vectors of parallel sentences.

        The mean is over everything. The directions are the strongest of the languages' means around it (singular value
        decomposition): what differs between translations of the same sentences is the language.
        """
        means = vectors.mean(axis=1, dtype=np.float64)
        mean = means.mean(axis=0)
        _, _, right = np.linalg.svd(means - mean, full_matrices=False)
        return cls(mean.astype(np.float32), np.ascontiguousarray(right[:directions], dtype=np.float32))

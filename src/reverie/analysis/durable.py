"""What lasts: whether a text states something of the person that will still be true next year, and of what kind.

Two witnesses, neither trained on anybody's data: how much nearer a text's vector is to sentences that state lasting
facts than to chatter (few-shot prototypes, Snell et al. 2017, with the three nearest of each side), and the wording.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from reverie.analysis.cues import Cues, read_cues
from reverie.analysis.junk import noise
from reverie.analysis.known_texts import KnownTexts, read_once
from reverie.embedding.base import Vectors

__all__ = ["LASTING", "Durable", "Prototypes", "prototype_texts", "read_durable"]

_NEAREST = 3
_CUE = 0.8
_BIAS = -0.4
_STEEPEST = 16.0
"""No model may let the vectors alone decide."""

LASTING = 0.5
"""Score from which a memory is said to name a lasting fact."""


@dataclass(frozen=True, slots=True)
class Durable:
    """What a text states that lasts."""

    #: 0 passing to 1 lasting.
    score: float
    #: "allergy", "family", "home", ...; None where nothing lasting is stated.
    kind: str | None
    #: The person asks for something never to be said or done: both a fact and an instruction.
    boundary: bool
    #: False for commands, stock phrases, links, code and the like, see ``junk``.
    says: bool = True

    @property
    def reason(self) -> str:
        """Why, in words; empty for what passes."""
        if self.boundary:
            return "sets a boundary"
        return f"names a lasting fact: {self.kind}" if self.kind else ""


@dataclass(frozen=True, slots=True)
class Sentences:
    """The prototypes: lasting ones first, then passing ones."""

    texts: tuple[str, ...]
    #: The kind of each lasting sentence.
    kinds: tuple[str, ...]


@lru_cache(maxsize=1)
def prototype_texts() -> Sentences:
    """The sentences whose vectors ``Prototypes`` needs."""
    folder = files("reverie.analysis") / "prototypes"
    lasting: list[str] = []
    kinds: list[str] = []
    kind = ""
    for line in _lines((folder / "lasting.txt").read_text("utf-8")):
        if line.startswith("["):
            kind = line[1:-1]
        else:
            lasting.append(line)
            kinds.append(kind)
    passing = _lines((folder / "passing.txt").read_text("utf-8"))
    return Sentences((*lasting, *passing), tuple(kinds))


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


class Prototypes:
    """The sentences in the space of one model."""

    def __init__(self, vectors: Vectors) -> None:
        """``vectors``: (len(prototype_texts().texts), d) unit length. Raises ``ValueError`` for another number."""
        sentences = prototype_texts()
        if len(vectors) != len(sentences.texts):
            raise ValueError(f"{len(vectors)} vectors for {len(sentences.texts)} prototypes")
        count = len(sentences.kinds)
        self._lasting = np.ascontiguousarray(vectors[:count], dtype=np.float32)
        self._passing = np.ascontiguousarray(vectors[count:], dtype=np.float32)
        self._kinds = sentences.kinds
        self._slope, self._middle = self._fit()

    @property
    def dimensions(self) -> int:
        """Of the model."""
        return int(self._lasting.shape[1])

    def compare(self, vectors: Vectors) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Of each row of ``vectors`` ((n, d), unit length): the log odds of lasting, the nearest lasting sentence."""
        near = vectors @ self._lasting.T
        odds = _mean_of_nearest(near, _NEAREST) - _mean_of_nearest(vectors @ self._passing.T, _NEAREST)
        return self._slope * (odds - self._middle), near.argmax(axis=1)

    def kind(self, sentence: int) -> str:
        """What a lasting sentence is about."""
        return self._kinds[sentence]

    def _fit(self) -> tuple[float, float]:
        """Slope and middle, read off the sentences themselves: each is compared with the others (leave one out).

        Linear discriminant analysis (Fisher 1936) in one dimension. A model that tells the two sides apart badly has
        a flat slope, and leaves the word to the wording.
        """
        own_lasting = self._lasting @ self._lasting.T
        own_passing = self._passing @ self._passing.T
        np.fill_diagonal(own_lasting, -1.0)
        np.fill_diagonal(own_passing, -1.0)
        across = self._lasting @ self._passing.T
        lasting = _mean_of_nearest(own_lasting, _NEAREST) - _mean_of_nearest(across, _NEAREST)
        passing = _mean_of_nearest(across.T, _NEAREST) - _mean_of_nearest(own_passing, _NEAREST)
        gap = float(lasting.mean() - passing.mean())
        spread = float((lasting.var() * len(lasting) + passing.var() * len(passing)) / (len(lasting) + len(passing)))
        slope = min(_STEEPEST, max(0.0, gap / max(spread, 1e-9)))
        return slope, float(lasting.mean() + passing.mean()) / 2


def _mean_of_nearest(similar: NDArray[np.float32], count: int) -> NDArray[np.float64]:
    count = min(count, similar.shape[1])
    return np.asarray(np.partition(similar, -count, axis=1)[:, -count:].mean(axis=1, dtype=np.float64))


def read_durable(
    texts: Sequence[str],
    vectors: Vectors | None = None,
    prototypes: Prototypes | None = None,
    known: KnownTexts | None = None,
) -> list[Durable]:
    """What each text states that lasts.

    ``vectors``: (n, d) unit length, of the model of ``prototypes``; without both the wording alone decides. A text's
    score depends on nothing but itself: other memories never lower it. ``known``: what was read before.
    """
    cues = [read_once(known, "cues", text, read_cues) for text in texts]
    odds, nearest = np.zeros(len(texts)), np.full(len(texts), -1)
    if prototypes is not None and vectors is not None and len(texts) and vectors.shape[1] == prototypes.dimensions:
        odds, nearest = prototypes.compare(vectors)
    level = np.array([c.level for c in cues], dtype=np.float64)
    # Where the wording can be read and says nothing lasting, the vector alone is believed less.
    silent = (level <= 0) & np.array([c.readable for c in cues], dtype=bool)
    scores = 1.0 / (1.0 + np.exp(-np.clip(odds + _CUE * level + _BIAS - silent, -30.0, 30.0)))
    return [
        _one(text, cue, float(score), prototypes.kind(at) if prototypes is not None and at >= 0 else None)
        for text, cue, score, at in zip(texts, cues, np.round(scores, 6).tolist(), nearest.tolist(), strict=True)
    ]


def _one(text: str, cue: Cues, score: float, nearest: str | None) -> Durable:
    if noise(text) is not None:
        return Durable(0.0, None, False, says=False)
    if cue.boundary:
        return Durable(max(score, LASTING), "boundary", True)
    return Durable(score, (cue.kind or nearest) if score >= LASTING else None, False)

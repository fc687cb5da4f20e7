"""Everyday topics that a theme can be named after: which of them fits a group, and how surely."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from reverie.clustering.geometry import unit
from reverie.clustering.remembered import Remembered
from reverie.embedding.base import Vectors
from reverie.embedding.calibration import REFERENCE, Cosine, Scale

__all__ = ["Topics", "stem", "stems_of", "topic_names", "topic_wordings"]

_COMMON = 0.3
"""How much of a topic's likeness to the person as a whole is taken off: everything of a cook is like cooking."""
_LITERAL = 0.05
"""What a topic gains when all members hold its words."""
_LOOKED_AT = 12
_WITHIN = 0.08
"""Topics of a group that are looked at, and how far behind its best they may be."""
_BEHIND = _WITHIN + _LITERAL + 1e-5
_HELD = 0.3
_FITS = Cosine(0.42)
_FITS_UNSAID, _FITS_HALF_SAID = Cosine(0.57), Cosine(0.63)
"""Likeness from which a topic may name a group whose members hold its words, one whose members do not, and one where
half of them hold one word and none another: much of what is said of an account is like "closing an account"."""
_SAID, _HARDLY = 0.5, 0.1

_BROAD = frozenset(
    (
        *("family", "friends", "children", "health", "gardening", "cooking", "music", "films", "travel", "clothes"),
        *("cars", "public transport", "fishing", "flatmates", "household appliances", "programming", "greetings"),
    )
)
"""Topics that hold others, for a group that none of those names: orchids and seedlings are gardening."""
_FITS_BROAD, _BROAD_WITHIN, _OF_MOST = Cosine(0.4), 0.06, 0.5
"""Likeness from which a broad topic may name a group, how far behind its best topic, and the share of members that are
more like it than most of the person's texts (a deviation above their mean)."""

_JOINING = frozenset(("and", "of", "the", "a", "an", "on", "in", "for", "with", "from", "to", "at", "not"))
_WORD = re.compile(r"[^\W_]+")


@lru_cache(maxsize=1)
def topic_names() -> tuple[str, ...]:
    """The topics, as they are shown."""
    lines = (files("reverie.clustering") / "topics.txt").read_text("utf-8").splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))


@lru_cache(maxsize=1)
def topic_wordings() -> tuple[tuple[str, ...], ...]:
    """What is embedded for each topic: the name alone, and as it comes up in memories."""
    return tuple((name, f"a note about {name}", f"I talked about {name} again.") for name in topic_names())


@dataclass(frozen=True, slots=True)
class Fit:
    """A topic and how well it fits a group."""

    topic: int
    score: float
    #: Likeness of the topic to the group's centre, on the reference's scale.
    likeness: float
    #: 0 to 1: twice the least share of members (two at least) that hold each of the topic's words, at most 1.
    held: float
    #: 0 to 1: the largest share of members that hold one of its words.
    most: float = 0.0


class Topics:
    """The topics in the space of one model."""

    def __init__(self, vectors: Vectors) -> None:
        """``vectors``: (len(topic_names()), d) unit length, of ``topic_wordings``. Raises ``ValueError`` for others."""
        if len(vectors) != len(topic_names()):
            raise ValueError(f"{len(vectors)} vectors for {len(topic_names())} topics")
        self.names = topic_names()
        self.dimensions = int(vectors.shape[1])
        self._vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        self._stems = [[stem(w) for w in _words(name) if w not in _JOINING] for name in self.names]
        self._broad = [at for at, name in enumerate(self.names) if name in _BROAD]
        self._at = {name.casefold(): at for at, name in enumerate(self.names)}

    def index(self, name: str) -> int | None:
        """The topic of this name, in whatever case."""
        return self._at.get(name.casefold())

    def stems(self, topic: int) -> list[str]:
        """Stems of a topic's words."""
        return self._stems[topic]

    def fits(
        self,
        centres: NDArray[np.float32],
        members: Sequence[NDArray[np.int64]],
        stems: Sequence[frozenset[str]],
        english: Sequence[float],
        earlier: Sequence[int | None],
        scale: Scale = REFERENCE,
        x: Vectors | None = None,
    ) -> list[list[Fit]]:
        """Of each group the topics that may name it, best first.

        ``centres``: (groups, d) unit length. ``stems``: of each text. ``english``: share of each group's members that
        are written in English; the list is, so a group of another language is named by it only where its words are
        said. ``earlier``: topics that named the groups before, looked at whatever their place. ``x``: (n, d) vectors of
        the texts, without which no group gets a broad topic.
        """
        if not len(centres):
            return []
        likeness = np.round(scale.read((centres @ self._vectors.T).astype(np.float64)), 6)
        usual = unit(centres.mean(axis=0, keepdims=True).astype(np.float32))
        base = likeness - _COMMON * np.round(scale.read((usual @ self._vectors.T).astype(np.float64)), 6)
        # What is further behind the best than that cannot pass, whatever its words add.
        hopeful = base >= base.max(axis=1, keepdims=True) - _BEHIND
        broad = _Broad(x, self._vectors) if x is not None else None
        out = []
        for group, own in enumerate(members):
            row = base[group]
            near = np.flatnonzero(hopeful[group]).tolist()
            if len(near) > _LOOKED_AT:
                near = np.argpartition(-row, min(_LOOKED_AT, len(row) - 1))[:_LOOKED_AT].tolist()
            asked = earlier[group]
            if asked is not None and asked not in near:
                near.append(asked)
            counted = _shares({s for topic in near for s in self._stems[topic]}, own, stems)
            fits = []
            for topic in near:
                shares = [counted[s] for s in self._stems[topic]] or [0.0]
                held, most = min(1.0, 2.0 * min(shares)), max(shares)
                fits.append((-round(float(row[topic]) + _LITERAL * held, 6), topic, held, most))
            fits.sort()
            top = -fits[0][0]
            passing = [
                fit
                for less, topic, held, most in fits
                if -less >= top - _WITHIN
                and _passes(
                    fit := Fit(topic, -less, float(likeness[group, topic]), held, most), len(own), english[group]
                )
            ]
            if not passing and broad is not None and len(own) > 2 and english[group] >= 0.5:
                passing = self._broad_fits(likeness[group], row, top, own, broad)
            out.append(passing)
        return out

    def _broad_fits(
        self,
        likeness: NDArray[np.float64],
        row: NDArray[np.float64],
        top: float,
        own: NDArray[np.int64],
        broad: _Broad,
    ) -> list[Fit]:
        """The broad topic of a group that no topic names."""
        near = [t for t in self._broad if row[t] >= top - _BROAD_WITHIN and likeness[t] >= _FITS_BROAD]
        found = [
            Fit(topic, round(float(row[topic]), 6), float(likeness[topic]), 0.0)
            for topic in near
            if broad.more_than_usual(topic, own) >= _OF_MOST
        ]
        return sorted(found, key=lambda f: (-f.score, f.topic))


class _Broad:
    """Which texts are more like a broad topic than most are: found once for all groups that ask."""

    def __init__(self, x: Vectors, topics: Vectors) -> None:
        self._x, self._topics = x, topics
        self._like: dict[int, NDArray[np.bool_]] = {}

    def more_than_usual(self, topic: int, own: NDArray[np.int64]) -> float:
        """The share of texts ``own`` that are."""
        if topic not in self._like:
            each = self._x @ self._topics[topic]
            self._like[topic] = each > each.mean() + each.std()
        return float(self._like[topic][own].mean())


def _passes(fit: Fit, size: int, english: float) -> bool:
    if english < 0.5 and fit.held < _HELD:
        return False
    said = fit.held >= _HELD and fit.likeness >= _FITS and size > 2
    half_said = fit.most >= _SAID and fit.held < 2 * _HARDLY
    return said or fit.likeness >= (_FITS_HALF_SAID if half_said else _FITS_UNSAID)


def _shares(wanted: set[str], own: NDArray[np.int64], stems: Sequence[frozenset[str]]) -> dict[str, float]:
    counts = dict.fromkeys(wanted, 0)
    for i in own.tolist():
        for found in wanted & stems[i]:
            counts[found] += 1
    # What one of several says is no word of the group.
    fewest = min(2, len(own))
    return {s: count / len(own) if count >= fewest else 0.0 for s, count in counts.items()}


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _stems_in(piece: str) -> tuple[str, ...]:
    return tuple(map(stem, _WORD.findall(piece)))


_stems = Remembered(_stems_in)
"""Of each piece of ASCII text, in small letters and without a space, the stems of its words."""


def stems_of(text: str) -> frozenset[str]:
    """The stems of a text's words."""
    text = text.lower()
    if text.isascii():
        return frozenset(chain.from_iterable(map(_stems.__getitem__, text.split())))
    return frozenset(map(stem, _WORD.findall(text)))


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """An English word without its commonest endings, so that "climbed" and "climbing" are one."""
    if len(word) < 4 or not word.isascii():
        return word
    for ending in ("ings", "ing", "ies", "ied", "ers", "ed", "es", "er", "s", "y", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: -len(ending)]
            break
    # "running" and "run": a doubled consonant goes with the ending.
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouls" else word

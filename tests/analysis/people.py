"""Made-up users: memories with vectors, dates with and without a planted regularity."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from reverie.analysis import analyze
from reverie.contracts import AnalyzeOptions, AnalyzeResult, Memory
from reverie.embedding import HashEmbedder, Vectors

NOW = datetime(2026, 6, 1, tzinfo=UTC)
START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday

_THEMES = (
    "the cat sleeps on the warm sofa and purrs",
    "guitar practice in the band with new songs",
    "hiking in the mountains with a heavy backpack",
    "python code and a bug in the compiler",
    "baking bread with sourdough and rye flour",
)


def embed(texts: Sequence[str]) -> Vectors:
    return HashEmbedder(128).embed(list(texts)).vectors


def memories(texts: Sequence[str], days: Sequence[float] | None = None) -> list[Memory]:
    """``days`` after ``START``; none without."""
    return [
        Memory(id=f"m{i}", text=text, created_at=None if days is None else START + timedelta(days=float(days[i])))
        for i, text in enumerate(texts)
    ]


def themed(n: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    out = []
    for i in range(n):
        words = _THEMES[i % len(_THEMES)].split()
        out.append(" ".join(rng.permutation(words)[:6]) + f" w{rng.integers(1000)}")
    return out


def run(found: Sequence[Memory], options: AnalyzeOptions | None = None, now: datetime = NOW) -> AnalyzeResult:
    return analyze(found, embed([m.text for m in found]), options, now=now)

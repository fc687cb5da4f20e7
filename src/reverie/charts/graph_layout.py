"""Where the nodes of a graph go: each community a disc, its typical memories in the middle, discs packed.

A sunflower (Vogel 1979) fills a disc evenly with any number of nodes, and packing discs needs no forces: the layout is
linear in nodes, the same every time, and shows the communities, which a force layout of thousands of nodes hides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Disc", "Layout", "lay_out"]

_GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))


@dataclass(frozen=True, slots=True)
class Disc:
    """A community's place."""

    x: float
    y: float
    radius: float


@dataclass(frozen=True, slots=True)
class Layout:
    """``places`` maps memory ids to ``(x, y)``; ``discs`` follow the communities. Nodes are about one unit apart."""

    places: dict[str, tuple[float, float]]
    discs: list[Disc]


def lay_out(communities: Sequence[Sequence[str]], aspect: float = 1.4) -> Layout:
    """Places for the members of ``communities`` (most central first), wider than high by ``aspect``."""
    discs = _pack([np.sqrt(len(members)) * 0.62 + 0.9 for members in communities], aspect)
    places: dict[str, tuple[float, float]] = {}
    for disc, members in zip(discs, communities, strict=True):
        for (x, y), memory in zip(_sunflower(len(members)), members, strict=True):
            places[memory] = (disc.x + float(x), disc.y + float(y))
    return Layout(places, discs)


def _sunflower(count: int) -> NDArray[np.float64]:
    steps = np.arange(count)
    radius = 0.62 * np.sqrt(steps + (0.0 if count == 1 else 0.35))
    return np.stack([radius * np.cos(steps * _GOLDEN_ANGLE), radius * np.sin(steps * _GOLDEN_ANGLE)], axis=1)


def _pack(radii: Sequence[float], aspect: float) -> list[Disc]:
    """Largest first, each as near to the middle as the others let it."""
    placed: dict[int, Disc] = {}
    for index in sorted(range(len(radii)), key=lambda i: (-radii[i], i)):
        radius = radii[index]
        if not placed:
            placed[index] = Disc(0.0, 0.0, radius)
            continue
        others = np.array([(d.x, d.y, d.radius) for d in placed.values()])
        angles = np.linspace(0, 2 * np.pi, 36, endpoint=False)
        # Candidates touch one of the discs already there.
        reach = others[:, 2][:, None] + radius + 0.7
        x = (others[:, 0][:, None] + reach * np.cos(angles)).ravel()
        y = (others[:, 1][:, None] + reach * np.sin(angles)).ravel()
        apart = np.hypot(x[:, None] - others[:, 0], y[:, None] - others[:, 1]) - others[:, 2] - radius
        free = (apart > 0.65).all(axis=1)
        cost = np.where(free, np.hypot(x / aspect, y), np.inf)
        best = int(np.argmin(cost))
        placed[index] = Disc(float(x[best]), float(y[best]), radius)
    return [placed[index] for index in range(len(radii))]

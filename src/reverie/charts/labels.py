"""Labels that neither collide nor leave the sheet: greedy, largest first, on rings around what they name.

After Christensen, Marks and Shieber 1995 (greedy placement over candidate positions), with the points under a label
as its cost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reverie.charts.sheet import Box

__all__ = ["Label", "Placed", "place"]

_DIRECTIONS = ((0.0, 0.0), (0, -1), (0, 1), (1, 0), (-1, 0), (0.8, -0.8), (-0.8, -0.8), (0.8, 0.8), (-0.8, 0.8))


@dataclass(frozen=True, slots=True)
class Label:
    """What wants a label: the anchor it names and the size of its text, pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a label went: the index of the ``Label`` and the middle of its text, pixels."""

    index: int
    x: float
    y: float
    moved: float


def place(
    labels: Sequence[Label], bounds: Box, points: NDArray[np.float64], *, step: float, rings: int = 7
) -> list[Placed]:
    """Places for as many labels as fit; earlier ones come first. ``points`` is ``(n, 2)`` in pixels."""
    taken: list[Box] = []
    out: list[Placed] = []
    for index, label in enumerate(labels):
        best: tuple[float, float, float, float, Box] | None = None
        for x, y, moved in _candidates(label, step, rings):
            box = _box(x, y, label)
            if not _inside(box, bounds) or any(_overlap(box, other) for other in taken):
                continue
            cost = moved / step + 0.6 * np.sqrt(_covered(box, points))
            if best is None or cost < best[0]:
                best = (cost, x, y, moved, box)
        if best is not None:
            taken.append(best[4])
            out.append(Placed(index, best[1], best[2], best[3]))
    return out


def _candidates(label: Label, step: float, rings: int) -> Iterator[tuple[float, float, float]]:
    for ring in range(rings):
        for dx, dy in _DIRECTIONS[:1] if ring == 0 else _DIRECTIONS[1:]:
            across, down = dx * (ring * step + label.width * 0.35 * bool(ring)), dy * ring * step
            yield label.x + across, label.y + down, ring * step


def _box(x: float, y: float, label: Label, pad: float = 4.0) -> Box:
    half_width, half_height = label.width / 2 + pad, label.height / 2 + pad
    return x - half_width, y - half_height, x + half_width, y + half_height


def _inside(box: Box, bounds: Box) -> bool:
    return box[0] >= bounds[0] and box[1] >= bounds[1] and box[2] <= bounds[2] and box[3] <= bounds[3]


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _covered(box: Box, points: NDArray[np.float64]) -> int:
    x, y = points[:, 0], points[:, 1]
    return int(np.count_nonzero((x > box[0]) & (x < box[2]) & (y > box[1]) & (y < box[3])))

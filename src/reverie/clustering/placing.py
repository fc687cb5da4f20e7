"""A few new memories put into the themes of an earlier run, without a full run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reverie.clustering.geometry import unit
from reverie.clustering.identity import ThemeState
from reverie.embedding.base import Vectors
from reverie.embedding.calibration import REFERENCE, Cosine, Scale

__all__ = ["Placement", "place"]

_MARGIN = Cosine(0.1)
"""Lead over the second nearest theme, or distance from all, from which a full run is expected to agree."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a new memory goes."""

    #: None when it is farther from every theme than nearly all of their members.
    theme_id: str | None
    #: Cosine similarity to the centre of the nearest theme.
    closeness: float
    #: Whether a full run can be expected to give the same; when many are not, run in full.
    certain: bool


def place(vectors: Vectors, states: Sequence[ThemeState], scale: Scale = REFERENCE) -> list[Placement]:
    """The theme of each new memory by its nearest centre; ``vectors`` (n, d) float32.

    Exact only in that the old memories stay where they are: a full run also lets new memories found, join and divide
    themes. Deterministic, and independent of what else is placed. Raises ``ValueError`` when dimensions differ.
    """
    x = unit(np.asarray(vectors, dtype=np.float32))
    if not states or not len(x):
        return [Placement(None, 0.0, False) for _ in x]
    centres = np.stack([s.centroid for s in states])
    if centres.shape[1] != x.shape[1]:
        raise ValueError(f"vectors have {x.shape[1]} dimensions, the themes {centres.shape[1]}")
    reach = scale.read(np.array([s.reach for s in states], dtype=np.float64))
    placed = []
    # Row by row: the shape of a matrix product can change its last bits, and so could company.
    for row in x:
        closeness = np.round(scale.read((centres * row).sum(axis=1)), 5)
        best = int(closeness.argmax())
        rest = np.delete(closeness, best)
        lead = float(closeness[best] - rest.max()) if len(rest) else 1.0
        near, limit = float(closeness[best]), float(reach[best])
        certain = lead >= _MARGIN if near >= limit else near < limit - _MARGIN
        placed.append(Placement(states[best].id if near >= limit else None, near, certain))
    return placed

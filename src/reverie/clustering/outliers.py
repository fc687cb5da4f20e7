"""What belongs nowhere, and where small leftovers go."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reverie.clustering.geometry import centres_of, dots
from reverie.clustering.grouping import SMALL, Labels, Neighbourhood
from reverie.embedding.base import Vectors
from reverie.embedding.calibration import REFERENCE, Cosine, Scale

__all__ = ["settle", "strangeness"]

_APART = {True: 0.42, False: 0.55}
"""Part of the usual similarity to the nearest others below which a memory is an outlier, in small and large sets."""
_CROWD = (2, 5)
"""Fewest and most nearest others that are looked at, half the root of n between: a theme of few may have no more."""
_ONE_TOPIC = 0.05
"""Usual similarity, after centring, below which the set has nothing to tell its memories apart by."""
_UNRELATED = Cosine(0.2)
"""Cosine similarity to the nearest other below which a memory is an outlier in any set."""
_ALL_UNRELATED = Cosine(0.25)
"""Median of these below which the set has no themes at all. Models whose vectors are all alike never get there."""


def strangeness(near: Neighbourhood) -> NDArray[np.float64]:
    """How little each memory belongs: 0 for the usual similarity to its nearest others, 1 for none.

    The mean similarity to the nearest few (Ramaswamy et al. 2000), as a part of the set's median, so that no threshold
    depends on the model. Distance from the centre of its theme was measured too, and only added noise: a broad theme's
    rim is far from its centre.
    """
    n = len(near.value)
    if n < 2:
        return np.zeros(n)
    few = near.value[:, : int(np.clip(round(n**0.5 / 2), *_CROWD))]
    # Neighbours that are copies of one another count once and leave zeros.
    crowd = few.sum(axis=1, dtype=np.float64) / np.maximum((few != 0).sum(axis=1), 1)
    usual = float(np.median(crowd))
    # Centred vectors of one single topic point away from one another: no memory is nearer than usual.
    if usual < _ONE_TOPIC:
        return np.zeros(n)
    return np.asarray(np.round(1.0 - crowd / usual, 4), dtype=np.float64)


def settle(
    x: Vectors,
    near: Neighbourhood,
    labels: Labels,
    weights: NDArray[np.int64],
    least: int,
    placed: NDArray[np.bool_] | None = None,
    scale: Scale = REFERENCE,
) -> Labels:
    """Final labels 0.., -1 for none: groups that are too small dissolve into the nearest ones, outliers leave.

    ``x``: (n, d) unit vectors, not centred. ``weights``: memories each row stands for. A group needs ``least`` memories
    and two distinct ones, so that copies of one text are no theme. ``placed``: rows whose
    theme was known before; they are never outliers.
    ``scale``: what cosines mean.
    """
    n = len(labels)
    count = int(labels.max()) + 1 if n else 0
    small = (np.bincount(labels, weights, count) < least) | (np.bincount(labels, minlength=count) < 2)
    if small.all():
        return np.full(n, -1, dtype=np.int64)
    out = labels.copy()
    loose = small[labels]
    if loose.any():
        closeness = np.round(near.centred[loose] @ centres_of(near.centred, labels, count).T, 5)
        out[loose] = np.where(small[None, :], -2.0, closeness).argmax(axis=1)
    nearest = np.round(scale.read(dots(x, np.arange(n), near.index[:, 0])), 5)
    if placed is None and float(np.median(nearest)) < _ALL_UNRELATED:
        return np.full(n, -1, dtype=np.int64)
    strange = (strangeness(near) > 1.0 - _APART[n <= SMALL]) | (nearest < _UNRELATED)
    out[strange if placed is None else strange & ~placed] = -1
    return _renumber(out, weights, least)


def _renumber(labels: Labels, weights: NDArray[np.int64], least: int) -> Labels:
    """Labels without gaps, once more without groups that have become too small."""
    out = labels.copy()
    count = int(out.max()) + 1 if len(out) else 0
    kept = out >= 0
    sizes = np.bincount(out[kept], weights[kept], count)
    distinct = np.bincount(out[kept], minlength=count)
    new = np.full(count + 1, -1, dtype=np.int64)
    good = np.flatnonzero((sizes >= least) & (distinct >= 2))
    new[good] = np.arange(len(good))
    return np.asarray(new[out], dtype=np.int64)

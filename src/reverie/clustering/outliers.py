"""What belongs nowhere, and where small leftovers go."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reverie.clustering.geometry import centres_of
from reverie.clustering.grouping import Labels, Neighbourhood

__all__ = ["settle", "strangeness"]

_STRANGE = 1.7
"""Robust standard deviations below the middle at which a memory counts as a stranger in a very large set."""
_DOUBT = 8.0
"""What is added for small sets, divided by the square root of their size."""


def strangeness(near: Neighbourhood, labels: Labels) -> NDArray[np.float64]:
    """How little each memory belongs, in robust standard deviations above the middle.

    The mean of two views: thinness of its surroundings (mean similarity to its nearest neighbours, Ramaswamy et al.
    2000) and distance from its group's centre. Each is put on the scale of its own median and median absolute
    deviation over the set, so that no threshold depends on the model.
    """
    n = len(labels)
    if n < 2:
        return np.zeros(n)
    counted = np.maximum((near.value != 0).sum(axis=1), 1)
    crowd = near.value.sum(axis=1, dtype=np.float64) / counted
    centre = centres_of(near.centred, labels, int(labels.max()) + 1)
    closeness = np.einsum("nd,nd->n", near.centred, centre[labels]).astype(np.float64)
    return -np.round((_robust(crowd) + _robust(closeness)) / 2, 4)


def _robust(value: NDArray[np.float64]) -> NDArray[np.float64]:
    middle = np.median(value)
    spread = 1.4826 * np.median(np.abs(value - middle))
    return np.asarray((value - middle) / max(float(spread), 0.02), dtype=np.float64)


def settle(near: Neighbourhood, labels: Labels, weights: NDArray[np.int64], least: int) -> Labels:
    """Final labels 0.., -1 for none: groups that are too small dissolve into the nearest ones, strangers leave.

    ``weights``: memories each row stands for. A group needs ``least`` memories and two distinct ones, so that copies
    of one text are no theme.
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
    # The fewer memories, the less is known of what is usual among them.
    limit = _STRANGE + _DOUBT / np.sqrt(n)
    out[strangeness(near, out) > limit] = -1
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

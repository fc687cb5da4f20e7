"""Themes that stay: the user's previous grouping is kept, and added to, unless a new one is clearly better."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from reverie.clustering.duplicates import Copies
from reverie.clustering.grouping import Labels, Neighbourhood, scorer
from reverie.clustering.identity import ThemeState
from reverie.embedding.base import Vectors

__all__ = ["carry"]

_KNOWN = 0.6
"""Part of the memories that must have a theme already, and of earlier members that must still be there."""
_BETTER = 0.04
"""What a new grouping's score must be ahead by. Neighbouring cuts of one tree differ by about .01."""


def carry(
    x: Vectors, near: Neighbourhood, fresh: Labels, copies: Copies, ids: Sequence[str], previous: Sequence[ThemeState]
) -> tuple[Labels, NDArray[np.bool_]] | None:
    """The previous groups with the new memories in them, and which rows were members already; None to use ``fresh``.

    ``x``: (n, d) unit vectors of the distinct texts; ``ids``: of all memories; ``fresh``: this run's own groups. Among
    cuts of nearly the same score the best one changes with every few memories; people should not see that (evolutionary
    clustering, Chakrabarti et al. 2006). A new memory goes to the theme with the nearest centre, as in ``place``, but
    where most of a fresh group is new, a theme is born.
    """
    if not previous or not len(x) or len(previous[0].centroid) != x.shape[1]:
        return None
    theme_of = {memory: j for j, state in enumerate(previous) for memory in state.memory_ids}
    old = np.array([next((theme_of[ids[i]] for i in c if ids[i] in theme_of), -1) for c in copies], dtype=np.int64)
    placed = old >= 0
    there = sum(i in theme_of for i in ids)
    if placed.mean() < _KNOWN or there < _KNOWN * len(theme_of):
        return None
    labels = old.copy()
    centres = np.stack([state.centroid for state in previous])
    labels[~placed] = np.round(x[~placed] @ centres.T, 5).argmax(axis=1)
    count = int(fresh.max()) + 1
    newcomers = np.bincount(fresh[~placed], minlength=count) > 0.5 * np.bincount(fresh, minlength=count)
    born = ~placed & newcomers[fresh]
    labels[born] = len(previous) + fresh[born]
    labels = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    if previous[0].moved:
        # Two models never agree on what groups best, and who begins to write another language asked for no other
        # themes: they stay until two fifths of the memories are new.
        return labels, placed
    score = scorer(x, near)
    if score(labels) < score(fresh) - _BETTER:
        return None
    return labels, placed

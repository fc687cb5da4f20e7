"""What is one theme however it is cut: groups that say the same, and one text said again and again.

A score that compares distances with distances finds groups in anything, also in a thousand copies of one sentence with
other numbers. So two groups must differ by more than the wordings of one claim do.
"""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from reverie.clustering.geometry import sums_of
from reverie.clustering.grouping import Labels
from reverie.clustering.nearest import Indices
from reverie.embedding.base import Vectors
from reverie.embedding.calibration import REFERENCE, Cosine, Scale

__all__ = ["joined", "repeated"]

_ONE_CLAIM = Cosine(0.9)
"""Mean similarity between the members of two groups from which they are one."""
_ALIKE = Cosine(0.5)
"""Similarity from which two texts that are said again and again are one theme."""
_AGAIN = 5
"""Copies from which a text is a theme by itself."""
_BLOCK = 512
"""Rows whose products with all leaders are made at once."""


def joined(x: Vectors, labels: Labels, scale: Scale = REFERENCE) -> Labels:
    """Groups 0.. of ``x`` (n, d), unit length, without those that only divide one claim; -1 stays."""
    count = int(labels.max()) + 1 if len(labels) else 0
    if count < 2:
        return labels
    sizes = np.maximum(np.bincount(labels[labels >= 0], minlength=count), 1)
    means = sums_of(x, labels, count) / sizes[:, None]
    between = np.round((means @ means.T).astype(np.float64), 5)
    limit = scale.own(_ONE_CLAIM)
    np.fill_diagonal(between, 1.0)
    if (between >= limit).sum() == count:
        return labels
    tree = linkage(squareform(np.maximum(1.0 - (between + between.T) / 2, 0.0), checks=False), "average")
    one = np.asarray(fcluster(tree, 1.0 - limit + 1e-9, "distance"), dtype=np.int64)
    named = np.unique(one, return_inverse=True)[1].astype(np.int64)
    return np.where(labels >= 0, named[labels], -1)


def repeated(x: Vectors, labels: Labels, weights: Indices, least: int, scale: Scale = REFERENCE) -> Labels:
    """``labels`` with themes of what is said again and again and belongs nowhere else.

    ``weights``: (n,) copies of each distinct text. Copies of one text are one theme when nothing else is there; they
    are one among outliers too.
    """
    alone = np.flatnonzero((labels < 0) & (weights >= max(_AGAIN, least)))
    if not len(alone):
        return labels
    out = labels.copy()
    limit = scale.own(_ALIKE)
    following = int(labels.max()) + 1
    ordered = alone[np.lexsort((alone, -weights[alone]))]
    leaders = np.empty((0, x.shape[1]), dtype=np.float32)
    own: list[int] = []
    for start in range(0, len(ordered), _BLOCK):
        rows = ordered[start : start + _BLOCK]
        # To the leaders so far, and to the rows of this block, of which some will be leaders.
        s = np.round(x[rows] @ np.concatenate([leaders, x[rows]]).T, 5)
        known = np.arange(len(leaders)).tolist()
        for place, row in enumerate(rows.tolist()):
            close = s[place, known]
            if len(close) and close.max() >= limit:
                out[row] = out[own[int(close.argmax())]]
            else:
                out[row] = following
                following += 1
                own.append(row)
                known.append(len(leaders) + place)
        leaders = x[own]
    return out

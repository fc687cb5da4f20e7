"""The steps of ``cluster``, each of which may be replaced by another function of the same shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from reverie.clustering.grouping import Labels, Neighbourhood, divide, group, neighbourhood
from reverie.clustering.labels import Label, Naming, label_groups
from reverie.clustering.layout import layout
from reverie.clustering.nearest import Indices
from reverie.clustering.outliers import settle
from reverie.clustering.words import Phrasebook
from reverie.embedding.base import OnProgress, Vectors
from reverie.embedding.calibration import Scale

__all__ = ["Steps"]


Settle = Callable[[Vectors, Neighbourhood, Labels, NDArray[np.int64], int, NDArray[np.bool_] | None, Scale], Labels]
Name = Callable[
    [Sequence[str], Vectors, Sequence[NDArray[np.int64]], NDArray[np.float32], Phrasebook, OnProgress, Naming],
    list[Label],
]


@dataclass(frozen=True, slots=True)
class Steps:
    """What ``cluster`` does, in order. ``x`` is always (n, d) float32 of unit length.

    ``cluster(memories, vectors, steps=Steps(group=mine))`` groups by ``mine(x, near, granularity, on_progress)``, which
    answers (n,) int64 labels from 0; all else stays as it is.
    """

    #: ``(x, seed, on_progress)``: the nearest others of each row.
    neighbourhood: Callable[[Vectors, int, OnProgress], Neighbourhood] = neighbourhood
    #: ``(x, near, granularity, on_progress)``: labels 0.. of every row.
    group: Callable[[Vectors, Neighbourhood, float, OnProgress], Labels] = group
    #: ``(x, near, labels, weights, least, placed, scale)``: labels as they stay, -1 for what belongs nowhere.
    settle: Settle = settle
    #: ``(x, graph, rows)``: labels 0.. of the sub-themes among ``rows``.
    divide: Callable[[Vectors, sparse.csr_matrix, Indices], Labels] = divide
    #: ``(texts, x, groups, centres, book, on_progress, naming)``: a label a group.
    label: Name = label_groups
    #: ``(near, seed, on_progress)``: (n, 2) places from -1 to 1.
    layout: Callable[[Neighbourhood, int, OnProgress], NDArray[np.float32]] = layout
    #: Tells these steps from the engine's own: groups that one way made are not carried on by another.
    name: str = ""

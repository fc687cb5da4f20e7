"""Vectors: unit length, centring, smoothing, centres."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from reverie.clustering.nearest import neighbours
from reverie.embedding.base import Vectors

__all__ = ["centred", "centres_of", "smoothed", "sums_of", "unit"]


def unit(x: NDArray[np.floating]) -> Vectors:
    """Rows of unit length; a zero row stays zero."""
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(x / np.maximum(norms, 1e-12), dtype=np.float32)


def centred(x: Vectors) -> Vectors:
    """Without the mean direction, which all texts of a user share and no theme is about."""
    if len(x) == 0:
        return x
    return unit(x - x.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32))


def smoothed(x: Vectors, k: int, *, strength: float = 0.7, rounds: int = 2) -> Vectors:
    """Each row moved towards the weighted mean of its ``k`` neighbours, ``rounds`` times.

    A diffusion on the neighbour graph (Coifman and Lafon 2006): noise in single texts averages out.
    """
    for _ in range(rounds):
        index, value = neighbours(x, k)
        weight = np.maximum(value, 0.0) ** 2
        mean = np.einsum("nk,nkd->nd", weight, x[index]) / np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)
        x = unit(x + strength * mean)
    return x


def centres_of(x: Vectors, labels: NDArray[np.int64], count: int) -> Vectors:
    """(count, d) unit centres of the rows with labels 0 to count - 1; rows labelled -1 belong to none."""
    return unit(sums_of(x, labels, count))


def sums_of(x: Vectors, labels: NDArray[np.int64], count: int) -> Vectors:
    """(count, d) sums of the rows with labels 0 to count - 1."""
    kept = np.flatnonzero(labels >= 0)
    member = sparse.csr_matrix((np.ones(len(kept), dtype=np.float32), (labels[kept], kept)), shape=(count, len(x)))
    return np.asarray(member @ x)

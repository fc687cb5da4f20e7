"""Vectors: unit length, neighbours, smoothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reverie.embedding.base import OnProgress, Vectors

__all__ = ["centred", "neighbours", "smoothed", "unit"]

Indices = NDArray[np.int64]

_BLOCK = 2048


def unit(x: NDArray[np.floating]) -> Vectors:
    """Rows of unit length; a zero row stays zero."""
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(x / np.maximum(norms, 1e-12), dtype=np.float32)


def centred(x: Vectors) -> Vectors:
    """Without the mean direction, which all texts of a user share and no theme is about."""
    return unit(x - x.mean(axis=0, keepdims=True))


def neighbours(x: Vectors, k: int, on_progress: OnProgress | None = None) -> tuple[Indices, NDArray[np.float32]]:
    """The ``k`` nearest other rows by cosine: ``(n, k)`` indices and similarities, nearest first.

    Exact, in blocks: memory is linear in n. Equal similarities are ordered by index, so the answer is one.
    """
    n = len(x)
    k = max(0, min(k, n - 1))
    index = np.empty((n, k), dtype=np.int64)
    value = np.empty((n, k), dtype=np.float32)
    if k == 0:
        return index, value
    for start in range(0, n, _BLOCK):
        stop = min(n, start + _BLOCK)
        s = x[start:stop] @ x.T
        # The last bits differ between machines and thread counts; ties and near-ties must not.
        np.round(s, 5, out=s)
        s[np.arange(stop - start), np.arange(start, stop)] = -2.0
        near = np.argpartition(-s, k - 1, axis=1)[:, :k]
        near.sort(axis=1)
        sims = np.take_along_axis(s, near, axis=1)
        order = np.argsort(-sims, axis=1, kind="stable")
        index[start:stop] = np.take_along_axis(near, order, axis=1)
        value[start:stop] = np.take_along_axis(sims, order, axis=1)
        if on_progress is not None:
            on_progress("clustering", stop, n)
    return index, value


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

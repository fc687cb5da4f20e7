"""Vectors: unit length, centring, smoothing, centres."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from reverie.clustering.nearest import neighbours
from reverie.embedding.base import Vectors

__all__ = ["centred", "centres_of", "dots", "is_unit", "lengths", "moved_up", "smoothed", "sums_of", "unit"]

_LAST_DIGITS = 2e-6
"""What float32 leaves of a length of one."""
_BLOCK = 8192
"""Rows at a time: of a million, each whole array in between would be 1.5 GB."""


def unit(x: NDArray[np.floating], rows: NDArray[np.int64] | None = None) -> Vectors:
    """Rows of unit length, all or only ``rows``; a zero row stays zero."""
    out = np.empty(x.shape if rows is None else (len(rows), x.shape[1]), dtype=np.float32)
    for start in range(0, len(out), _BLOCK):
        own = slice(start, start + _BLOCK)
        _scaled(x[own if rows is None else rows[own]], out[own])
    return out


def is_unit(x: NDArray[np.floating]) -> bool:
    """Whether all rows are float32 of unit length, but for the last digits."""
    blocks = (x[start : start + _BLOCK] for start in range(0, len(x), _BLOCK))
    return x.dtype == np.float32 and all(
        bool((np.abs(np.linalg.norm(part, axis=1) - 1.0) <= _LAST_DIGITS).all()) for part in blocks
    )


def centred(x: Vectors) -> Vectors:
    """Without the mean direction, which all texts of a user share and no theme is about."""
    if len(x) == 0:
        return x
    mean = x.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
    out = np.empty(x.shape, dtype=np.float32)
    for start in range(0, len(x), _BLOCK):
        _scaled(x[start : start + _BLOCK] - mean, out[start : start + _BLOCK])
    return out


def _scaled(part: NDArray[np.floating], out: Vectors) -> None:
    np.divide(part, np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12), out=out)


def moved_up(x: Vectors, rows: NDArray[np.int64]) -> Vectors:
    """``x[rows]``, ``rows`` rising, in the place of ``x``, which is given up: of a million a copy would be 1.5 GB."""
    for start in range(0, len(rows), _BLOCK):
        own = rows[start : start + _BLOCK]
        x[start : start + len(own)] = x[own]
    return x[: len(rows)]


def lengths(x: Vectors, centre: Vectors) -> NDArray[np.float32]:
    """(n,) how far each row is from ``centre`` ((1, d))."""
    out = np.empty(len(x), dtype=np.float32)
    for start in range(0, len(x), _BLOCK):
        out[start : start + _BLOCK] = np.linalg.norm(x[start : start + _BLOCK] - centre, axis=1)
    return out


def dots(x: Vectors, rows: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.float32]:
    """(m,) the products of ``rows`` with ``others``, pair by pair."""
    out = np.empty(len(rows), dtype=np.float32)
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        out[part] = np.einsum("nd,nd->n", x[rows[part]], x[others[part]])
    return out


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

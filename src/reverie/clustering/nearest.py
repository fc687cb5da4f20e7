"""Nearest neighbours by cosine: exact for the sizes people have, by cells beyond."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reverie.embedding.base import OnProgress, Vectors, silent

__all__ = ["EXACT", "Indices", "neighbours"]

Indices = NDArray[np.int64]

EXACT = 20_000
"""Sets up to this size are searched exactly."""

_BLOCK = 1024
_GROUP = 8
PROBED = 10_000
"""Rows that a query is compared with in a set too large to be searched exactly."""

Found = tuple[Indices, NDArray[np.float32]]


def neighbours(
    x: Vectors, k: int, on_progress: OnProgress = silent, *, seed: int = 0, exact: int = EXACT, probed: int = PROBED
) -> Found:
    """The ``k`` nearest other rows by cosine: ``(n, k)`` indices and similarities, nearest first.

    Exact up to ``exact`` rows, beyond by cells, comparing each row with about ``probed`` others. Memory is linear in
    n. Similarities are rounded to five digits and equal ones ordered by index, so that the last bits of a BLAS do not
    decide.
    """
    n = len(x)
    k = max(0, min(k, n - 1))
    if k == 0:
        return np.empty((n, 0), dtype=np.int64), np.empty((n, 0), dtype=np.float32)
    if n > exact:
        return _by_cells(x, k, seed, on_progress, probed)
    index = np.empty((n, k), dtype=np.int64)
    value = np.empty((n, k), dtype=np.float32)
    for start in range(0, n, _BLOCK):
        stop = min(n, start + _BLOCK)
        s = x[start:stop] @ x.T
        s[np.arange(stop - start), np.arange(start, stop)] = -2.0
        index[start:stop], value[start:stop] = _largest(s, k)
        on_progress("clustering", stop, n)
    return index, value


def _largest(s: NDArray[np.float32], k: int) -> Found:
    """Columns and values of each row's ``k`` largest.

    The k largest of a row lie in the k groups of columns with the largest maxima; looking at groups first reads the
    matrix once instead of sorting it.
    """
    rows, n = s.shape
    groups = n // _GROUP
    if groups <= 2 * k:
        return _in_order(np.broadcast_to(np.arange(n), s.shape), s, k)
    whole = groups * _GROUP
    # Column j belongs to group j % groups: a maximum over the slow axis runs at memory speed.
    top = s[:, :whole].reshape(rows, _GROUP, groups).max(axis=1)
    best = np.argpartition(top, groups - k, axis=1)[:, groups - k :]
    columns = (best[:, None, :] + groups * np.arange(_GROUP)[None, :, None]).reshape(rows, -1)
    if whole < n:
        columns = np.concatenate([columns, np.broadcast_to(np.arange(whole, n), (rows, n - whole))], axis=1)
    return _in_order(columns, np.take_along_axis(s, columns, axis=1), k)


def _in_order(columns: NDArray[np.int64], s: NDArray[np.float32], k: int) -> Found:
    s = np.round(s, 5)
    if s.shape[1] > k:
        near = np.argpartition(s, s.shape[1] - k, axis=1)[:, s.shape[1] - k :]
        columns, s = np.take_along_axis(columns, near, axis=1), np.take_along_axis(s, near, axis=1)
    order = np.lexsort((columns, -s), axis=1)
    return np.take_along_axis(columns, order, axis=1), np.take_along_axis(s, order, axis=1)


def _by_cells(x: Vectors, k: int, seed: int, on_progress: OnProgress, probed: int) -> Found:
    """Approximate neighbours by an inverted file (Jegou et al. 2011) in plain matrix products.

    Rows are sorted into about ``sqrt(n)`` cells around centres; the rows of a cell are compared, all at once, with
    those of the nearest cells. Unlike a graph index built by threads it has one answer for a seed.
    """
    n = len(x)
    cells = round(n**0.5)
    centres, cell = _cells(x, cells, seed)
    order = np.argsort(cell, kind="stable")
    bounds = np.searchsorted(cell[order], np.arange(cells + 1))
    sizes = np.diff(bounds)
    index = np.empty((n, k), dtype=np.int64)
    value = np.empty((n, k), dtype=np.float32)
    done = 0
    for here in np.flatnonzero(sizes):
        own = order[bounds[here] : bounds[here + 1]]
        # Round before sorting cells, as everywhere.
        by_nearness = np.argsort(-np.round(centres @ centres[here], 5), kind="stable")
        by_nearness = np.concatenate([[here], by_nearness[by_nearness != here]])
        enough = int(np.searchsorted(np.cumsum(sizes[by_nearness]), max(probed, 4 * k))) + 1
        pool = np.concatenate([order[bounds[c] : bounds[c + 1]] for c in by_nearness[:enough]])
        theirs = np.ascontiguousarray(x[pool])
        for start in range(0, len(own), _BLOCK):
            part = own[start : start + _BLOCK]
            s = x[part] @ theirs.T
            # A cell's own rows lead the pool, in the same order.
            s[np.arange(len(part)), np.arange(start, start + len(part))] = -2.0
            columns, value[part] = _largest(s, k)
            index[part] = pool[columns]
        done += len(own)
        on_progress("clustering", done, n)
    return index, value


def _cells(x: Vectors, count: int, seed: int) -> tuple[Vectors, Indices]:
    """Centres and the cell of each row: a few rounds of spherical k-means on a sample."""
    rng = np.random.default_rng(seed)
    sample = x[np.sort(rng.choice(len(x), min(len(x), 40 * count), replace=False))]
    centres = sample[np.sort(rng.choice(len(sample), count, replace=False))].copy()
    for _ in range(4):
        label = _nearest(sample, centres)
        total = np.zeros_like(centres)
        np.add.at(total, label, sample)
        kept = np.linalg.norm(total, axis=1) > 1e-6
        centres[kept] = total[kept] / np.linalg.norm(total[kept], axis=1, keepdims=True)
    return centres, _nearest(x, centres)


def _nearest(x: Vectors, centres: Vectors) -> Indices:
    label = np.empty(len(x), dtype=np.int64)
    for start in range(0, len(x), 4096):
        label[start : start + 4096] = np.round(x[start : start + 4096] @ centres.T, 5).argmax(axis=1)
    return label

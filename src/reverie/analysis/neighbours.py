"""The nearest memories of each memory: exact while that is fast, by cells beyond."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reverie.analysis.budget import Budget
from reverie.embedding.base import Vectors

__all__ = ["Neighbours", "find_neighbours", "unit_rows"]

Neighbours = tuple[NDArray[np.int64], NDArray[np.float32]]
"""``(n, k)`` indices, nearest first and -1 where there is none, and their cosines."""

_EXACT = 12_000
_BLOCK = 1024
_PROBES = 8
_WIDE = 8
"""Rows of so many times k values are first thinned out."""
_NONE = np.float32(-2.0)


def unit_rows(x: NDArray[np.floating]) -> Vectors:
    """Rows of unit length, float32; a zero row stays zero."""
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    return np.ascontiguousarray(x / np.maximum(norms, 1e-12), dtype=np.float32)


def find_neighbours(x: Vectors, k: int, *, budget: Budget, seed: int = 0, exact: int = _EXACT) -> Neighbours:
    """The ``k`` nearest other rows of ``x`` ((n, d), unit length) by cosine.

    Exact up to ``exact`` rows. Beyond, rows are grouped into about sqrt(n) cells and each looks into its nearest
    cells alone (inverted file, Jegou et al. 2011): time grows with n^1.5, memory with n. Deterministic for a seed.
    """
    n = len(x)
    k = max(0, min(k, n - 1))
    index = np.full((n, k), -1, dtype=np.int64)
    value = np.full((n, k), _NONE, dtype=np.float32)
    if k == 0:
        return index, value
    if n <= exact:
        for start in range(0, n, _BLOCK):
            stop = min(n, start + _BLOCK)
            budget.progress("graph", start, n)
            near, sims = _exact_block(x, start, stop, k)
            index[start:stop], value[start:stop] = near, sims
    else:
        _by_cells(x, k, index, value, budget=budget, seed=seed)
    return index, value


def _exact_block(x: Vectors, start: int, stop: int, k: int) -> Neighbours:
    sims = x[start:stop] @ x.T
    sims[np.arange(stop - start), np.arange(start, stop)] = _NONE
    return _best(sims, None, k)


def _best(sims: NDArray[np.float32], columns: NDArray[np.int64] | None, k: int) -> Neighbours:
    """The k greatest of each row, greatest first, equal ones by index."""
    width = sims.shape[1]
    if width >= _WIDE * k and (quick := _best_of_wide(sims, k)):
        near, best = quick
    elif width > k:
        near = np.argpartition(sims, width - k, axis=1)[:, width - k :]
        near.sort(axis=1)
        best = np.take_along_axis(sims, near, axis=1)
    else:
        near = np.broadcast_to(np.arange(width), sims.shape)
        best = sims
    # The last bits differ between machines; near-ties must not change the order.
    order = np.argsort(-np.round(best, 5), axis=1, kind="stable")
    near = np.take_along_axis(near, order, axis=1)
    best = np.take_along_axis(best, order, axis=1)
    return (near if columns is None else columns[near]), best


def _best_of_wide(sims: NDArray[np.float32], k: int) -> Neighbours | None:
    """The k greatest of each row by index, three times as fast as a partition; None when a row has too many equals.

    The k-th greatest of the greatest values of some groups is at most the k-th of all: few values pass that bar.
    """
    rows, width = sims.shape
    size = width // (_WIDE // 2 * k)
    groups = width // size
    tops = sims[:, : size * groups].reshape(rows, size, groups).max(axis=1)
    bar = np.partition(tops, groups - k, axis=1)[:, groups - k]
    at, near = np.divmod(np.flatnonzero(sims >= bar[:, None]), width)
    if len(at) > rows * _WIDE * k:
        return None
    value = sims[at, near]
    order = np.lexsort((-value, at))
    starts = np.searchsorted(at, np.arange(rows))
    chosen = order[starts[:, None] + np.arange(k)]
    chosen.sort(axis=1)
    return near[chosen], value[chosen]


def _by_cells(
    x: Vectors, k: int, index: NDArray[np.int64], value: NDArray[np.float32], *, budget: Budget, seed: int
) -> None:
    n = len(x)
    centres = _centres(x, max(2, round(n**0.5)), budget=budget, seed=seed)
    probes = np.empty((n, min(_PROBES, len(centres))), dtype=np.int32)
    for start in range(0, n, 8 * _BLOCK):
        budget.check()
        sims = x[start : start + 8 * _BLOCK] @ centres.T
        probes[start : start + 8 * _BLOCK] = _best(sims, None, probes.shape[1])[0]
    home = probes[:, 0]
    order = np.argsort(home, kind="stable")
    bounds = np.searchsorted(home[order], np.arange(len(centres) + 1))
    flat = np.argsort(probes, axis=None, kind="stable")
    visits = np.searchsorted(probes.ravel()[flat], np.arange(len(centres) + 1))
    for cell in range(len(centres)):
        budget.progress("graph", cell, len(centres))
        members = order[bounds[cell] : bounds[cell + 1]]
        visitors = np.sort(flat[visits[cell] : visits[cell + 1]] // probes.shape[1])
        for start in range(0, len(visitors), 4 * _BLOCK):
            rows = visitors[start : start + 4 * _BLOCK]
            if not len(members):
                continue
            sims = x[rows] @ x[members].T
            sims[rows[:, None] == members[None, :]] = _NONE
            near, best = _best(sims, members, k)
            both = np.concatenate([value[rows], best], axis=1)
            ids = np.concatenate([index[rows], near], axis=1)
            top = np.argsort(-np.round(both, 5), axis=1, kind="stable")[:, :k]
            value[rows] = np.take_along_axis(both, top, axis=1)
            index[rows] = np.take_along_axis(ids, top, axis=1)
    index[value <= _NONE] = -1


def _centres(x: Vectors, count: int, *, budget: Budget, seed: int) -> Vectors:
    """Spherical k-means on a sample, four rounds: cells need to be even rather than right."""
    rng = np.random.default_rng(seed)
    sample = x[np.sort(rng.choice(len(x), min(len(x), 40 * count), replace=False))]
    centres = sample[np.sort(rng.choice(len(sample), count, replace=False))]
    for _ in range(4):
        sums = np.zeros_like(centres)
        for start in range(0, len(sample), 8 * _BLOCK):
            budget.check()
            part = sample[start : start + 8 * _BLOCK]
            np.add.at(sums, np.argmax(part @ centres.T, axis=1), part)
        empty = np.linalg.norm(sums, axis=1) < 1e-9
        sums[empty] = centres[empty]
        centres = unit_rows(sums)
    return centres

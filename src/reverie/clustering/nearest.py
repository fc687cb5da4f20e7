"""Nearest neighbours by cosine: exact for the sizes people have, by cells beyond."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from reverie.embedding.base import OnProgress, Vectors, silent

__all__ = ["EXACT", "Indices", "Neighbours", "neighbours"]

Indices = NDArray[np.int64]

Neighbours = tuple[Indices, NDArray[np.float32]]
"""``(n, k)`` rows, nearest first, and their cosines. Where there are fewer than k: the row itself, with 0."""

EXACT = 20_000
"""Sets up to this size are searched exactly."""

_BLOCK = 1024
_PRODUCTS = 1 << 25
"""Products with all rows that are held at once, 128 MB: those of a thousand rows of a million would be 4 GB."""
_GROUP = 8
_PROBES = 10
"""Cells that a row looks into, of the square root of n, where the set is too large to be searched exactly."""
_NONE = np.float32(-2.0)


def neighbours(
    x: Vectors,
    k: int,
    on_progress: OnProgress = silent,
    *,
    seed: int = 0,
    exact: int = EXACT,
    rows: Indices | None = None,
) -> Neighbours:
    """The ``k`` nearest other rows of ``x`` ((n, d), unit length) by cosine.

    Exact up to ``exact`` rows, beyond by cells. ``rows`` (m,): only these are answered, and exactly where they are few.
    Memory is linear in n. Similarities are rounded to five digits and equal ones ordered by index, so that the last
    bits of a BLAS do not decide.
    """
    n = len(x)
    k = max(0, min(k, n - 1))
    wanted = np.arange(n) if rows is None else rows
    if k == 0:
        return np.empty((len(wanted), 0), dtype=np.int64), np.empty((len(wanted), 0), dtype=np.float32)
    # All rows by cells cost as much as so many rows exactly.
    if n > exact and len(wanted) > _PROBES * n**0.5:
        return _by_cells(x, k, wanted, seed, on_progress)
    index = np.empty((len(wanted), k), dtype=np.int64)
    value = np.empty((len(wanted), k), dtype=np.float32)
    block = max(1, min(_BLOCK, _PRODUCTS // n))
    for start in range(0, len(wanted), block):
        own = wanted[start : start + block]
        # Of all rows the product with itself is one half mirrored.
        s = (x if len(own) == n and rows is None else x[own]) @ x.T
        s[np.arange(len(own)), own] = _NONE
        index[start : start + block], value[start : start + block] = _largest(s, k)
        on_progress("clustering", start + len(own), len(wanted))
    return index, value


def _largest(s: NDArray[np.float32], k: int) -> Neighbours:
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


def _in_order(columns: NDArray[np.int64], s: NDArray[np.float32], k: int) -> Neighbours:
    s = np.round(s, 5)
    if s.shape[1] > k:
        near = np.argpartition(s, s.shape[1] - k, axis=1)[:, s.shape[1] - k :]
        columns, s = np.take_along_axis(columns, near, axis=1), np.take_along_axis(s, near, axis=1)
    order = np.lexsort((columns, -s), axis=1)
    return np.take_along_axis(columns, order, axis=1), np.take_along_axis(s, order, axis=1)


def _by_cells(x: Vectors, k: int, wanted: Indices, seed: int, on_progress: OnProgress) -> Neighbours:
    """Approximate neighbours of the rows ``wanted`` by an inverted file (Jegou et al. 2011) in plain matrix products.

    Rows are sorted into about ``sqrt(n)`` cells, and each is compared with the rows of its nearest cells alone. Unlike
    a graph index built by threads it has one answer for a seed.
    """
    n = len(x)
    centres = _centres(x, round(n**0.5), seed, on_progress)
    probes = min(_PROBES, len(centres))
    near = np.empty((n, probes), dtype=np.int32)
    for start in range(0, n, 4 * _BLOCK):
        near[start : start + 4 * _BLOCK] = _largest(x[start : start + 4 * _BLOCK] @ centres.T, probes)[0]
    # Who is in each cell, and which of the wanted look into it, by their place among them.
    cells = np.arange(len(centres) + 1)
    home = np.argsort(near[:, 0], kind="stable")
    bounds = np.searchsorted(near[home, 0], cells)
    near = near[wanted]
    looks = np.argsort(near, axis=None, kind="stable")
    visits = np.searchsorted(near.ravel()[looks], cells)
    index = np.repeat(wanted[:, None], k, axis=1)
    value = np.full(index.shape, _NONE, dtype=np.float32)
    for cell in range(len(centres)):
        inside = home[bounds[cell] : bounds[cell + 1]]
        visitors = np.sort(looks[visits[cell] : visits[cell + 1]] // probes)
        theirs = np.ascontiguousarray(x[inside])
        for start in range(0, len(visitors) if len(inside) else 0, 4 * _BLOCK):
            own = visitors[start : start + 4 * _BLOCK]
            s = x[wanted[own]] @ theirs.T
            # None is its own neighbour. ``inside`` rises, as a stable sort left it.
            at = np.minimum(np.searchsorted(inside, wanted[own]), len(inside) - 1)
            themselves = np.flatnonzero(inside[at] == wanted[own])
            s[themselves, at[themselves]] = _NONE
            # Six in ten see nothing here that is as near as the last of what they have: it stays as it is.
            nearer = np.flatnonzero(np.round(s.max(axis=1), 5) >= value[own, -1])
            if not len(nearer):
                continue
            own = own[nearer]
            columns, found = _largest(s[nearer], min(k, len(inside)))
            both = np.concatenate([index[own], inside[columns]], axis=1)
            index[own], value[own] = _in_order(both, np.concatenate([value[own], found], axis=1), k)
        on_progress("clustering", int(bounds[cell + 1]), n)
    rows, columns = np.nonzero(value <= _NONE)
    index[rows, columns], value[rows, columns] = wanted[rows], 0.0
    return index, value


def _centres(x: Vectors, count: int, seed: int, on_progress: OnProgress) -> Vectors:
    """Centres of cells: a few rounds of spherical k-means on a sample. Cells need to be even rather than right."""
    rng = np.random.default_rng(seed)
    sample = x[np.sort(rng.choice(len(x), min(len(x), 40 * count), replace=False))]
    centres = sample[np.sort(rng.choice(len(sample), count, replace=False))].copy()
    ones, ends = np.ones(len(sample), dtype=np.float32), np.arange(len(sample) + 1)
    for _ in range(4):
        on_progress("clustering", 0, len(x))
        label = np.concatenate(
            [
                np.round(sample[start : start + 4 * _BLOCK] @ centres.T, 5).argmax(axis=1)
                for start in range(0, len(sample), 4 * _BLOCK)
            ]
        )
        total = np.asarray(sparse.csr_matrix((ones, label, ends), shape=(len(sample), count)).T @ sample)
        length = np.linalg.norm(total, axis=1, keepdims=True)
        kept = length[:, 0] > 1e-6
        centres[kept] = total[kept] / length[kept]
    return centres

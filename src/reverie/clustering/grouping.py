"""From vectors to groups, without a number of groups to aim at: a tree for small sets, communities for large ones.

Both make groupings from coarse to fine, and one score picks among them: the silhouette (Rousseeuw 1987), which alone
errs towards many tight groups, plus modularity (Newman and Girvan 2004), which alone errs towards few broad ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.cluster.hierarchy import cophenet, fcluster, leaves_list, linkage
from scipy.spatial.distance import squareform

from reverie.clustering.communities import communities, sweep
from reverie.clustering.geometry import centred, centres_of, smoothed
from reverie.clustering.nearest import Indices, neighbours
from reverie.embedding.base import OnProgress, Vectors, silent

__all__ = [
    "NEIGHBOURS",
    "SMALL",
    "Labels",
    "Neighbourhood",
    "divide",
    "group",
    "group_large",
    "group_small",
    "neighbourhood",
    "scorer",
]

Labels = NDArray[np.int64]

SMALL = 400
"""Sets up to this size are grouped by a tree, larger ones by communities of the neighbour graph."""

NEIGHBOURS = 15

_CUTS = 32
_RESOLUTIONS = np.geomspace(0.5, 32.0, 7)
_MODULARITY = 0.65
"""Weight of the modularity beside the silhouette. Results are flat from 0.5 to 1.1."""
_EXPECTED = 0.9
"""Weight of the expected links within modularity (Reichardt and Bornholdt 2006)."""
_FINER = 12
"""Doublings of the resolution that are tried to get as many communities as a granularity asks for."""
_ROWS = 100_000
"""Rows of a graph whose edges are looked at together."""
_SPAN = 4.0
"""Themes at granularity 1 (or 0) for each (or over each) theme at 0.5."""


@dataclass(frozen=True)
class Neighbourhood:
    """Centred vectors, and the nearest others of each: what grouping, outliers and the map are read from."""

    #: (n, d) float32, unit length, without the common direction.
    centred: Vectors
    #: (n, k) nearest first.
    index: Indices
    #: (n, k) cosine similarities of the centred vectors; 0 where a neighbour does not count.
    value: NDArray[np.float32]

    @cached_property
    def graph(self) -> sparse.csr_matrix:
        """The symmetric weighted graph: an edge counts twice where both ends list each other."""
        n, k = self.index.shape
        weights = np.maximum(self.value.ravel(), 0.0).astype(np.float64)
        ends = np.arange(n + 1, dtype=np.int32) * np.int32(k)
        one_way = sparse.csr_matrix((weights, self.index.ravel().astype(np.int32), ends), shape=(n, n))
        one_way.sum_duplicates()
        graph = sparse.csr_matrix(one_way + one_way.T)
        graph.eliminate_zeros()
        return graph


def neighbourhood(x: Vectors, seed: int = 0, on_progress: OnProgress = silent) -> Neighbourhood:
    """The neighbourhood of every row of ``x`` (n, d), unit length."""
    c = centred(x)
    del x  # where nobody else holds it, the search has its memory
    index, value = neighbours(c, NEIGHBOURS, on_progress, seed=seed)
    return Neighbourhood(c, index, value)


def group(x: Vectors, near: Neighbourhood, granularity: float = 0.5, on_progress: OnProgress = silent) -> Labels:
    """Group labels 0.. of ``x`` (n, d), unit length: by the tree or by communities, as its size has it."""
    if len(x) <= SMALL:
        return group_small(x, granularity, on_progress)
    return group_large(x, near, granularity, on_progress)


def group_small(x: Vectors, granularity: float = 0.5, on_progress: OnProgress = silent) -> Labels:
    """Group labels 0.. from average linkage on centred, neighbour-smoothed vectors, cut where the score is best.

    Deterministic: no random choice anywhere. One group when no cut beats the undivided set.
    """
    n = len(x)
    if n < 3:
        return np.zeros(n, dtype=np.int64)
    c = centred(x)
    k = int(np.clip(round(n**0.5 / 2) + 2, 2, min(10, n - 1)))
    tree = linkage(squareform(_distances(smoothed(c, k)), checks=False), "average")
    # In the order of the tree's leaves every group of every cut is a run, and a cut is where neighbours part.
    order = leaves_list(tree)
    height = squareform(cophenet(tree))[order[:-1], order[1:]]
    falling = np.append(np.sort(height)[::-1], -1.0)
    score_of = _RunScore(_distances(x), _dense_graph(c), order)

    def cut(count: int) -> Indices:
        return np.append(0, np.flatnonzero(height > falling[min(count, n) - 1]) + 1)

    best, best_score = 1, _MODULARITY * (1.0 - _EXPECTED)
    for count in sorted({round(float(v)) for v in np.geomspace(2, max(3, n // 2), _CUTS)}):
        starts = cut(count)
        on_progress("clustering", count, n)
        if not 1 < len(starts) < n:
            continue
        reached = score_of(starts)
        if reached > best_score:
            best, best_score = len(starts), reached
    count = best if granularity == 0.5 else int(np.clip(round(best * _scale(granularity)), 1, max(2, n // 2)))
    starts = cut(count)
    labels = np.empty(n, dtype=np.int64)
    labels[order] = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, n)))
    return labels


def group_large(x: Vectors, near: Neighbourhood, granularity: float = 0.5, on_progress: OnProgress = silent) -> Labels:
    """Group labels 0.. from Leiden communities (Traag et al. 2019) of the neighbour graph, at the best resolution."""
    graph = near.graph
    labels, resolution = _best_communities(x, graph, _RESOLUTIONS, on_progress)
    count = round((int(labels.max()) + 1) * _scale(granularity))
    for _ in range(_FINER):
        if int(labels.max()) + 1 >= count:
            break
        resolution *= 2.0
        labels = communities(graph, resolution)
        on_progress("clustering", len(x), len(x))
    return _merged(near.centred, labels, count)


def scorer(x: Vectors, near: Neighbourhood) -> Callable[[Labels], float]:
    """The score by which groups 0.. of ``x`` (n, d) are chosen; higher is better."""
    if len(x) > SMALL:
        return _Score(x, near.graph)
    raw, graph = _distances(x), _dense_graph(near.centred)

    def score(labels: Labels) -> float:
        order = np.argsort(labels, kind="stable")
        starts = np.searchsorted(labels[order], np.arange(int(labels.max()) + 1))
        return _RunScore(raw, graph, order)(starts)

    return score


def divide(x: Vectors, graph: sparse.csr_matrix, members: Indices) -> Labels:
    """The second level: communities within one group, read from the same graph."""
    inside = sparse.csr_matrix(graph[members][:, members])
    if inside.nnz == 0:
        return np.zeros(len(members), dtype=np.int64)
    return _best_communities(x[members], inside, np.geomspace(0.5, 4.0, 4), silent)[0]


def _merged(c: Vectors, labels: Labels, count: int) -> Labels:
    """Groups joined by average linkage of their centres until ``count`` are left.

    A lower resolution would not do: well separated groups share no edge, and no resolution joins them.
    """
    found = int(labels.max()) + 1
    if not 1 <= count < found:
        return labels
    tree = linkage(squareform(_distances(centres_of(c, labels, found)), checks=False), "average")
    return np.asarray(fcluster(tree, count, "maxclust") - 1, dtype=np.int64)[labels]


def _scale(granularity: float) -> float:
    return float(_SPAN ** (2.0 * granularity - 1.0))


def _distances(x: Vectors) -> NDArray[np.float64]:
    one_way = 1.0 - (x @ x.T).astype(np.float64)
    d: NDArray[np.float64] = np.asarray(np.round(np.maximum((one_way + one_way.T) / 2, 0.0), 5), dtype=np.float64)
    np.fill_diagonal(d, 0.0)
    return d


def _weighed(silhouette: float, inside: float, expected: float) -> float:
    """The score from the parts of all weight that lie within groups, and that chance would put there."""
    return round(silhouette + _MODULARITY * (inside - _EXPECTED * expected), 6)


class _RunScore:
    """The score of groupings of a small set whose groups are runs of one order: sums over them are differences."""

    def __init__(self, raw: NDArray[np.float64], graph: NDArray[np.float64], order: Indices) -> None:
        n = len(order)
        self._distance = np.zeros((n, n + 1))
        self._distance[:, 1:] = np.cumsum(raw[order][:, order], axis=1)
        self._weight = np.zeros((n + 1, n + 1))
        self._weight[1:, 1:] = np.cumsum(np.cumsum(graph[order][:, order] / graph.sum(), axis=1), axis=0)

    def __call__(self, starts: Indices) -> float:
        """``starts``: the first place of each group, from 0."""
        bounds = np.append(starts, len(self._distance))
        between = np.diff(np.diff(self._weight[np.ix_(bounds, bounds)], axis=0), axis=1)
        inside, expected = float(np.trace(between)), float((between.sum(axis=1) ** 2).sum())
        silhouette = _silhouette(np.diff(self._distance[:, bounds], axis=1), np.diff(bounds))
        return _weighed(silhouette, inside, expected)


def _dense_graph(c: Vectors) -> NDArray[np.float64]:
    n = len(c)
    index, value = neighbours(c, min(n - 1, max(4, round(n**0.5 / 1.5))))
    graph = np.zeros((n, n))
    # The floor keeps the graph from being empty when all vectors are alike.
    graph[np.arange(n)[:, None], index] = np.maximum(value, 1e-6)
    return graph + graph.T


def _silhouette(total: NDArray[np.float64], sizes: Indices) -> float:
    """Mean silhouette from each row's summed distances to each group (n, k); rows in order of their groups.

    A group of one counts 0, and so does the undivided set.
    """
    n, count = total.shape
    if count < 2:
        return 0.0
    here, labels = np.arange(n), np.repeat(np.arange(count), sizes)
    own = sizes[labels]
    inside = total[here, labels] / np.maximum(own - 1, 1)
    mean = total / sizes
    mean[here, labels] = np.inf
    outside = mean.min(axis=1)
    score = np.where(own > 1, (outside - inside) / np.maximum(np.maximum(inside, outside), 1e-12), 0.0)
    return float(score.mean())


def _best_communities(
    x: Vectors, graph: sparse.csr_matrix, resolutions: NDArray[np.float64], on_progress: OnProgress
) -> tuple[Labels, float]:
    best: Labels = np.zeros(len(x), dtype=np.int64)
    best_score, best_resolution = _MODULARITY * (1.0 - _EXPECTED), 1.0
    score_of = _Score(x, graph)
    falling = sorted(resolutions.tolist(), reverse=True)
    for done, (resolution, labels) in enumerate(zip(falling, sweep(graph, falling), strict=True)):
        on_progress("clustering", len(x) * (done + 1) // len(falling), len(x))
        if labels.max() < 1:
            continue
        reached = score_of(labels)
        if reached >= best_score:
            best, best_score, best_resolution = labels, reached, resolution
    return best, best_resolution


class _Score:
    """The score of groupings of a large set: what is the same for all of them is computed once."""

    def __init__(self, x: Vectors, graph: sparse.csr_matrix) -> None:
        self._x, self._graph = x, graph
        self._whole = max(float(graph.data.sum()), 1e-12)
        self._degree = np.empty(len(x))
        for rows, row, _, part in self._edges():
            self._degree[rows] = np.bincount(row, part, rows.stop - rows.start)

    def _edges(self) -> Iterator[tuple[slice, Indices, Indices, NDArray[np.float64]]]:
        """Rows of the graph, and of each of their edges its row among them, its column and its part of all weight.

        A few rows at a time: a million have 25 million edges.
        """
        starts = self._graph.indptr
        for first in range(0, self._graph.shape[0], _ROWS):
            rows = slice(first, min(first + _ROWS, self._graph.shape[0]))
            own = slice(starts[rows.start], starts[rows.stop])
            row = np.repeat(np.arange(rows.stop - rows.start), np.diff(starts[rows.start : rows.stop + 1]))
            yield rows, row, self._graph.indices[own], self._graph.data[own] / self._whole

    def __call__(self, labels: Labels) -> float:
        silhouette = _centre_silhouette(self._x, labels) if labels.max() > 0 else 0.0
        inside = sum(float(part @ (labels[rows][row] == labels[column])) for rows, row, column, part in self._edges())
        expected = float((np.bincount(labels, self._degree) ** 2).sum())
        return _weighed(silhouette, inside, expected)


def _centre_silhouette(x: Vectors, labels: Labels) -> float:
    """Silhouette with distances to group centres in place of mean distances (Hruschka et al. 2004)."""
    centres = centres_of(x, labels, int(labels.max()) + 1)
    total = 0.0
    for start in range(0, len(x), 4096):
        part = labels[start : start + 4096]
        s = x[start : start + 4096] @ centres.T
        here = np.arange(len(part))
        inside = 1.0 - s[here, part]
        s[here, part] = -np.inf
        outside = 1.0 - s.max(axis=1)
        total += float(((outside - inside) / np.maximum(np.maximum(inside, outside), 1e-9)).sum())
    return total / len(x)

"""From vectors to groups, without being told how many: one method for small sets, one for large."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sknetwork.clustering import Leiden

from reverie.clustering.geometry import centred, neighbours, smoothed
from reverie.embedding.base import OnProgress, Vectors, silent

__all__ = ["SMALL", "group", "group_large", "group_small"]

Labels = NDArray[np.int64]

SMALL = 1200
"""Sets up to this size are grouped by a tree, larger ones by communities of the neighbour graph."""

_CUTS = 24
_RESOLUTIONS = 7


def group(x: Vectors, granularity: float, seed: int, on_progress: OnProgress = silent) -> Labels:
    """Group labels 0.. of the rows of ``x``; ``granularity`` from 0 (coarse) to 1 (fine)."""
    if len(x) <= SMALL:
        return group_small(x, granularity, on_progress)
    return group_large(x, granularity, seed, on_progress)


def _distances(x: Vectors) -> NDArray[np.float64]:
    one_way = 1.0 - (x @ x.T).astype(np.float64)
    d: NDArray[np.float64] = np.asarray(np.round(np.maximum((one_way + one_way.T) / 2, 0.0), 6), dtype=np.float64)
    np.fill_diagonal(d, 0.0)
    return d


def _band(granularity: float) -> tuple[float, float]:
    """Range of tree heights in which the cut is sought; moves smoothly with the granularity."""
    at = (0.0, 0.5, 1.0)
    return float(np.interp(granularity, at, (1.0, 0.95, 0.72))), float(np.interp(granularity, at, (0.9, 0.7, 0.4)))


def group_small(x: Vectors, granularity: float = 0.5, on_progress: OnProgress = silent) -> Labels:
    """Average linkage on centred, neighbour-smoothed vectors; the cut with the best silhouette on the raw distances.

    Rousseeuw 1987 for the silhouette. Deterministic: no random choice anywhere.
    """
    n = len(x)
    if n < 3:
        return np.zeros(n, dtype=np.int64)
    k = int(np.clip(round(n**0.5 / 2), 2, 8))
    on_progress("clustering", 0, 3)
    raw = _distances(x)
    tree = linkage(squareform(_distances(smoothed(centred(x), k)), checks=False), "average")
    on_progress("clustering", 1, 3)
    upper, lower = _band(granularity)
    low = max(2, len(set(fcluster(tree, upper, "distance"))))
    high = max(low, len(set(fcluster(tree, lower, "distance"))))
    best, best_score = np.zeros(n, dtype=np.int64), -np.inf
    for count in sorted({round(float(c)) for c in np.linspace(low, high, _CUTS)}):
        labels = fcluster(tree, count, "maxclust") - 1
        found = int(labels.max()) + 1
        if not 1 < found < n:
            continue
        score = round(_silhouette(raw, labels, found), 9)
        if score > best_score:
            best, best_score = labels.astype(np.int64), score
        on_progress("clustering", 1, 3)
    on_progress("clustering", 3, 3)
    return best


def _silhouette(distances: NDArray[np.float64], labels: Labels, count: int) -> float:
    """Mean silhouette from a distance matrix; a group of one counts 0."""
    member = np.zeros((len(labels), count))
    member[np.arange(len(labels)), labels] = 1.0
    sizes = member.sum(axis=0)
    total = distances @ member
    own = sizes[labels]
    inside = total[np.arange(len(labels)), labels] / np.maximum(own - 1, 1)
    mean = total / sizes
    mean[np.arange(len(labels)), labels] = np.inf
    outside = mean.min(axis=1)
    score = np.where(own > 1, (outside - inside) / np.maximum(np.maximum(inside, outside), 1e-12), 0.0)
    return float(score.mean())


def group_large(x: Vectors, granularity: float = 0.5, seed: int = 0, on_progress: OnProgress = silent) -> Labels:
    """Leiden communities (Traag et al. 2019) of the 15-nearest-neighbour graph; resolution by centre silhouette."""
    c = centred(x)
    index, value = neighbours(c, 15, on_progress)
    n = len(x)
    rows = np.repeat(np.arange(n), index.shape[1])
    weights = np.maximum(value.ravel(), 0.0).astype(np.float64)
    graph = sparse.csr_matrix((weights, (rows, index.ravel())), shape=(n, n))
    graph = graph + graph.T
    middle = float(np.interp(granularity, (0.0, 0.5, 1.0), (0.7, 4.0, 16.0)))
    best: Labels = np.zeros(n, dtype=np.int64)
    best_score = -np.inf
    for resolution in np.geomspace(middle / 2, middle * 2, _RESOLUTIONS):
        labels = np.asarray(Leiden(resolution=resolution, random_state=seed).fit_predict(graph), dtype=np.int64)
        on_progress("clustering", n, n)
        if labels.max() < 1:
            continue
        score = round(_centre_silhouette(c, labels), 6)
        if score > best_score:
            best, best_score = labels, score
    return best


def _centre_silhouette(x: Vectors, labels: Labels) -> float:
    """Silhouette with distances to group centres in place of mean distances (Hruschka et al. 2004)."""
    count = int(labels.max()) + 1
    centres = np.zeros((count, x.shape[1]), dtype=np.float32)
    np.add.at(centres, labels, x)
    centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12)
    total = 0.0
    for start in range(0, len(x), 4096):
        part = labels[start : start + 4096]
        d = 1.0 - x[start : start + 4096] @ centres.T
        here = np.arange(len(part))
        inside = d[here, part].copy()
        d[here, part] = np.inf
        outside = d.min(axis=1)
        total += float(((outside - inside) / np.maximum(np.maximum(inside, outside), 1e-9)).sum())
    return total / len(x)

"""The similarity graph: who is like whom, in which communities, what is typical, what connects, what stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from reverie.analysis.budget import TimeBudget
from reverie.analysis.shared import SharedNames
from reverie.clustering.nearest import Neighbours
from reverie.contracts import Community, GraphEdge, GraphResult, Memory, Theme
from reverie.embedding.base import Vectors
from reverie.embedding.calibration import REFERENCE, Cosine, Scale

__all__ = ["MemoryGraph", "build_graph", "describe_graph"]

_NEIGHBOURS = 10
_MOST_EDGES = 50_000
_MOST_CENTRAL = 20
_SHARED_WEIGHT = 0.25
_DAMPING = 0.85
_LEAST_EDGE, _ENOUGH_EDGE = Cosine(0.1), Cosine(0.75)
"""Bounds of the similarity from which two memories are connected."""


@dataclass(frozen=True, slots=True)
class MemoryGraph:
    """An undirected graph over memories by their index."""

    #: (n, n) cosines of mutual neighbours.
    similar: sparse.csr_matrix
    #: (n, n) 0 to 1, how much two memories share in names and phrases.
    shared: sparse.csr_matrix
    #: Theme of each memory by its index, -1 for those in none.
    communities: NDArray[np.int64]
    #: PageRank on the similarities, sums to 1 over memories.
    typical: NDArray[np.float64]
    #: Participation coefficient x strength.
    bridging: NDArray[np.float64]
    #: The similarity below which two memories are not connected.
    threshold: float


def build_graph(
    vectors: Vectors,
    near: Neighbours,
    shared: SharedNames,
    theme_of: NDArray[np.int64],
    *,
    budget: TimeBudget,
    seed: int = 0,
    scale: Scale = REFERENCE,
) -> MemoryGraph:
    """Build the graph from ``vectors`` ((n, d), unit length) and their nearest neighbours, whose cosines are on
    the reference's scale; ``scale`` reads those of ``vectors``.

    Two memories are ``similar`` when each is among the other's ten nearest and their cosine is above what random
    pairs reach. Communities are the themes (``theme_of``: (n,), -1 for none). Typical: PageRank (Page et al. 1999).
    Bridges: participation coefficient (Guimera and Amaral 2005) x strength, since betweenness takes O(nm).
    """
    threshold = _background(vectors, seed, scale)
    similar = _mutual(near, threshold)
    budget.check()
    both = (similar + _SHARED_WEIGHT * shared.weights).tocsr()
    return MemoryGraph(
        similar=similar,
        shared=shared.weights,
        communities=theme_of,
        typical=_pagerank(similar, budget),
        bridging=_bridging(both, theme_of),
        threshold=threshold,
    )


def describe_graph(
    graph: MemoryGraph, memories: Sequence[Memory], shared: SharedNames, themes: Sequence[Theme], *, edges: bool
) -> GraphResult:
    """The graph as a result; at most 50,000 of its strongest edges are listed."""
    ids = [m.id for m in memories]
    labels = graph.communities
    here = set(ids)
    listed_communities = [
        Community(
            id=theme.id,
            label=theme.label,
            memory_ids=[i for i in theme.memory_ids if i in here],
            keywords=theme.keywords,
        )
        for theme in themes
    ]
    connected = np.flatnonzero(labels >= 0)
    central = connected[np.argsort(-np.round(graph.typical[connected], 12), kind="stable")]
    bridges = np.argsort(-np.round(graph.bridging, 9), kind="stable")
    listed = _edges(graph, ids, shared) if edges else []
    return GraphResult(
        communities=listed_communities,
        central=[ids[i] for i in central[:_MOST_CENTRAL]],
        bridges=[ids[i] for i in bridges[:_MOST_CENTRAL] if graph.bridging[i] > 0],
        isolated=[ids[i] for i in np.flatnonzero(labels < 0)],
        edges=listed,
        metrics=_metrics(graph, len(listed_communities), len(listed)),
    )


def _background(vectors: Vectors, seed: int, scale: Scale) -> float:
    """Mean + 2 standard deviations of the cosine of random pairs: what models call alike differs widely."""
    n = len(vectors)
    if n < 3:
        return 0.5
    rng = np.random.default_rng(seed)
    first = rng.integers(0, n, 4000)
    second = (first + rng.integers(1, n, 4000)) % n
    sims = scale.read(np.einsum("nd,nd->n", vectors[first], vectors[second]))
    # A few very like memories (or only copies) must not raise the bar above their own likeness.
    return float(np.clip(np.round(sims.mean() + 2 * sims.std(), 4), _LEAST_EDGE, _ENOUGH_EDGE))


def _mutual(near: Neighbours, threshold: float) -> sparse.csr_matrix:
    index, value = near[0][:, :_NEIGHBOURS], near[1][:, :_NEIGHBOURS]
    n = len(index)
    keep = value >= threshold
    rows = np.repeat(np.arange(n), keep.sum(axis=1))
    weights = np.clip(np.round(value[keep].astype(np.float64), 5), 0.0, 1.0)
    directed = sparse.csr_matrix((weights, (rows, index[keep])), shape=(n, n))
    mutual = directed.minimum(directed.T).tocsr()
    mutual.eliminate_zeros()
    return mutual


def _pagerank(adjacency: sparse.csr_matrix, budget: TimeBudget) -> NDArray[np.float64]:
    n = adjacency.shape[0]
    if n == 0:
        return np.zeros(0)
    strength = np.asarray(adjacency.sum(axis=1)).ravel()
    step = (sparse.diags(1.0 / np.where(strength > 0, strength, 1.0)) @ adjacency).T.tocsr()
    rank = np.full(n, 1.0 / n)
    for _ in range(100):
        budget.check()
        spread = step @ rank + rank[strength == 0].sum() / n
        new = _DAMPING * spread + (1 - _DAMPING) / n
        moved = float(np.abs(new - rank).sum())
        rank = new
        if moved < 1e-8:
            break
    return rank


def _bridging(adjacency: sparse.csr_matrix, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    n = len(labels)
    if n == 0 or int(labels.max()) < 1:
        return np.zeros(n)
    own = _alone_apart(labels)
    membership = sparse.csr_matrix((np.ones(n), (np.arange(n), own)), shape=(n, int(own.max()) + 1))
    towards = (adjacency @ membership).tocsr()
    strength = np.asarray(adjacency.sum(axis=1)).ravel()
    squares = np.asarray(towards.multiply(towards).sum(axis=1)).ravel()
    return np.asarray(np.where(strength > 0, strength - squares / np.maximum(strength, 1e-12), 0.0))


def _edges(graph: MemoryGraph, ids: Sequence[str], shared: SharedNames) -> list[GraphEdge]:
    n = len(ids)
    similar = sparse.triu(graph.similar, k=1).tocoo()
    common = sparse.triu(graph.shared, k=1).tocoo()
    row = np.concatenate([similar.row, common.row]).astype(np.int64)
    column = np.concatenate([similar.col, common.col]).astype(np.int64)
    weight = np.concatenate([similar.data, common.data])
    is_shared = np.arange(len(row)) >= similar.nnz
    # A pair that is both counts as similar: of equal places the first is kept.
    _, first = np.unique(row * n + column, return_index=True)
    strongest = first[np.argsort(-weight[first], kind="stable")][:_MOST_EDGES]
    return [
        GraphEdge.built(
            source=ids[i],
            target=ids[j],
            weight=w,
            kind="shared" if shares else "similar",
            shared=shared.common(i, j)[:5],
        )
        for i, j, w, shares in zip(
            row[strongest].tolist(),
            column[strongest].tolist(),
            np.round(weight[strongest], 4).tolist(),
            is_shared[strongest].tolist(),
            strict=True,
        )
    ]


def _metrics(graph: MemoryGraph, communities: int, listed: int) -> dict[str, float | int]:
    n = len(graph.communities)
    pairs = (graph.similar + graph.shared).tocsr()
    edges = pairs.nnz // 2
    components = int(sparse.csgraph.connected_components(pairs, directed=False)[0]) if n else 0
    return {
        "nodes": n,
        "edges": edges,
        "edges_similar": graph.similar.nnz // 2,
        "edges_shared": graph.shared.nnz // 2,
        "edges_listed": listed,
        "communities": communities,
        "components": components,
        "isolated": int((graph.communities < 0).sum()),
        "density": round(2 * edges / (n * (n - 1)), 6) if n > 1 else 0.0,
        "modularity": round(_modularity(graph.similar, graph.communities), 4),
        "similarity_threshold": graph.threshold,
    }


def _modularity(adjacency: sparse.csr_matrix, labels: NDArray[np.int64]) -> float:
    """Newman 2004, on the similarities."""
    total = float(adjacency.sum())
    if total == 0:
        return 0.0
    coo = adjacency.tocoo()
    strength = np.asarray(adjacency.sum(axis=1)).ravel()
    own = _alone_apart(labels)
    within = float(coo.data[own[coo.row] == own[coo.col]].sum()) / total
    return within - float((np.bincount(own, weights=strength) ** 2).sum()) / total**2


def _alone_apart(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Labels in which each memory of no theme is a group of its own."""
    out = labels.copy()
    alone = np.flatnonzero(labels < 0)
    out[alone] = int(labels.max(initial=-1)) + 1 + np.arange(len(alone))
    return out

"""Communities of the neighbour graph."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from sklearn.metrics import adjusted_mutual_info_score

from reverie.clustering.communities import communities, sweep
from reverie.clustering.grouping import neighbourhood
from tests.clustering.sets import blobs


def modularity(graph: sparse.csr_matrix, labels: np.ndarray, resolution: float) -> float:
    edges, total = graph.tocoo(), graph.sum()
    inside = edges.data[labels[edges.row] == labels[edges.col]].sum() / total
    return float(inside - resolution * (np.bincount(labels, graph.sum(axis=1).A1) ** 2).sum() / total**2)


def test_the_same_graph_gives_the_same_communities_each_time() -> None:
    # So much noise that a method which draws lots finds others at nearly every turn.
    graph = neighbourhood(blobs(40, 20, spread=2.0)[0]).graph
    first = list(sweep(graph, [8.0, 2.0, 0.5]))
    for _ in range(5):
        assert all((a == b).all() for a, b in zip(first, sweep(graph, [8.0, 2.0, 0.5]), strict=True))


def test_planted_communities_are_found() -> None:
    x, labels = blobs(12, 50, spread=0.8)
    assert adjusted_mutual_info_score(labels, communities(neighbourhood(x).graph, 1.0)) > 0.95


@pytest.mark.parametrize("spread", [1.2, 2.0])
def test_communities_are_connected_and_a_sweep_costs_no_modularity(spread: float) -> None:
    graph = neighbourhood(blobs(40, 20, spread=spread)[0]).graph
    falling = [16.0, 4.0, 1.0]
    swept = list(sweep(graph, falling))
    assert [int(s.max()) for s in swept] == sorted((int(s.max()) for s in swept), reverse=True)
    for resolution, labels in zip(falling, swept, strict=True):
        alone = communities(graph, resolution)
        assert modularity(graph, labels, resolution) > modularity(graph, alone, resolution) - 0.01
        for community in range(int(labels.max()) + 1):
            inside = graph[labels == community][:, labels == community]
            assert connected_components(inside, directed=False)[0] == 1


def test_nodes_without_edges_are_communities_of_their_own() -> None:
    graph = sparse.csr_matrix((4, 4))
    assert communities(graph, 1.0).tolist() == [0, 1, 2, 3]
    pair = sparse.csr_matrix(([1.0, 1.0], ([0, 1], [1, 0])), shape=(3, 3))
    assert communities(pair, 1.0).tolist() == [0, 0, 1]


def test_rising_resolutions_are_refused() -> None:
    with pytest.raises(ValueError, match="fall"):
        list(sweep(sparse.csr_matrix((2, 2)), [1.0, 2.0]))

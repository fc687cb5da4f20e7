"""The graph: communities, typical, bridges and loners; its second kind of edge; the forms other programs read."""

from __future__ import annotations

import io
import json

import networkx as nx
import numpy as np
import pytest
from scipy import sparse
from sknetwork.ranking import PageRank

from reverie.analysis import to_graphml, to_networkx, to_node_link
from reverie.analysis.budget import TimeBudget
from reverie.analysis.graph import _pagerank
from reverie.contracts import AnalyzeOptions, AnalyzeResult, GraphResult, Memory
from tests.analysis.people import memories, run, themed

_ONLY = AnalyzeOptions(sections=["graph"])


def _graph(texts: list[str], **options: object) -> GraphResult:
    result: AnalyzeResult = run(memories(texts), AnalyzeOptions(sections=["graph"], **options))  # type: ignore[arg-type]
    assert result.graph is not None
    return result.graph


def test_communities_are_the_themes() -> None:
    graph = _graph(themed(100))
    theme = {f"m{i}": i % 5 for i in range(100)}
    pure = sum(max(np.bincount([theme[i] for i in c.memory_ids])) for c in graph.communities)
    inside = sum(len(c.memory_ids) for c in graph.communities)
    assert inside >= 90
    assert pure >= 0.95 * inside
    assert {"guitar", "band", "songs"} & {w for c in graph.communities for w in c.keywords}


def test_every_memory_is_in_one_community_or_isolated() -> None:
    graph = _graph([*themed(60), "zxqv plonk", "wibble frotz"])
    listed = [i for c in graph.communities for i in c.memory_ids] + graph.isolated
    assert sorted(listed) == sorted(f"m{i}" for i in range(62))
    assert {"m60", "m61"} <= set(graph.isolated)
    assert graph.metrics["isolated"] == len(graph.isolated)


def test_edges_are_mutual_unique_and_above_the_threshold() -> None:
    graph = _graph(themed(100))
    pairs = [frozenset((e.source, e.target)) for e in graph.edges]
    assert len(set(pairs)) == len(pairs) == graph.metrics["edges_listed"]
    assert all(len(p) == 2 for p in pairs)
    assert all(0 < e.weight <= 1 for e in graph.edges)
    assert min(e.weight for e in graph.edges if e.kind == "similar") >= graph.metrics["similarity_threshold"] - 1e-4
    degree: dict[str, int] = {}
    for edge in graph.edges:
        if edge.kind == "similar":
            for end in (edge.source, edge.target):
                degree[end] = degree.get(end, 0) + 1
    assert max(degree.values()) <= 10  # each is among the other's ten nearest


def test_a_shared_name_joins_memories_that_are_not_alike() -> None:
    texts = ["yesterday Marlene cooked lentils", "a long call with Marlene about taxes", *themed(20)]
    edge = next(e for e in _graph(texts).edges if {e.source, e.target} == {"m0", "m1"})
    assert edge.kind == "shared"
    assert edge.shared == ["Marlene"]


def test_a_name_in_most_memories_joins_nothing() -> None:
    graph = _graph([f"{text} with Marlene" for text in themed(40)])
    assert all("Marlene" not in e.shared for e in graph.edges)


def test_the_bridge_stands_between_two_communities() -> None:
    cats = [
        f"the cat sleeps on the warm sofa and purrs {w}" for w in ("all day", "at night", "so long", "again", "now")
    ]
    code = [f"python code has a bug in the compiler {w}" for w in ("again", "today", "still", "now")]
    both = "the cat sleeps on python code with a bug in the compiler on the warm sofa"
    graph = _graph([both, *cats, *code, *(t for i, t in enumerate(themed(60)) if i % 5 in (1, 2, 4))])
    assert graph.bridges[0] == "m0"
    assert "m0" not in graph.central[:3]


def test_edges_can_be_left_out() -> None:
    graph = _graph(themed(30), edges=False)
    assert graph.edges == []
    assert graph.metrics["edges"] > 0


def test_metrics_agree_with_networkx() -> None:
    graph = _graph(themed(80))
    out = to_networkx(graph)
    assert out.number_of_nodes() == graph.metrics["nodes"] == 80
    assert out.number_of_edges() == graph.metrics["edges"]
    assert nx.number_connected_components(out) == graph.metrics["components"]
    assert nx.density(out) == pytest.approx(graph.metrics["density"], abs=1e-6)
    similar = nx.Graph()
    similar.add_nodes_from(out)
    similar.add_edges_from((u, v, d) for u, v, d in out.edges(data=True) if d["kind"] == "similar")
    sets = [set(c.memory_ids) for c in graph.communities] + [{i} for i in graph.isolated]
    assert nx.community.modularity(similar, sets) == pytest.approx(graph.metrics["modularity"], abs=0.01)
    rank = nx.pagerank(similar)
    assert set(graph.central[:5]) <= set(sorted(rank, key=lambda i: -rank[i])[:8])


def test_graphml_and_node_link_carry_the_whole_graph() -> None:
    texts = [*themed(30), 'emoji 🎉 & <tags> "quotes" \x0b and a\ttab']
    found = memories(texts, np.linspace(0, 30, 31).tolist())
    result = run(found, _ONLY)
    assert result.graph is not None
    read = nx.read_graphml(io.BytesIO(to_graphml(result.graph, found).encode()))
    assert read.number_of_nodes() == 31
    assert read.number_of_edges() == len(result.graph.edges)
    assert read.nodes["m30"]["text"] == 'emoji 🎉 & <tags> "quotes"  and a\ttab'  # XML 1.0 has no vertical tab
    assert read.nodes["m0"]["created_at"] == "2026-01-05T00:00:00+00:00"
    linked = json.loads(json.dumps(to_node_link(result.graph, found)))
    assert {n["id"] for n in linked["nodes"]} == {m.id for m in found}
    assert nx.utils.graphs_equal(nx.node_link_graph(linked, edges="edges"), to_networkx(result.graph, found))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_the_smallest_graphs_can_be_exported(count: int) -> None:
    found = [Memory(id=f"m{i}", text="the same") for i in range(count)]
    result = run(found, _ONLY)
    assert result.graph is not None
    assert nx.read_graphml(io.BytesIO(to_graphml(result.graph, found).encode())).number_of_nodes() == count
    assert len(to_node_link(result.graph)["nodes"]) == count


def test_the_seed_alone_decides() -> None:
    texts = themed(150)
    assert _graph(texts, seed=3) == _graph(texts, seed=3)


def test_communities_of_a_tangle_are_the_same_every_time() -> None:
    chance = np.random.default_rng(4)
    common = [
        "rain",
        "bread",
        "chess",
        "train",
        "piano",
        "garden",
        "winter",
        "coffee",
        "market",
        "river",
        "mother",
        "doctor",
    ]
    texts = [" ".join(chance.choice(common, 6)) for _ in range(300)]
    first, *others = (_graph(texts).communities for _ in range(4))
    assert all(other == first for other in others)


def test_typical_is_the_page_rank_of_scikit_network() -> None:
    rng = np.random.default_rng(7)
    n = 300
    rows = np.repeat(np.arange(n), 5)
    columns = (rows + rng.integers(1, 40, 5 * n)) % n
    graph = sparse.csr_matrix((rng.uniform(0.4, 1.0, 5 * n), (rows, columns)), shape=(n, n))
    graph = sparse.csr_matrix(graph.maximum(graph.T))
    theirs = PageRank(damping_factor=0.85, solver="piteration", n_iter=200, tol=1e-12).fit_predict(graph)
    assert np.allclose(_pagerank(graph, TimeBudget()), theirs, rtol=0, atol=1e-8)

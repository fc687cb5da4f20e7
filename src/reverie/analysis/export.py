"""The graph in the forms that other programs read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from reverie.contracts import GraphResult, Memory

if TYPE_CHECKING:
    import networkx as nx  # when it is needed: a worker answers without it

__all__ = ["to_graphml", "to_networkx", "to_node_link"]


def to_networkx(graph: GraphResult, memories: Iterable[Memory] = ()) -> nx.Graph[str]:
    """An undirected ``networkx.Graph``: nodes are memory ids.

    Nodes carry ``community`` (its id, or "" for an isolated memory), ``central`` and ``bridge`` (rank from 1, 0 for
    none) and, where ``memories`` are given, ``text`` and ``created_at``. Edges carry ``weight``, ``kind``, ``shared``.
    """
    import networkx as nx

    out: nx.Graph[str] = nx.Graph()
    for memory_id in graph.isolated:
        out.add_node(memory_id, community="")
    for community in graph.communities:
        out.add_nodes_from(community.memory_ids, community=community.id)
    central = {memory_id: rank for rank, memory_id in enumerate(graph.central, 1)}
    bridges = {memory_id: rank for rank, memory_id in enumerate(graph.bridges, 1)}
    for memory_id, data in out.nodes(data=True):
        data["central"] = central.get(memory_id, 0)
        data["bridge"] = bridges.get(memory_id, 0)
    for edge in graph.edges:
        out.add_edge(edge.source, edge.target, weight=edge.weight, kind=edge.kind, shared=", ".join(edge.shared))
    for memory in memories:
        if memory.id in out:
            out.nodes[memory.id]["text"] = memory.text
            if memory.created_at is not None:
                out.nodes[memory.id]["created_at"] = memory.created_at.isoformat()
    return out


def to_node_link(graph: GraphResult, memories: Iterable[Memory] = ()) -> dict[str, Any]:
    """The node-link form of D3 and networkx: ``{"nodes": [...], "edges": [{"source", "target", ...}], ...}``."""
    import networkx as nx

    found: dict[str, Any] = nx.node_link_data(to_networkx(graph, memories), edges="edges")
    return found


def to_graphml(graph: GraphResult, memories: Iterable[Memory] = ()) -> str:
    """GraphML (XML), which Gephi, Cytoscape and yEd open. Characters that XML forbids are dropped."""
    import networkx as nx

    out = to_networkx(graph, memories)
    for _, data in out.nodes(data=True):
        if "text" in data:
            data["text"] = _xml_safe(data["text"])
    for _, _, data in out.edges(data=True):
        data["shared"] = _xml_safe(data["shared"])
    return "\n".join(nx.generate_graphml(out))


def _xml_safe(text: str) -> str:
    return "".join(c for c in text if c in "\t\n\r" or (ord(c) >= 32 and ord(c) not in (0xFFFE, 0xFFFF)))

"""The graph in the forms that other programs read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from reverie.contracts import GraphResult, Memory

if TYPE_CHECKING:
    import networkx as nx  # when it is needed: a worker answers without it

__all__ = ["to_graphml", "to_networkx", "to_node_link"]


def to_networkx(graph: GraphResult, memories: Iterable[Memory] = ()) -> nx.Graph[str]:
    """The same as ``graph.to_networkx(memories)``."""
    found: nx.Graph[str] = graph.to_networkx(memories)
    return found


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

"""Results as tables of pandas and graphs of networkx, which are loaded only when they are asked for.

Results are ``Any`` here: their modules import this one for their methods ``to_pandas`` and ``to_networkx``.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

from reverie.contracts.memory import Memory
from reverie.errors import MissingExtra

__all__ = ["graph_of", "tables_of_analysis", "tables_of_themes"]


def _needed(name: str, what: str) -> Any:
    # By name: the gateway reads these contracts, and must neither load these packages nor need them.
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise MissingExtra("pandas", what=what) from error


def tables_of_themes(result: Any) -> dict[str, Any]:
    """See ``ClusterResult.to_pandas``."""
    pd = _needed("pandas", "to_pandas()")
    columns = ("id", "label", "keywords", "size", "cohesion", "first_at", "last_at", "label_source")
    themes = pd.DataFrame([[getattr(theme, c) for c in columns] for theme in result.themes], columns=list(columns))
    for column in ("first_at", "last_at"):
        themes[column] = pd.to_datetime(themes[column], utc=True)
    labels = {theme.id: theme.label for theme in result.themes}
    rows = [(memory, theme, labels.get(theme or "")) for memory, theme in result.assignments.items()]
    assignments = pd.DataFrame(rows, columns=["memory_id", "theme_id", "label"])
    if result.map is not None:
        places = {point.id: (point.x, point.y) for point in result.map}
        nowhere = (float("nan"), float("nan"))
        assignments["x"] = [places.get(memory, nowhere)[0] for memory in result.assignments]
        assignments["y"] = [places.get(memory, nowhere)[1] for memory in result.assignments]
    return {"themes": themes, "assignments": assignments}


def tables_of_analysis(result: Any) -> dict[str, Any]:
    """See ``AnalyzeResult.to_pandas``."""
    pd = _needed("pandas", "to_pandas()")
    columns = ["memory_id", "score", "rank", "core", "kind", "boundary", "reason"]
    importance = pd.DataFrame([[getattr(row, c) for c in columns] for row in result.importance], columns=columns)
    for name in dict.fromkeys(name for row in result.importance for name in row.factors):
        contributions = [row.factors[name].contribution if name in row.factors else 0.0 for row in result.importance]
        importance[f"factor.{name}"] = contributions
    shown = ["kind", "description", "strength", "p_value", "q_value", "period", "memory_ids"]
    patterns = pd.DataFrame([[getattr(row, c) for c in shown] for row in result.patterns], columns=shown)
    timeline = pd.DataFrame(
        {
            "day": pd.to_datetime(list(result.timeline)),
            "count": pd.Series(list(result.timeline.values()), dtype="int64"),
        }
    )
    return {"importance": importance, "patterns": patterns, "timeline": timeline}


def graph_of(graph: Any, memories: Iterable[Memory] = ()) -> Any:
    """See ``GraphResult.to_networkx``."""
    out = _needed("networkx", "to_networkx()").Graph()
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

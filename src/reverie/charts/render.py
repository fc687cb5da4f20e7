"""The one entry: a result in, a PNG out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from reverie.charts.graph_chart import draw_graph
from reverie.charts.map_chart import draw_map
from reverie.charts.timeline_chart import draw_timeline
from reverie.errors import InvalidInput

__all__ = ["render"]

_NARROWEST, _WIDEST = 200, 3000


def render(
    kind: Literal["map", "timeline", "graph"],
    result: Mapping[str, Any],
    texts: Mapping[str, str] | None = None,
    *,
    dark: bool = False,
    width: int = 1000,
    scale: float = 1.0,
    title: str | None = None,
    dates: Mapping[str, str] | None = None,
) -> bytes:
    """A chart of a result as PNG, laid out for ``width`` pixels and drawn with ``scale`` times as many.

    The same input gives the same bytes on the same machine. A small width with a large scale is for small screens:
    few, large words, in full sharpness.

    ``result`` is a ClusterResult (map, timeline) or an AnalyzeResult (timeline, graph) as plain JSON; ``texts`` and
    ``dates`` map memory ids to texts and to ISO 8601 moments. Without ``dates`` a timeline shows what the result
    itself knows: counts per day, or each theme from its first memory to its last.

    Raises ``InvalidInput`` for an unknown kind, a width outside 200 to 3000 or a scale outside 1 to 3.
    """
    if not _NARROWEST <= width <= _WIDEST:
        raise InvalidInput(f"width is {width}; a chart is {_NARROWEST} to {_WIDEST} pixels wide")
    if not 1 <= scale <= 3 or width * scale > _WIDEST:
        raise InvalidInput(f"scale is {scale:g}; it is 1 to 3, and {_WIDEST} pixels are the most in all")
    if kind == "map":
        return draw_map(result, dark=dark, width=width, scale=scale, title=title)
    if kind == "timeline":
        return draw_timeline(result, dates or {}, dark=dark, width=width, scale=scale, title=title)
    if kind == "graph":
        return draw_graph(result, texts or {}, dark=dark, width=width, scale=scale, title=title)
    raise InvalidInput(f"there is no {kind!r} chart; there are map, timeline and graph")

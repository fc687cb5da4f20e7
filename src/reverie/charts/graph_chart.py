"""The graph: communities of memories that are alike, the typical ones in their middle, bridges between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.patches import Circle

from reverie.charts.graph_layout import Layout, lay_out
from reverie.charts.labels import Label, place
from reverie.charts.palette import theme_colour
from reverie.charts.sheet import Sheet
from reverie.charts.text import drawable

__all__ = ["draw_graph"]

_MOST_EDGES = 4000
_MOST_COMMUNITIES = 60


def draw_graph(
    result: Mapping[str, Any],
    texts: Mapping[str, str],
    *,
    dark: bool,
    width: int,
    scale: float = 1.0,
    title: str | None,
) -> bytes:
    """PNG of an analyze result's graph."""
    sheet = Sheet(width, round(width * (1.2 if width < 480 else 0.78)), dark=dark, scale=scale)
    graph = result.get("graph") or {}
    communities = sorted(graph.get("communities") or [], key=lambda c: (-len(c["memory_ids"]), c["id"]))
    nodes = sum(len(c["memory_ids"]) for c in communities)
    found = len(communities)
    communities = communities[:_MOST_COMMUNITIES]
    alone = len(graph.get("isolated") or [])
    drawn = f", the {_MOST_COMMUNITIES} largest drawn" if found > _MOST_COMMUNITIES else ""
    detail = f"{found:,} themes{drawn} · rings mark memories that connect them · {alone:,} memories in no theme"
    top = sheet.heading(title or f"How {nodes:,} memories hang together", detail if nodes else "")
    if not nodes:
        sheet.empty("No two memories are alike enough to connect")
        return sheet.png()
    rank = {memory: place for place, memory in enumerate(graph.get("central") or [])}
    members = [sorted(c["memory_ids"], key=lambda m: rank.get(m, len(rank))) for c in communities]
    box = (sheet.margin, top, sheet.width - sheet.margin, sheet.height - sheet.margin)
    layout = _scaled(lay_out(members, (box[2] - box[0]) / (box[3] - box[1])), box)
    _draw_edges(sheet, graph.get("edges") or [], layout)
    _draw_nodes(sheet, members, layout, set(graph.get("bridges") or []))
    _draw_names(sheet, communities, members, texts, layout, box)
    return sheet.png()


def _scaled(layout: Layout, box: tuple[float, float, float, float]) -> Layout:
    left = min(d.x - d.radius for d in layout.discs)
    right = max(d.x + d.radius for d in layout.discs)
    low = min(d.y - d.radius for d in layout.discs)
    high = max(d.y + d.radius for d in layout.discs)
    scale = min((box[2] - box[0]) / (right - left), (box[3] - box[1]) / (high - low), (box[2] - box[0]) / 6)
    dx = (box[0] + box[2]) / 2 - (left + right) / 2 * scale
    dy = (box[1] + box[3]) / 2 - (low + high) / 2 * scale
    return Layout(
        {memory: (x * scale + dx, y * scale + dy) for memory, (x, y) in layout.places.items()},
        [type(d)(d.x * scale + dx, d.y * scale + dy, d.radius * scale) for d in layout.discs],
    )


def _draw_edges(sheet: Sheet, edges: list[Mapping[str, Any]], layout: Layout) -> None:
    strongest = sorted(edges, key=lambda e: (-e["weight"], e["source"], e["target"]))[:_MOST_EDGES]
    lines = [
        (layout.places[e["source"]], layout.places[e["target"]])
        for e in strongest
        if e["source"] in layout.places and e["target"] in layout.places
    ]
    if lines:
        alpha = float(np.clip(60 / np.sqrt(len(lines)) / 10, 0.10, 0.5))
        collection = LineCollection(lines, colors=sheet.paper.muted, linewidths=0.7, alpha=alpha, zorder=2)
        sheet.axes.add_collection(collection, autolim=False)


def _draw_nodes(sheet: Sheet, members: list[list[str]], layout: Layout, bridges: set[str]) -> None:
    count = sum(map(len, members))
    gap = layout.discs[0].radius / (np.sqrt(len(members[0])) * 0.62 + 0.9)
    area = float(np.clip((gap * 0.42 * 0.72) ** 2, 2, (sheet.body * 0.62) ** 2))
    for index, (disc, mine) in enumerate(zip(layout.discs, members, strict=True)):
        colour = theme_colour(index, sheet.paper)
        sheet.axes.add_patch(Circle((disc.x, disc.y), disc.radius, facecolor=colour, alpha=0.10, linewidth=0, zorder=1))
        places = np.array([layout.places[m] for m in mine])
        sizes = np.where(np.arange(len(mine)) == 0, area * 1.9, area)
        sheet.axes.scatter(places[:, 0], places[:, 1], s=sizes, c=[colour], linewidths=0, alpha=0.92, zorder=3)
    ringed = np.array([layout.places[m] for m in sorted(bridges) if m in layout.places])
    if len(ringed):
        thick = 0.8 if count > 600 else 1.5
        ink = sheet.paper.ink
        sheet.axes.scatter(
            ringed[:, 0], ringed[:, 1], s=area * 2.6, facecolors="none", edgecolors=ink, linewidths=thick, zorder=4
        )


def _draw_names(
    sheet: Sheet,
    communities: list[Mapping[str, Any]],
    members: list[list[str]],
    texts: Mapping[str, str],
    layout: Layout,
    box: tuple[float, float, float, float],
) -> None:
    size = sheet.body
    wanted: list[Label] = []
    names: list[str] = []
    for community, mine, disc in zip(communities, members, layout.discs, strict=True):
        room = max(disc.radius * 2.1, size * 8)
        label = drawable(community.get("label") or "")
        name = sheet.fit(label, size, room, bold=True) if label else ""
        name = name or _keywords(sheet, community.get("keywords") or [], size, room)
        name = name or sheet.fit(texts.get(mine[0], ""), size, room, bold=True)
        if name and disc.radius > size * 1.2:
            wide, high = sheet.measure(name, size, bold=True)
            wanted.append(Label(disc.x, disc.y - disc.radius + high * 0.2, wide, high))
            names.append(name)
    points = np.array(list(layout.places.values()))
    for spot in place(wanted, box, points, step=size * 1.1, rings=4):
        sheet.text(spot.x, spot.y, names[spot.index], size, bold=True, align="center", vertical="center", halo=True)


def _keywords(sheet: Sheet, keywords: list[str], size: float, room: float) -> str:
    """As many whole keywords as fit; the first one shortened if not even that does."""
    for count in (3, 2, 1):
        name = drawable(", ".join(keywords[:count]))
        if name and sheet.measure(name, size, bold=True)[0] <= room:
            return name
    return sheet.fit(keywords[0], size, room, bold=True) if keywords else ""

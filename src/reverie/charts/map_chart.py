"""The map of themes: every memory a point, near to what it resembles, in the colour of its theme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reverie.charts.labels import Label, place
from reverie.charts.palette import theme_colour
from reverie.charts.sheet import Sheet

__all__ = ["draw_map", "theme_order"]


def theme_order(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Themes by size, then id: the order that decides a theme's colour, here and in the dashboard."""
    return sorted(result.get("themes") or [], key=lambda theme: (-len(theme["memory_ids"]), theme["id"]))


def draw_map(result: Mapping[str, Any], *, dark: bool, width: int, scale: float = 1.0, title: str | None) -> bytes:
    """PNG of a cluster result's map, 4:3 (taller on a narrow sheet)."""
    sheet = Sheet(width, round(width * (1.15 if width < 480 else 0.75)), dark=dark, scale=scale)
    themes = theme_order(result)
    points = result.get("map") or []
    top = sheet.heading(title or _title(len(points), len(themes)), _detail(result, len(points)))
    if not points:
        sheet.empty("This result has no map" if themes else "No memories yet")
        return sheet.png()
    edge = sheet.margin + sheet.body * 0.5
    box = (edge, top + sheet.body, width - edge, sheet.height - edge)
    places = _to_pixels(np.array([(p["x"], p["y"]) for p in points], dtype=np.float64), box)
    index_of = {memory: index for index, theme in enumerate(themes) for memory in theme["memory_ids"]}
    owner = np.array([index_of.get(p["id"], -1) for p in points])
    _draw_points(sheet, places, owner, len(themes))
    _draw_labels(sheet, places, owner, themes, (sheet.margin, top, width - sheet.margin, sheet.height - sheet.margin))
    return sheet.png()


def _title(memories: int, themes: int) -> str:
    if not memories:
        return "Themes"
    return f"{memories:,} {'memory' if memories == 1 else 'memories'} in {themes:,} theme{'' if themes == 1 else 's'}"


def _detail(result: Mapping[str, Any], memories: int) -> str:
    alone = len(result.get("unclustered") or [])
    return f"Near means alike · {alone:,} in no theme" if memories else ""


def _to_pixels(places: NDArray[np.float64], box: tuple[float, float, float, float]) -> NDArray[np.float64]:
    low, high = places.min(axis=0), places.max(axis=0)
    span = np.where(high - low > 1e-9, high - low, 1.0)
    unit = np.where(high - low > 1e-9, (places - low) / span, 0.5)
    out = np.empty_like(unit)
    out[:, 0] = box[0] + unit[:, 0] * (box[2] - box[0])
    out[:, 1] = box[3] - unit[:, 1] * (box[3] - box[1])
    return out


def _draw_points(sheet: Sheet, places: NDArray[np.float64], owner: NDArray[np.int_], themes: int) -> None:
    # Area falls with the number of points, so that a thousand stay apart and ten are seen.
    radius = float(np.clip(sheet.width / 26 / np.sqrt(len(places)) + sheet.width / 420, 1.2, sheet.width / 90))
    area = (radius * 2 * 0.72) ** 2
    colours = np.array([theme_colour(i, sheet.paper) for i in range(themes)] or [(0.0, 0.0, 0.0)])
    alone = owner < 0
    sheet.axes.scatter(
        places[alone, 0], places[alone, 1], s=area * 0.6, c=sheet.paper.none, alpha=0.55, linewidths=0, zorder=2
    )
    mine, hue = places[~alone], colours[owner[~alone]]
    if len(mine) <= 20_000:
        sheet.axes.scatter(
            mine[:, 0], mine[:, 1], s=area * 26, c=hue, alpha=0.028 if len(mine) > 300 else 0.06, linewidths=0, zorder=1
        )
    sheet.axes.scatter(
        mine[:, 0], mine[:, 1], s=area, c=hue, alpha=0.86, linewidths=0.35, edgecolors=sheet.paper.background, zorder=3
    )


def _draw_labels(
    sheet: Sheet,
    places: NDArray[np.float64],
    owner: NDArray[np.int_],
    themes: list[Mapping[str, Any]],
    bounds: tuple[float, float, float, float],
) -> None:
    size = sheet.body
    room = min(sheet.width * 0.42, size * 17)
    wanted: list[Label] = []
    names: list[tuple[str, int]] = []
    for index, theme in enumerate(themes):
        members = places[owner == index]
        if not len(members):
            continue
        name = sheet.fit(theme.get("label") or "", size, room, bold=True)
        name = name or sheet.fit(", ".join(theme.get("keywords") or []), size, room, bold=True) or f"Theme {index + 1}"
        middle = members[np.argmin(np.abs(members - np.median(members, axis=0)).sum(axis=1))]
        wide, high = sheet.measure(name, size, bold=True)
        wanted.append(Label(float(middle[0]), float(middle[1]), wide, high))
        names.append((name, index))
    for spot in place(wanted, bounds, places, step=size * 1.15, rings=4):
        name, index = names[spot.index]
        label = wanted[spot.index]
        if spot.moved > size * 2:
            sheet.axes.plot([label.x, spot.x], [label.y, spot.y], color=sheet.paper.muted, linewidth=0.8, zorder=4)
        sheet.text(spot.x, spot.y, name, size, bold=True, align="center", vertical="center", halo=True)
        sheet.axes.plot(
            [spot.x - label.width / 2, spot.x + label.width / 2],
            [spot.y + label.height * 0.66] * 2,
            color=theme_colour(index, sheet.paper),
            linewidth=max(1.4, size * 0.11),
            solid_capstyle="round",
            zorder=11,
        )

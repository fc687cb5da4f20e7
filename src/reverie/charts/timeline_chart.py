"""The timeline: memories per day, week or month, stacked by theme; bursts and changes by their names."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from reverie.charts.buckets import Buckets, buckets_for, day_of
from reverie.charts.map_chart import theme_order
from reverie.charts.palette import Rgb, theme_colour
from reverie.charts.sheet import Box, Sheet

__all__ = ["draw_timeline"]

_MOST_GROUPS, _MOST_GROUPS_NARROW = 11, 7
"""Themes with a colour of their own; smaller ones share one. A narrow sheet has room for fewer names."""


@dataclass(slots=True)
class _Layer:
    name: str
    colour: Rgb | str
    counts: np.ndarray[Any, np.dtype[np.int64]]


def draw_timeline(
    result: Mapping[str, Any],
    dates: Mapping[str, str],
    *,
    dark: bool,
    width: int,
    scale: float = 1.0,
    title: str | None,
) -> bytes:
    """PNG of a cluster or analyze result over time; ``dates`` maps memory ids to ISO 8601 moments."""
    sheet = Sheet(width, round(width * (0.95 if width < 480 else 0.8 if width < 640 else 0.52)), dark=dark, scale=scale)
    days = {memory: day for memory, moment in dates.items() if (day := day_of(moment)) is not None}
    counted = {day: n for text, n in (result.get("timeline") or {}).items() if (day := day_of(text)) is not None}
    heading = title or "Over time"
    if days:
        buckets = buckets_for(list(days.values()))
        layers = _stacked(sheet, result, days, buckets)
    elif counted:
        buckets = buckets_for(list(counted))
        counts = np.zeros(len(buckets.starts), dtype=np.int64)
        for day, n in counted.items():
            counts[buckets.of[day]] += n
        layers = [_Layer("memories", sheet.paper.accent, counts)]
    elif spans := _spans(result):
        _draw_spans(sheet, heading, spans)
        return sheet.png()
    else:
        sheet.heading(heading, "")
        sheet.empty("No memory has a date")
        return sheet.png()
    total = int(sum(layer.counts.sum() for layer in layers))
    first, last = buckets.starts[0], max(days.values() or counted)
    whose = f"{total:,} {'memory' if total == 1 else 'memories'}, a bar for each {buckets.unit}"
    start = sheet.heading(heading, f"{whose}, {_when(first)} to {_when(last)}")
    bottom: float = sheet.height - sheet.margin
    if len(layers) > 1 or days:
        bottom = _draw_legend(sheet, layers)
    found = _found(result.get("patterns") or [], last)
    _draw_bars(sheet, layers, buckets, (sheet.margin, start, sheet.width - sheet.margin, bottom), found)
    return sheet.png()


def _when(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _stacked(sheet: Sheet, result: Mapping[str, Any], days: Mapping[str, date], buckets: Buckets) -> list[_Layer]:
    """A layer for each large theme (or community), one for the small ones, one for what is in none."""
    groups: list[tuple[str, Sequence[str]]] = [(t["label"], t["memory_ids"]) for t in theme_order(result)]
    if not groups:
        communities = (result.get("graph") or {}).get("communities") or []
        groups = [
            (c.get("label") or ", ".join(c.get("keywords") or []) or c["id"], c["memory_ids"]) for c in communities
        ]
    layers: list[_Layer] = []
    left = set(days)

    def count(memories: Sequence[str]) -> np.ndarray[Any, np.dtype[np.int64]]:
        mine = [buckets.of[days[m]] for m in memories if m in left]
        left.difference_update(memories)
        return np.bincount(mine, minlength=len(buckets.starts)).astype(np.int64)

    most = _MOST_GROUPS if sheet.width >= 640 else _MOST_GROUPS_NARROW
    shown = groups if len(groups) <= most + 1 else groups[:most]
    for index, (name, memories) in enumerate(shown):
        layers.append(_Layer(name, theme_colour(index, sheet.paper), count(memories)))
    if len(shown) < len(groups):
        rest = [memory for _, memories in groups[most:] for memory in memories]
        layers.append(_Layer(f"{len(groups) - most} smaller themes", sheet.paper.none, count(rest)))
    if left:
        alone = _Layer("in no theme", sheet.paper.faint, count(sorted(left)))
        layers.append(alone if groups else _Layer("memories", sheet.paper.accent, alone.counts))
    return [layer for layer in layers if layer.counts.any()]


def _draw_legend(sheet: Sheet, layers: Sequence[_Layer]) -> float:
    """Names under the chart, in as many rows as they need; the height above which the chart must end."""
    size, gap = sheet.body * 0.92, sheet.body
    rows: list[list[tuple[str, _Layer, float]]] = [[]]
    room = sheet.width - 2 * sheet.margin
    used = 0.0
    for layer in layers:
        name = sheet.fit(layer.name, size, min(room - 2 * gap, size * 15)) or "theme"
        wide = sheet.measure(name, size)[0] + size * 1.3
        if rows[-1] and used + wide > room:
            rows.append([])
            used = 0.0
        rows[-1].append((name, layer, used))
        used += wide + gap
    high = size * 1.65
    top = sheet.height - sheet.margin - high * len(rows)
    for line, row in enumerate(rows):
        y = top + high * (line + 0.5)
        for name, layer, x in row:
            side = size * 0.72
            sheet.axes.add_patch(
                Rectangle((sheet.margin + x, y - side / 2), side, side, facecolor=layer.colour, linewidth=0)
            )
            sheet.text(sheet.margin + x + size * 1.1, y, name, size, vertical="center")
    return top - sheet.body * 0.4


_MARKS = {"burst": "Burst", "rate_change": "Change"}
"""What is written above a band; how sure it is stands with the pattern, in words."""


def _found(patterns: Sequence[Mapping[str, Any]], last: date) -> list[tuple[date, date, str]]:
    """First and last day and the name of bursts and changes, earliest first."""
    out = []
    for pattern in patterns:
        details = pattern.get("details") or {}
        begin = day_of(str(details.get("from") or details.get("since") or ""))
        if pattern["kind"] in _MARKS and begin is not None:
            end = day_of(str(details.get("to") or "")) or last
            out.append((begin, max(begin, end), _MARKS[pattern["kind"]]))
    return sorted(out)


def _draw_found(
    sheet: Sheet,
    found: Sequence[tuple[date, date, str]],
    buckets: Buckets,
    x: Any,
    step: float,
    top: float,
    floor: float,
) -> None:
    size = sheet.body * 0.82
    free = -1.0
    for begin, end, name in found:
        first, after = (bisect_right(buckets.starts, day) - 1 for day in (begin, end))
        if after < 0:
            continue
        left, right = float(x[max(0, first)] - step / 2), float(x[after] + step / 2)
        band = Rectangle((left, top), right - left, floor - top, facecolor=sheet.paper.ink, alpha=0.07, linewidth=0)
        sheet.axes.add_patch(band)
        wide = sheet.measure(name, size)[0]
        place = min(left + size * 0.3, sheet.width - sheet.margin - wide)
        if place > free:
            sheet.text(place, top + size * 0.25, name, size, colour=sheet.paper.muted)
            free = place + wide + size * 0.5


def _draw_bars(
    sheet: Sheet,
    layers: Sequence[_Layer],
    buckets: Buckets,
    box: Box,
    found: Sequence[tuple[date, date, str]],
) -> None:
    size = sheet.body * 0.88
    heights = np.sum([layer.counts for layer in layers], axis=0)
    ticks = [int(t) for t in MaxNLocator(nbins=4, integer=True, min_n_ticks=1).tick_values(0, max(1, heights.max()))]
    ticks = [t for t in ticks if t >= 0]
    peak = max(1, *ticks)
    left = box[0] + sheet.measure(f"{peak:,}", size)[0] + size * 0.7
    floor = box[3] - size * 1.9
    # The line of their names has a row of its own above the bars.
    scale = (floor - box[1] - size * (2.2 if found else 1.0)) / peak
    for tick in ticks:
        y = floor - tick * scale
        sheet.axes.plot([left, box[2]], [y, y], color=sheet.paper.faint, linewidth=1, zorder=1)
        sheet.text(left - size * 0.6, y, f"{tick:,}", size, colour=sheet.paper.muted, align="right", vertical="center")
    step = (box[2] - left) / len(buckets.starts)
    bar = min(step * 0.82, sheet.body * 5)
    x = left + step * (np.arange(len(buckets.starts)) + 0.5)
    _draw_found(sheet, found, buckets, x, step, box[1], floor)
    base: Any = np.zeros(len(buckets.starts))
    for layer in layers:
        tall = layer.counts * scale
        sheet.axes.bar(x, -tall, bar, bottom=floor - base, color=layer.colour, linewidth=0, zorder=3)
        base += tall
    _draw_days(sheet, buckets, x, floor + size * 0.55, size, box[2])


def _draw_days(sheet: Sheet, buckets: Buckets, x: Any, y: float, size: float, right: float) -> None:
    """Dates under the bars: the first of each month or year that has room."""
    free = -1.0
    form = {"day": "{0.day} {0:%b}", "week": "{0.day} {0:%b}", "month": "{0:%b %Y}", "year": "{0.year}"}[buckets.unit]
    crowded = len(buckets.starts) > 40
    for place, start in enumerate(buckets.starts):
        if crowded and buckets.unit == "week" and start.day > 7:
            continue
        name = f"{start:%b %Y}" if crowded and buckets.unit == "week" else form.format(start)
        half = sheet.measure(name, size)[0] / 2
        if x[place] - half < free or x[place] + half > right + size:
            continue
        sheet.text(x[place], y, name, size, colour=sheet.paper.muted, align="center")
        free = x[place] + half + size * 1.2


def _spans(result: Mapping[str, Any]) -> list[tuple[str, int, date, date]]:
    out = []
    for index, theme in enumerate(theme_order(result)):
        first, last = (day_of(theme[name]) if theme.get(name) else None for name in ("first_at", "last_at"))
        if first is not None and last is not None:
            out.append((theme["label"], index, first, last))
    return out[:12]


def _draw_spans(sheet: Sheet, heading: str, spans: Sequence[tuple[str, int, date, date]]) -> None:
    """Without the dates of single memories: each theme from its first memory to its last."""
    first, last = min(s[2] for s in spans), max(s[3] for s in spans)
    top = sheet.heading(heading, f"First to last memory of a theme, {_when(first)} to {_when(last)}")
    size = sheet.body
    left = sheet.margin + sheet.width * 0.3
    high = (sheet.height - sheet.margin - top) / len(spans)
    wide = sheet.width - sheet.margin - left
    length = max(1, (last - first).days)
    for row, (label, index, begin, end) in enumerate(spans):
        y = top + high * (row + 0.5)
        name = sheet.fit(label, size, sheet.width * 0.3 - size) or f"Theme {index + 1}"
        sheet.text(left - size * 0.8, y, name, size, align="right", vertical="center")
        xs = [left + wide * (day - first).days / length for day in (begin, end)]
        colour = theme_colour(index, sheet.paper)
        sheet.axes.plot(xs, [y, y], color=colour, linewidth=max(3.0, size * 0.35), solid_capstyle="round")

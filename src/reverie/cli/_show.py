"""Results as a person reads them, at 80 columns and up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from reverie.contracts import AnalyzeResult, ClusterResult, Memory, Task, Theme
from reverie.readers import Source

__all__ = ["shorten", "show_analysis", "show_rejected", "show_themes", "span"]

_MOST_REJECTED = 10


def shorten(text: str, cells: int) -> str:
    """``text`` on one line, at most ``cells`` wide on the screen (a CJK character takes two)."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return flat if cell_len(flat) <= cells else set_cell_size(flat, cells - 1).rstrip() + "…"


def span(first: datetime | None, last: datetime | None) -> str:
    """``2024-02 – 2025-10``."""
    if first is None or last is None:
        return ""
    start, end = first.strftime("%Y-%m"), last.strftime("%Y-%m")
    return start if start == end else f"{start} – {end}"


def show_rejected(console: Console, source: Source, name: str) -> None:
    """Name the rows that could not be used."""
    for note in source.notes:
        console.print(Text(f"{name}: {note}", style="dim"))
    count = source.rejected_count
    if not count:
        return
    console.print(Text(f"{name}: {count:,} row{'s' if count != 1 else ''} left out", style="yellow"))
    for row in source.rejected[:_MOST_REJECTED]:
        console.print(Text(f"  {row}"))
    if count > _MOST_REJECTED:
        console.print(Text(f"  and {count - _MOST_REJECTED:,} more"))


def _example(theme: Theme, texts: Mapping[str, str], cells: int) -> str:
    chosen = theme.representative_ids or theme.memory_ids
    return shorten(texts.get(chosen[0], ""), cells) if chosen else ""


def show_themes(
    console: Console, title: str, memories: Sequence[Memory], result: ClusterResult, task: Task | None, seconds: float
) -> None:
    """A table of themes, what stands alone, and what changed since the user's last run."""
    texts = {memory.id: memory.text for memory in memories}
    dated = any(theme.first_at for theme in result.themes)
    loose = len(result.unclustered)
    head = Text(f"{title}", style="bold")
    head.append(f"  {_count(len(memories), 'memory', 'memories')}, {_count(len(result.themes), 'theme')}", "not bold")
    if loose:
        head.append(f", {loose:,} on {'its' if loose == 1 else 'their'} own", "not bold")
    console.print(head)
    known = len(result.born) < len(result.themes) or bool(result.gone or result.merged or result.split)
    if result.themes:
        width = min(console.width, 120)
        labels = max(min(max(cell_len(theme.label) for theme in result.themes), width // 3), 5)
        left = width - labels - (4 + 2) - ((17 + 2) if dated else 0) - 4
        table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="dim", width=width)
        table.add_column("size", justify="right", width=4)
        table.add_column("theme", width=labels, no_wrap=True, overflow="ellipsis")
        table.add_column("for example", width=max(left, 10), no_wrap=True, overflow="ellipsis")
        if dated:
            table.add_column("when", width=17, no_wrap=True, style="dim")
        for theme in result.themes:
            fresh = known and theme.id in result.born
            label = Text(shorten(("+ " if fresh else "") + theme.label, labels), "green" if fresh else "cyan")
            cells: list[Text | str] = [f"{theme.size:,}", label, Text(_example(theme, texts, max(left, 10)))]
            if dated:
                cells.append(span(theme.first_at, theme.last_at))
            table.add_row(*cells)
        console.print(table)
    if known:
        console.print(Text(_changes(result)))
    console.print(Text(_footer(result, task, seconds), style="dim"))


def _changes(result: ClusterResult) -> str:
    names = {theme.id: theme.label for theme in result.themes}
    parts = []
    if result.born:
        parts.append("new: " + ", ".join(names.get(theme, theme) for theme in result.born))
    for merge in result.merged:
        parts.append(f"{names.get(merge.into, merge.into)} is {len(merge.themes)} earlier themes in one")
    for split in result.split:
        parts.append("one became " + " and ".join(names.get(theme, theme) for theme in split.into))
    if result.gone:
        parts.append(f"{len(result.gone)} gone")
    return "Since last time: " + ("; ".join(parts) if parts else "the same themes") + "."


def _footer(result: ClusterResult | AnalyzeResult, task: Task | None, seconds: float) -> str:
    parts = [f"{seconds:.1f} s" if seconds >= 0.05 else f"{seconds * 1000:.0f} ms"]
    stats = result.stats
    if task is not None and task.cached:
        parts.append("answered from the cache")
    elif "texts_embedded" in stats:
        parts.append(
            f"{_count(stats['texts_embedded'], 'text')} read, {stats.get('texts_from_cache', 0):,} known before"
        )
    if result.model is not None:
        parts.append(f"{result.model.name} on {result.model.provider}")
    return " · ".join(parts)


def show_analysis(
    console: Console,
    title: str,
    memories: Sequence[Memory],
    result: AnalyzeResult,
    task: Task | None,
    seconds: float,
    top: int = 5,
) -> None:
    """What matters most and why, what is typical, what repeats, what says the same twice."""
    texts = {memory.id: memory.text for memory in memories}
    width = min(console.width, 120)

    def line(memory_id: str, indent: str = "  ") -> Text:
        return Text(indent + shorten(texts.get(memory_id, memory_id), width - len(indent)))

    console.print(Text(f"{title}  ", style="bold").append(_count(len(memories), "memory", "memories"), "not bold"))
    if result.patterns:
        _heading(console, "Patterns")
        for pattern in result.patterns[: max(top, 3)]:
            chance = f"{pattern.p_value:.4f}" if pattern.p_value >= 0.0001 else "under 0.0001"
            console.print(_indented(Text(pattern.description).append(f" (p {chance})", "dim")))
    if result.importance:
        _heading(console, "Worth keeping")
        for entry in result.importance[:top]:
            console.print(
                Text(f"  {entry.score:.2f}  ", "cyan").append(
                    shorten(texts.get(entry.memory_id, entry.memory_id), width - 8), "default"
                )
            )
            causes = sorted(entry.factors.items(), key=lambda item: -item[1].contribution)[:3]
            parts = [f"{name} {factor.contribution:+.2f}" for name, factor in causes if factor.contribution]
            why = ", ".join([entry.reason, *parts] if entry.reason else parts)
            if why:
                console.print(Text(f"        {why}", style="dim"))
    if result.graph is not None and result.graph.central:
        _heading(console, "Most typical")
        for memory_id in result.graph.central[: min(3, top)]:
            console.print(line(memory_id))
    if result.duplicates:
        _heading(console, "Said more than once")
        for group in result.duplicates[:top]:
            for number, memory_id in enumerate(group.memory_ids[:3]):
                console.print(line(memory_id, "  = " if number else "  "))
        if len(result.duplicates) > top:
            console.print(Text(f"  and {len(result.duplicates) - top:,} more groups", style="dim"))
    if result.advice:
        _heading(console, "Could go (advice only, nothing is deleted)")
        for advice in result.advice[:3]:
            count = _count(len(advice.memory_ids), "memory", "memories")
            console.print(_indented(Text(f"{advice.action} {count}: {advice.reason}")))
    for note in result.notes:
        console.print(Text(f"Note: {note}", style="dim"))
    console.print(Text(_footer(result, task, seconds), style="dim"))


def _indented(text: Text) -> Padding:
    return Padding(text, (0, 0, 0, 2))


def _heading(console: Console, text: str) -> None:
    console.print(Text(text, style="bold"))


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"

"""How ``reverie compare`` shows what it found: two tables for a terminal, one chart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from reverie.charts.palette import LIGHT
from reverie.cli._comparison import Measured, people

__all__ = ["agreement_table", "draw", "table"]

_NONE = "-"


def table(rows: Sequence[Measured]) -> str:
    """Speed, cost and number of themes; a row of its own for what could not be measured."""
    even = any(row.break_even is not None for row in rows)
    head = ["", "texts/s", "one text p50", "p95", "$ a million", *(["break-even a month"] if even else []), "themes"]
    cells: list[list[str]] = [head]
    for row in rows:
        if row.missing is not None:
            cells.append([row.name, row.missing])
            continue
        cells.append(
            [
                row.name,
                f"{row.texts_per_second:,.0f}",
                f"{row.p50 * 1000:.1f} ms",
                f"{row.p95 * 1000:.1f} ms",
                "no price" if row.usd_per_million is None else f"{row.usd_per_million:,.2f}",
                *([_NONE if row.break_even is None else people(row.break_even)] if even else []),
                str(row.themes),
            ]
        )
    return _columns(cells)


def agreement_table(rows: Sequence[Measured]) -> str:
    """Adjusted mutual information of the themes, every two of them, and with the labels where there are any."""
    present = [row for row in rows if row.missing is None]
    labels = any(row.ami_labels is not None for row in present)
    if len(present) < 2 and not labels:
        return ""
    cells = [["themes agree (AMI)", *(row.name for row in present), *(["labels"] if labels else [])]]
    for row in present:
        mine = [f"{row.amis[other.name]:.2f}" for other in present]
        named = [_NONE if row.ami_labels is None else f"{row.ami_labels:.2f}"] if labels else []
        cells.append([row.name, *mine, *named])
    return _columns(cells)


def _columns(cells: Sequence[Sequence[str]]) -> str:
    full = len(cells[0])
    widths = [max(len(row[i]) for row in cells if len(row) == full) for i in range(full)]
    widths[0] = max(len(row[0]) for row in cells)
    lines = []
    for row in cells:
        if len(row) < full:  # a remark in place of figures
            lines.append(f"{row[0].ljust(widths[0])}  {row[1]}")
            continue
        pairs = zip(row, widths, strict=True)
        lines.append("  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(pairs)).rstrip())
    return "\n".join(lines)


_Value = Callable[[Measured], float | None]


def draw(path: Path, rows: Sequence[Measured], title: str, caption: str) -> None:
    """Four bar charts side by side, best side to the right or left as their titles say; PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    paper = LIGHT
    labelled = any(row.ami_labels is not None for row in rows)
    present = [row for row in rows if row.missing is None]
    with_whom = "the given labels" if labelled else f"those of {present[0].name}" if present else "each other"
    panels: tuple[tuple[str, _Value, Callable[[Measured, float], str]], ...] = (
        ("Texts a second", lambda r: r.texts_per_second, lambda r, v: f"{v:,.0f}"),
        ("One text, ms: p50 and p95", lambda r: r.p50 * 1000, lambda r, v: f"{v:,.0f} – {r.p95 * 1000:,.0f}"),
        ("US dollars a million memories", lambda r: r.usd_per_million, lambda r, v: f"{v:,.2f}"),
        (
            f"Themes agree with {with_whom} (AMI)",
            lambda r: r.ami_labels if labelled else r.ami,
            lambda r, v: f"{v:.2f}",
        ),
    )
    figure = Figure(figsize=(12.8, 1.7 + 0.46 * len(rows)), layout="constrained", facecolor=paper.background)
    FigureCanvasAgg(figure)
    places = range(len(rows))
    for number, (axis, (heading, value, words)) in enumerate(
        zip(figure.subplots(1, len(panels), sharey=True), panels, strict=True)
    ):
        values = [None if row.missing is not None else value(row) for row in rows]
        colours = [paper.accent if row.name == "local" else paper.none for row in rows]
        axis.barh(places, [v or 0.0 for v in values], color=colours, height=0.62)
        most = max((v for v in values if v is not None), default=1.0) or 1.0
        if number == 1:
            for place, row in zip(places, rows, strict=True):
                if row.missing is None:
                    axis.plot([row.p50 * 1000, row.p95 * 1000], [place, place], color=paper.ink, linewidth=1.2)
            most = max([most, *(row.p95 * 1000 for row in present)])
        for place, row, v in zip(places, rows, values, strict=True):
            end = max(v or 0.0, row.p95 * 1000 if number == 1 else 0.0)
            said, colour = (words(row, v), paper.ink) if v is not None else (_remark(row, number), paper.muted)
            axis.text(end + most * 0.03, place, said, va="center", fontsize=9, color=colour)
        axis.set_xlim(0, most * 1.45)
        axis.set_title(heading, fontsize=10, loc="left", color=paper.ink)
        axis.set_facecolor(paper.background)
        axis.set_xticks([])
        axis.set_yticks(list(places), [row.name for row in rows], fontsize=10, color=paper.ink)
        axis.tick_params(length=0)
        axis.spines[["top", "right", "bottom"]].set_visible(False)
        axis.spines["left"].set_color(paper.faint)
    axis.invert_yaxis()
    figure.suptitle(title, fontsize=12, x=0.008, ha="left", color=paper.ink)
    figure.supxlabel(caption, fontsize=8, x=0.008, ha="left", color=paper.muted)
    figure.savefig(path, dpi=140)


def _remark(row: Measured, panel: int) -> str:
    if row.missing is None:
        return "no price"
    return ("failed" if row.missing.startswith("failed") else "not configured") if panel == 0 else ""

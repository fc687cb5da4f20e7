"""A sheet of paper in pixels: origin at the top left, sizes in pixels, text measured before it is placed."""

from __future__ import annotations

import io
from typing import Any, Literal

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import Normal, Stroke

from reverie.charts.palette import DARK, LIGHT
from reverie.charts.text import drawable, fonts, shorten

__all__ = ["Box", "Sheet"]

_DPI = 100

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""


class Sheet:
    """One chart. Uses matplotlib's objects alone, no global state, so that charts can be drawn in threads."""

    def __init__(self, width: int, height: int, *, dark: bool) -> None:
        self.width, self.height = width, height
        self.paper = DARK if dark else LIGHT
        #: Size of body text, pixels: legible when a wide chart is shown at half its width, and on a phone.
        self.body = min(30.0, max(11.0, 6.0 + width * 0.0105))
        self.margin = round(max(12.0, width * 0.032))
        self.figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor=self.paper.background)
        self._canvas = FigureCanvasAgg(self.figure)
        self._renderer: Any = self._canvas.get_renderer()  # type: ignore[no-untyped-call]
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self.axes.set_xlim(0, width)
        self.axes.set_ylim(height, 0)
        self._fonts = fonts()

    def measure(self, text: str, size: float, *, bold: bool = False) -> tuple[float, float]:
        """Width and height of a line of text, pixels."""
        properties = self._fonts.properties(size * 72 / _DPI, bold=bold)
        width, height, _ = self._renderer.get_text_width_height_descent(text, properties, False)
        return float(width), max(float(height), size)

    def fit(self, text: str, size: float, room: float, *, bold: bool = False) -> str:
        """``text`` as far as it fits into ``room`` pixels."""
        text = drawable(text)
        while text and self.measure(text, size, bold=bold)[0] > room:
            shorter = shorten(text, max(2, int(len(text) * 0.9)))
            if len(shorter) >= len(text):
                return ""
            text = shorter
        return text

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        *,
        colour: Any = None,
        bold: bool = False,
        align: Literal["left", "center", "right"] = "left",
        vertical: Literal["top", "center", "bottom", "baseline"] = "top",
        halo: bool = False,
    ) -> None:
        """Write one line. Never as mathematics: a memory may hold dollar signs."""
        item = self.axes.text(
            x,
            y,
            drawable(text),
            fontproperties=self._fonts.properties(size * 72 / _DPI, bold=bold),
            color=colour or self.paper.ink,
            ha=align,
            va=vertical,
            parse_math=False,
            zorder=10,
        )
        if halo:
            item.set_path_effects([Stroke(linewidth=size * 0.26, foreground=self.paper.background), Normal()])

    def heading(self, title: str, detail: str) -> float:
        """Title and one line of detail; the height below which the chart may begin."""
        room = self.width - 2 * self.margin
        y = float(self.margin)
        self.text(self.margin, y, self.fit(title, self.body * 1.5, room, bold=True), self.body * 1.5, bold=True)
        y += self.body * 1.5 * 1.45
        if detail:
            self.text(self.margin, y, self.fit(detail, self.body, room), self.body, colour=self.paper.muted)
            y += self.body * 1.5
        return y + self.body * 0.5

    def empty(self, message: str) -> None:
        """Say in the middle why there is nothing to see."""
        text = self.fit(message, self.body, self.width - 2 * self.margin)
        self.text(
            self.width / 2,
            self.height / 2,
            text,
            self.body,
            colour=self.paper.muted,
            align="center",
            vertical="center",
        )

    def png(self) -> bytes:
        """The picture, without a time or a version in it: the same input gives the same bytes."""
        out = io.BytesIO()
        self.figure.savefig(out, format="png", dpi=_DPI, facecolor=self.paper.background, metadata={"Software": None})
        return out.getvalue()

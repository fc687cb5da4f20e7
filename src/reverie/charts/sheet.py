"""A sheet of paper in pixels: origin at the top left, sizes in pixels, text measured before it is placed."""

from __future__ import annotations

import io
import unicodedata
from typing import Any, Literal

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Circle
from matplotlib.patheffects import Normal, Stroke
from PIL import Image

from reverie.charts.emoji import emoji
from reverie.charts.palette import DARK, LIGHT
from reverie.charts.text import drawable, fonts, shorten

__all__ = ["Box", "Sheet"]

_DPI = 100
_EMOJI = 1.2
"""Height of an emoji for a size of text."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""


class Sheet:
    """One chart. Uses matplotlib's objects alone, no global state, so that charts can be drawn in threads."""

    def __init__(self, width: int, height: int, *, dark: bool, scale: float = 1.0) -> None:
        self.width, self.height, self._scale = width, height, scale
        self.paper = DARK if dark else LIGHT
        #: Size of body text, pixels: legible when a wide chart is shown at half its width, and on a phone.
        self.body = min(30.0, max(11.0, 9.0 + width * 0.0075))
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
        parts = [self._extent(part, is_emoji, size, bold) for part, is_emoji in _parts(text)]
        return sum(width for width, _ in parts), max([size, *(height for _, height in parts)])

    def _extent(self, part: str, is_emoji: bool, size: float, bold: bool) -> tuple[float, float]:
        if is_emoji:
            picture = _picture(part)
            return size * _EMOJI * picture.shape[1] / picture.shape[0] + size * 0.1, size * _EMOJI
        properties = self._fonts.properties(size * 72 / _DPI, bold=bold)
        width, height, _ = self._renderer.get_text_width_height_descent(part, properties, False)
        return float(width), float(height)

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
        parts = _parts(drawable(text))
        if not any(is_emoji for _, is_emoji in parts):
            self._write(x, y, "".join(part for part, _ in parts), size, colour, bold, align, vertical, halo)
            return
        extents = [self._extent(part, is_emoji, size, bold) for part, is_emoji in parts]
        x -= sum(width for width, _ in extents) * {"left": 0.0, "center": 0.5, "right": 1.0}[align]
        # Parts of different height share a line only by their baseline.
        properties = self._fonts.properties(size * 72 / _DPI, bold=bold)
        _, high, below = map(float, self._renderer.get_text_width_height_descent("lp", properties, False))
        baseline = y + {"top": high - below, "center": high / 2 - below, "bottom": -below, "baseline": 0.0}[vertical]
        for (part, is_emoji), (width, _) in zip(parts, extents, strict=True):
            if is_emoji:
                self._paste(_picture(part), x + size * 0.05, baseline - size * 0.95, size * _EMOJI, halo)
            else:
                self._write(x, baseline, part, size, colour, bold, "left", "baseline", halo)
            x += width

    def _write(
        self, x: float, y: float, text: str, size: float, colour: Any, bold: bool, align: str, vertical: str, halo: bool
    ) -> None:
        item = self.axes.text(
            x,
            y,
            text,
            fontproperties=self._fonts.properties(size * 72 / _DPI, bold=bold),
            color=colour or self.paper.ink,
            ha=align,
            va=vertical,
            parse_math=False,
            zorder=10,
        )
        if halo:
            item.set_path_effects([Stroke(linewidth=size * 0.26, foreground=self.paper.background), Normal()])

    def _paste(self, picture: Any, left: float, top: float, high: float, halo: bool) -> None:
        wide = high * picture.shape[1] / picture.shape[0]
        if halo:
            middle = (left + wide / 2, top + high / 2)
            ground = Circle(middle, high * 0.58, facecolor=self.paper.background, alpha=0.85, linewidth=0, zorder=9)
            self.axes.add_patch(ground)
        # Twice the size it is shown at: half a pixel's shift is then not seen.
        small = Image.fromarray(picture).resize(
            (max(1, round(wide * 2)), max(1, round(high * 2))), Image.Resampling.LANCZOS
        )
        image = AxesImage(
            self.axes,
            extent=(left, left + wide, top + high, top),
            origin="upper",
            interpolation="antialiased",
            zorder=11,
        )
        image.set_data(np.asarray(small))
        self.axes.add_image(image)

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
        self.figure.savefig(
            out, format="png", dpi=_DPI * self._scale, facecolor=self.paper.background, metadata={"Software": None}
        )
        return out.getvalue()


def _parts(text: str) -> list[tuple[str, bool]]:
    """Letters and emoji in the order in which they are drawn, left to right."""
    pictures = emoji()
    parts = pictures.pieces(text) if pictures else [(text, False)]
    first = next((c for c in text if unicodedata.bidirectional(c) in ("L", "R", "AL")), "")
    return parts[::-1] if first and unicodedata.bidirectional(first) != "L" else parts


def _picture(cluster: str) -> Any:
    pictures = emoji()
    found = pictures.picture(cluster) if pictures else None
    if found is None:
        raise KeyError(cluster)
    return found

"""Emoji as small pictures: matplotlib draws outlines, and the fonts that hold emoji hold pictures or layers instead.

A cluster is what people see as one emoji: a base with its variation selector, skin tone or tags, several joined by
U+200D, two regional indicators, or a keycap (Unicode Technical Standard 51). One that the font lacks is not drawn.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import numpy as np
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, features

__all__ = ["Emoji", "emoji"]

_FILES = re.compile(
    r"^(noto[-_ ]?color[-_ ]?emoji|twemoji|twitter color emoji|apple color emoji|seguiemj)", re.IGNORECASE
)
_SIZES = (109, 160, 136, 96, 64)
"""Fonts of pictures have one size each (Noto 109, Apple 160); fonts of layers take any."""

# Shown as pictures by default: the emoji planes, and these of the older blocks (emoji-data.txt, Emoji_Presentation).
_DEFAULT = (
    "\U0001f000-\U0001faff\u231a\u231b\u23e9-\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693\u26a1"
    "\u26aa\u26ab\u26bd\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705\u270a\u270b\u2728\u274c"
    "\u274e\u2753-\u2755\u2757\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55"
)
_ONE = rf"(?:[{_DEFAULT}]\ufe0f?|[\u00a9\u00ae\u203c-\u3299]\ufe0f)[\U0001f3fb-\U0001f3ff]?[\U000e0020-\U000e007f]*"
_CLUSTER = re.compile(rf"[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|{_ONE}(?:\u200d{_ONE})*")


class Emoji:
    """A font of emoji. Without a text engine that joins (Raqm) only the first part of a joined emoji is drawn."""

    def __init__(self, path: str) -> None:
        """Raises ``OSError`` for a font that cannot be drawn with."""
        self._font = _open(path)
        try:
            self._known = frozenset(FT2Font(path).get_charmap())
        except RuntimeError as error:
            raise OSError(path) from error
        self._joins = bool(features.check("raqm"))

    def pieces(self, text: str) -> list[tuple[str, bool]]:
        """``(piece, whether it is an emoji)`` in order; emoji that the font lacks are left out."""
        out: list[tuple[str, bool]] = []
        at = 0
        for found in _CLUSTER.finditer(text):
            if found.start() > at:
                out.append((text[at : found.start()], False))
            if self.picture(found[0]) is not None:
                out.append((found[0], True))
            at = found.end()
        if at < len(text):
            out.append((text[at:], False))
        return out

    @lru_cache(maxsize=500)  # noqa: B019 - there is one of these, for as long as the process lives
    def picture(self, cluster: str) -> NDArray[np.uint8] | None:
        """``(height, width, 4)`` RGBA, cut to what is drawn; None when the font has no such emoji."""
        shown = cluster if self._joins else cluster[0]
        if not {ord(char) for char in shown if char not in "\ufe0f\u200d"} <= self._known:
            return None
        size = int(self._font.size)
        sheet = Image.new("RGBA", (size * 4, size * 2))
        try:
            ImageDraw.Draw(sheet).text((size // 2, size // 4), shown, font=self._font, embedded_color=True)
        except (OSError, ValueError):
            return None
        box = sheet.getbbox()
        # What the font cannot join is drawn side by side: no emoji is that wide.
        if box is None or box[2] - box[0] > size * 1.8:
            return None
        return np.asarray(sheet.crop(box))


def _open(path: str) -> ImageFont.FreeTypeFont:
    last: OSError | None = None
    for size in _SIZES:
        try:
            return ImageFont.truetype(path, size)
        except OSError as error:
            last = error
    raise last or OSError(path)


@lru_cache(maxsize=1)
def emoji() -> Emoji | None:
    """The emoji font of this machine, None when there is none that can be drawn with. Looked up once."""
    for path in sorted(font_manager.findSystemFonts()):
        if _FILES.match(Path(path).name):
            try:
                found = Emoji(path)
            except OSError:
                continue
            if found.picture("\U0001f600") is not None:
                return found
    return None

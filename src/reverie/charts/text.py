"""Text that can be drawn: fonts with a fallback for CJK and symbols, emoji, and nothing left that no font has."""

from __future__ import annotations

import logging
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from matplotlib import font_manager
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font

from reverie.charts.emoji import emoji

__all__ = ["Fonts", "drawable", "fonts", "shorten"]

# DejaVu Sans comes with matplotlib, so a chart looks the same on every machine; the rest fill its gaps.
_FALLBACKS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Noto Sans JP", "Noto Sans KR", "Source Han Sans SC",
    "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback", "PingFang SC", "Hiragino Sans",
    "Microsoft YaHei", "Yu Gothic",
    "Malgun Gothic", "Noto Sans Devanagari", "Noto Sans Thai", "Noto Emoji", "Symbola", "Segoe UI Symbol",
)  # fmt: skip
_FILES = re.compile(
    r"^(NotoSansCJK-(Regular|Bold)|NotoSans(SC|JP|KR)|SourceHanSans|wqy-|DroidSansFallback|PingFang|msyh|YuGoth|malgun|"
    r"NotoSansDevanagari-Regular|NotoSansThai-Regular|NotoEmoji|Symbola|seguisym)",
    re.IGNORECASE,
)
_LONGEST = 2000
"""Characters of a text that can be on a chart at all."""


@dataclass(frozen=True, slots=True)
class Fonts:
    """Font families in order of preference, and the code points that they can draw."""

    families: tuple[str, ...]
    known: frozenset[int]

    def properties(self, points: float, *, bold: bool = False) -> FontProperties:
        """Properties for ``points`` of size."""
        return FontProperties(family=list(self.families), size=points, weight="bold" if bold else "normal")


@lru_cache(maxsize=1)
def fonts() -> Fonts:
    """The fonts of this machine. Looked up once."""
    # A fallback without a bold cut is drawn in its regular one; matplotlib would say so for every label.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    paths: dict[str, str] = {}
    # The upright, regular cut tells what a family can draw: DejaVu's oblique one has no Arabic.
    for entry in sorted(font_manager.fontManager.ttflist, key=lambda e: (e.style != "normal", str(e.weight) != "400")):
        paths.setdefault(entry.name, entry.fname)
    if not any(name in paths for name in _FALLBACKS):
        # matplotlib lists fonts once and keeps the list for years; one installed since then is not in it.
        for path in sorted(font_manager.findSystemFonts()):
            if _FILES.match(Path(path).name):
                _add(path, paths)
    families, known = ["DejaVu Sans"], set(_charmap(paths["DejaVu Sans"]))
    for name in _FALLBACKS:
        if name in paths and (covered := _charmap(paths[name])) - known:
            families.append(name)
            known |= covered
    return Fonts(tuple(families), frozenset(known))


def _add(path: str, paths: dict[str, str]) -> None:
    try:
        font_manager.fontManager.addfont(path)
        paths.setdefault(FontProperties(fname=path).get_name(), path)
    except (OSError, RuntimeError):
        return  # bitmap fonts and damaged files: one fallback less


def _charmap(path: str) -> set[int]:
    try:
        return set(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):
        return set()


def drawable(text: str, known: frozenset[int] | None = None) -> str:
    """``text`` on one line, without what the fonts cannot draw (never a box in its place).

    A letter without a glyph loses its accents first: better a plain letter than none. ``known`` stands for the fonts
    of this machine, its emoji included.
    """
    pictures = emoji() if known is None else None
    known = fonts().known if known is None else known
    text = unicodedata.normalize("NFC", text[:_LONGEST])
    pieces = pictures.pieces(text) if pictures else [(text, False)]
    out = [piece if is_emoji else _letters(piece, known) for piece, is_emoji in pieces]
    # Of a name in two parts of which one cannot be drawn the other one stays, without the dot that stood between them.
    words: list[str] = []
    for word in "".join(out).split():
        if word != "·" or words[-1:] not in ([], ["·"]):
            words.append(word)
    return " ".join(words[:-1] if words[-1:] == ["·"] else words)


def _letters(text: str, known: frozenset[int]) -> str:
    out: list[str] = []
    for char in text:
        if char.isspace():
            out.append(" ")
        elif unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn") or 0xFE00 <= ord(char) <= 0xFE0F:
            continue  # controls, joiners and variation selectors have no shape of their own
        elif ord(char) in known:
            out.append(char)
        else:
            out += [c for c in unicodedata.normalize("NFKD", char) if ord(c) in known and not unicodedata.combining(c)]
    return "".join(out)


def shorten(text: str, chars: int) -> str:
    """At most ``chars`` characters (at least 2), cut at a word where there is one, with an ellipsis."""
    if len(text) <= chars:
        return text
    cut = text[: max(1, chars - 1)]
    space = cut.rfind(" ")
    return (cut[:space] if space > chars * 0.6 else cut).rstrip(" ,;:-–") + "…"

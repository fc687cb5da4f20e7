"""People's texts, shown safely: no markdown, no mentions, no links in disguise, never past a limit."""

from __future__ import annotations

import re
from datetime import datetime

from reverie._graphemes import beginning

__all__ = ["clip", "escape", "one_line", "when"]

_MARKDOWN = re.compile(r"([\\*_~`|\[\]<>])")
_LINE_START = re.compile(r"^([^\S\n]*)([#\-+]|\d+(?=\.))", re.M)
_INVISIBLE = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
"""Direction overrides: they could make the rest of a message read backwards."""


def escape(text: str) -> str:
    """The text with everything that Discord would format or ping made literal."""
    text = _MARKDOWN.sub(r"\\\1", _INVISIBLE.sub("", text))
    text = _LINE_START.sub(r"\1\\\2", text)
    # A zero-width space ends what would be a mention of everyone, here, a role or a person.
    return text.replace("@", "@\u200b")


def one_line(text: str) -> str:
    """The text on one line."""
    return " ".join(text.split())


def clip(text: str, limit: int, *, literal: bool = False) -> str:
    """The escaped text in at most ``limit`` characters (``literal``: as it is, for menus that format nothing)."""
    prepare = str if literal else escape
    whole = prepare(text)
    if len(whole) <= limit:
        return whole
    low, high = 0, min(len(text), limit)
    while low < high:
        # Escaping lengthens texts unevenly; the longest beginning that fits is found by halving.
        middle = (low + high + 1) // 2
        if len(prepare(text[:middle])) + 1 <= limit:
            low = middle
        else:
            high = middle - 1
    return prepare(beginning(text, low).rstrip()) + "…"


def when(moment: datetime, style: str = "R") -> str:
    """A moment in the reader's own time zone; R is relative, f is date and time."""
    return f"<t:{int(moment.timestamp())}:{style}>"

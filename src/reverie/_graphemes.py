"""Cutting a text where a reader sees no cut: never inside what is shown as one character.

The rules of the Unicode standard (UAX 29) that matter at an end: marks, joiners and variation selectors belong to what
is before them, skin tones to their emoji, letters of a flag go by twos, and Korean letters make up syllables.
"""

from __future__ import annotations

import unicodedata

__all__ = ["beginning"]

_JOINER = "\u200d"
_VIRAMAS = "\u094d\u09cd\u0a4d\u0acd\u0b4d\u0c4d\u0d4d\u0dca\u1039\u17d2"
"""Signs that join a consonant to the next one."""
_BEFORE = "\u0e40\u0e41\u0e42\u0e43\u0e44\u0ec0\u0ec1\u0ec2\u0ec3\u0ec4"
"""Thai and Lao vowels that are written before their consonant."""
_FURTHEST = 64
"""Characters that are gone back at most: a heap of marks without end is cut all the same."""


def beginning(text: str, limit: int) -> str:
    """The first ``limit`` characters of ``text``, or fewer: as many whole ones as a reader sees."""
    if len(text) <= limit:
        return text
    for end in range(limit, max(0, limit - _FURTHEST), -1):
        if not _inside(text, end):
            return text[:end]
    return text[:limit] if limit > _FURTHEST else ""


def _inside(text: str, end: int) -> bool:
    """Whether what is shown as one character is before and after the place ``end``."""
    before, after = text[end - 1], text[end]
    if before.isascii() and after.isascii():
        return (before, after) == ("\r", "\n")
    if before == _JOINER or before in _VIRAMAS or before in _BEFORE:
        return True
    if after == _JOINER or "\ufe00" <= after <= "\ufe0f" or "\U0001f3fb" <= after <= "\U0001f3ff":
        return True
    if (
        unicodedata.category(after) in ("Mn", "Mc", "Me")
        or after in "\u0e33\u0eb3"
        or "\U000e0020" <= after <= "\U000e007f"
    ):
        return True
    if _flag(before) and _flag(after):
        start = end
        while start and _flag(text[start - 1]):
            start -= 1
        return (end - start) % 2 == 1
    return "\u1100" <= before <= "\u11ff" and "\u1160" <= after <= "\u11ff"


def _flag(letter: str) -> bool:
    return "\U0001f1e6" <= letter <= "\U0001f1ff"

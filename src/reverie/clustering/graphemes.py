"""Pieces of scripts without spaces that no reader would call cut: whole syllables with all their signs.

Thai, Lao, Khmer and Burmese are written without spaces between words, and a character may be a sign that belongs to
the one before or after it. A dictionary would be needed to tell words; to tell what must stay together takes a rule a
script (after the orthographic syllables of the Unicode standard, chapter 16).
"""

from __future__ import annotations

import re

__all__ = ["MARKS", "NO_SPACES", "clusters", "syllabic"]

NO_SPACES = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff"
"""Characters, as a class, of scripts without spaces between words."""

MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc"
    "\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u07a6-\u07b0\u0816-\u0819\u0859-\u085b\u0900-\u0dff\u0e00-\u0eff"
    "\u0f18\u0f19\u0f35\u0f37\u0f39\u0f3e\u0f3f\u0f71-\u0f84\u0f86\u0f87\u0f8d-\u0fbc\u102b-\u103e\u1056-\u1059\u105e-\u1060"
    "\u135d-\u135f\u1712-\u1714\u17b4-\u17d3\u17dd\u1a17-\u1a1b\u1b00-\u1b04\u1b34-\u1b44\u1dc0-\u1dff\u200c\u200d\u20d0-\u20f0"
    "\ua8e0-\ua8f1\ua980-\ua983\ua9b3-\ua9c0\ufe20-\ufe2f"
)
"""Characters, as a class, that belong to the letter before them, and the letters of scripts that have such signs."""

_CLUSTER = re.compile(
    # Thai and Lao: a vowel written before its consonant, the consonant, signs above and below, a vowel after it.
    "[\u0e40-\u0e44]?[\u0e01-\u0e2e][\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]*[\u0e30\u0e32\u0e33\u0e45]?[\u0e2f\u0e46]?"
    "|[\u0ec0-\u0ec4]?[\u0e81-\u0eae\u0edc-\u0edf][\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece]*[\u0eb0\u0eb2\u0eb3\u0ebd]?\u0ec6?"
    # Khmer: consonants under one another, then signs.
    "|[\u1780-\u17b3](?:\u17d2[\u1780-\u17b3])*[\u17b4-\u17d1\u17d3\u17dd]*\u17d7?"
    # Burmese: consonants under one another, signs, and a killed consonant that ends the syllable.
    "|[\u1000-\u102a\u103f\u104e](?:\u1039[\u1000-\u1021])*[\u102b-\u1038\u103b-\u103e\u103a\u1056-\u1059]*"
    "(?:[\u1000-\u1021](?:\u1039[\u1000-\u1021])*[\u103b-\u103e]*\u1037?\u103a[\u1036-\u1038]*)*"
    "|.",
    re.DOTALL,
)
_SYLLABIC = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
_SIGN = re.compile(f"[{MARKS}\u0e2f\u0e46\u17d7]")


def syllabic(text: str) -> bool:
    """Whether the text is Thai, Lao, Khmer or Burmese."""
    return _SYLLABIC.search(text) is not None


def clusters(run: str) -> list[str]:
    """The run in pieces that must not be cut; joined they are the run again."""
    found: list[str] = []
    for piece in _CLUSTER.findall(run):
        # A sign without its letter (a typing error) stays with what is before it.
        if (
            found
            and len(piece) == 1
            and not ("\u0e01" <= piece <= "\u0e2e")
            and _SIGN.match(piece)
            and not _letter(piece)
        ):
            found[-1] += piece
        else:
            found.append(piece)
    return found


def _letter(sign: str) -> bool:
    return sign.isalpha() and sign not in "\u0e30\u0e32\u0e33\u0e45\u0eb0\u0eb2\u0eb3\u0ebd\u0e2f\u0e46\u0ec6\u17d7"

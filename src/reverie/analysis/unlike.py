"""Which pairs of texts cannot say the same, told for all pairs at once from the letters of their tokens.

``compare`` explains every token that differs; most pairs that are near by vector hold a word that nothing explains. A
word that the other text has no word like is seen from bits: the letters that its words begin with, and the pairs of
letters in it. What is told apart here ``compare`` would call ``OTHER``; what is not told apart it must look at.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from reverie.analysis.budget import TimeBudget
from reverie.analysis.sameness import EXPLAINED, MOST_CHANGES
from reverie.analysis.wording import Reading

__all__ = ["TokenBits"]

_BLOCK = 8192
_BITS = 1024
"""Of the pairs of letters in a text: five bits of each letter."""
_ALL = 2**64 - 1

_DIGITS = (27, 28, 29, 30, 31, 32, 59, 60, 61, 62)

Index = NDArray[np.int64]


class TokenBits:
    """What the tokens of many readings begin with and consist of."""

    def __init__(self, readings: Sequence[Reading | None], budget: TimeBudget) -> None:
        """``readings``: by their number; None has no part in any pair."""
        n = len(readings)
        words = _Words()
        #: (n,) tokens; a bit for each letter that a token begins with; (n, 128) bits of the pairs of letters.
        self._length = np.zeros(n, dtype=np.int32)
        self._first = np.zeros(n, dtype=np.uint64)
        self._pairs = np.zeros((n, _BITS // 8), dtype=np.uint8)
        counts = np.zeros(n + 1, dtype=np.int64)
        parts: list[NDArray[np.int32]] = []
        for start in range(0, n, _BLOCK):
            budget.check()
            block = readings[start : start + _BLOCK]
            telling: list[int] = []
            for i, reading in enumerate(block, start):
                if reading is None or not reading.keys:
                    continue
                self._length[i] = len(reading.keys)
                mine = {words[key] for key in reading.keys}
                bits = 0
                for number in mine:
                    bits |= words.bits[number]
                self._first[i] = bits
                own = [number for number in mine if number >= 0]
                counts[i + 1] = len(own)
                telling += own
            parts.append(np.array(telling, dtype=np.int32))
            self._pairs[start : start + _BLOCK] = _letter_pairs(block)
        self._at = np.cumsum(counts)
        self._telling = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)
        self._words = words.table()

    def may_agree(self, one: Index, two: Index, budget: TimeBudget) -> NDArray[np.bool_]:
        """(m,) False for the pairs of which ``compare`` is known to say ``OTHER``."""
        out: NDArray[np.bool_] = np.abs(self._length[one] - self._length[two]) <= MOST_CHANGES
        for a, b in ((one, two), (two, one)):
            left = np.flatnonzero(out)
            for start in range(0, len(left), _BLOCK):
                budget.check()
                part = left[start : start + _BLOCK]
                out[part] = ~self._unexplained(a[part], b[part])
        return out

    def _unexplained(self, one: Index, two: Index) -> NDArray[np.bool_]:
        """Whether ``one`` has a token that no token of ``two`` explains, pair by pair."""
        count = self._at[one + 1] - self._at[one]
        pair = np.repeat(np.arange(len(one)), count)
        word = self._telling[np.arange(len(pair)) + np.repeat(self._at[one] - np.cumsum(count) + count, count)]
        other = two[pair]
        # A word like this one begins with its letter.
        new = ~self._begins(other, self._words["first"][word])
        pair, word, other = pair[new], word[new], other[new]
        # It may be a part of the other's words ("now here"), but then its letters stand there in this order.
        new = ~self._holds(other, word, ("begin", "middle", "end"))
        pair, word, other = pair[new], word[new], other[new]
        # Or its first two letters were swapped.
        new = ~(self._begins(other, self._words["second"][word]) & self._holds(other, word, ("swapped",)))
        out = np.zeros(len(one), dtype=np.bool_)
        out[pair[new]] = True
        return out

    def _begins(self, text: Index, bit: Index) -> NDArray[np.bool_]:
        return np.asarray((self._first[text] >> bit.astype(np.uint64)) & np.uint64(1) == 1)

    def _holds(self, text: Index, word: NDArray[np.int32], which: Sequence[str]) -> NDArray[np.bool_]:
        out = np.ones(len(text), dtype=np.bool_)
        for name in which:
            code = self._words[name][word]
            out &= (self._pairs[text, code >> 3] >> (code & 7).astype(np.uint8)) & 1 == 1
        return out


class _Words(dict[str, int]):
    """Numbers of tokens: from 0 for those that must be explained, below 0 for all others."""

    def __init__(self) -> None:
        self._telling: list[str] = []
        #: By number: the bit of its first letter, all bits where that says nothing.
        self.bits: dict[int, int] = {}

    def __missing__(self, key: str) -> int:
        # Letters of other scripts have forms that look otherwise ("ä" and "ae"): such a text may be like any.
        telling = key.isascii() and key[0].isalnum() and len(key.replace("'", "")) > 1 and key not in EXPLAINED
        number = len(self._telling) if telling else -1 - len(self.bits)
        if telling:
            self._telling.append(key)
        self.bits[number] = 1 << _bit(key[0]) if key.isascii() else _ALL
        self[key] = number
        return number

    def table(self) -> dict[str, NDArray[np.int64]]:
        """Of each token that must be explained: bits of its first two letters, and codes of pairs of its letters."""
        bare = [key.replace("'", "") for key in self._telling]
        letters = [(k[0], k[1], k[(len(k) - 1) // 2], k[(len(k) - 1) // 2 + 1], k[-2], k[-1]) for k in bare]
        codes = np.array([[ord(c) for c in row] for row in letters], dtype=np.int64).reshape(-1, 6)
        five = codes & 31
        return {
            "first": np.array([_bit(k[0]) for k in bare], dtype=np.int64),
            "second": np.array([_bit(k[1]) for k in bare], dtype=np.int64),
            "begin": five[:, 0] * 32 + five[:, 1],
            "middle": five[:, 2] * 32 + five[:, 3],
            "end": five[:, 4] * 32 + five[:, 5],
            "swapped": five[:, 1] * 32 + five[:, 0],
        }


def _bit(letter: str) -> int:
    """0 to 63: letters of ASCII have one each, and so have digits."""
    return _DIGITS[int(letter)] if letter.isdecimal() else ord(letter) & 63


def _letter_pairs(readings: Sequence[Reading | None]) -> NDArray[np.uint8]:
    """(m, 128) a bit for each two letters that follow one another in the joined tokens of a text."""
    joined = ["".join(r.keys).replace("'", "") if r is not None else "" for r in readings]
    every = np.array([not text.isascii() for text in joined], dtype=np.bool_)
    plain = ["" if other else text for text, other in zip(joined, every.tolist(), strict=True)]
    letters = np.frombuffer("".join(plain).encode(), dtype=np.uint8).astype(np.int64) & 31
    text = np.repeat(np.arange(len(plain)), [len(p) for p in plain])
    found = np.zeros((len(plain), _BITS), dtype=np.bool_)
    # The last letter of one text and the first of the next say that more is there than is: no harm.
    found[text[:-1], letters[:-1] * 32 + letters[1:]] = True
    found[every] = True
    return np.packbits(found, axis=1, bitorder="little")

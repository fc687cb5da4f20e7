"""VADER's compound score (Hutto and Gilbert 2014) in one pass: the library compares each word with lists of words.

The word lists, the weights and the rule for "but" are the library's own, and the score is the same to the last digit; a
test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from string import punctuation
from typing import Any

__all__ = ["Feelings", "feelings"]

_NEAR = {2: 0.95, 3: 0.9}
"""What a booster counts that stands two or three words before."""


class Feelings:
    """The score of a text, and the words that have any."""

    def __init__(self) -> None:
        from vaderSentiment.vaderSentiment import (
            BOOSTER_DICT,
            C_INCR,
            N_SCALAR,
            NEGATE,
            SPECIAL_CASES,
            SentimentIntensityAnalyzer,
            normalize,
        )

        self._library: Any = SentimentIntensityAnalyzer()
        #: What each word of feeling says, from -4 to 4.
        self.lexicon: dict[str, float] = self._library.lexicon
        self._boosters: dict[str, float] = BOOSTER_DICT
        self._negations = frozenset(NEGATE)
        self._idioms: dict[str, float] = SPECIAL_CASES
        self._capitals: float = C_INCR
        self._negated: float = N_SCALAR
        self._normalize: Any = normalize

    def score(self, text: str) -> float:
        """-1 to 1: the ``compound`` of ``polarity_scores``."""
        text = self._described(text).strip()
        words = [stripped if len(stripped := word.strip(punctuation)) > 2 else word for word in text.split()]
        small = [word.lower() for word in words]
        some_capitals = 0 < sum(map(str.isupper, words)) < len(words)
        felt: list[float] = [0] * len(words)
        for at, word in enumerate(small):
            if word not in self.lexicon or word in self._boosters:
                continue
            if word != "kind" or small[at + 1 : at + 2] != ["of"]:
                felt[at] = self._felt(words, small, at, some_capitals)
        if "but" in small:
            felt = self._library._but_check(words, felt)
        total = float(sum(felt))
        if total:
            emphasis = self._library._punctuation_emphasis(text)
            total += emphasis if total > 0 else -emphasis
        return float(round(self._normalize(total), 4))

    def _described(self, text: str) -> str:
        """With emoji in words."""
        if text.isascii():
            return text
        out: list[str] = []
        spaced = True
        for character in text:
            description = self._library.emojis.get(character)
            if description is None:
                out.append(character)
                spaced = character == " "
            else:
                out.append(description if spaced else f" {description}")
                spaced = False
        return "".join(out)

    def _felt(self, words: Sequence[str], small: Sequence[str], at: int, some_capitals: bool) -> float:
        """What the word of feeling at ``at`` says where it stands."""
        word = small[at]
        value = self.lexicon[word]
        if word == "no" and at + 1 < len(small) and small[at + 1] in self.lexicon:
            value = 0.0
        if "no" in small[max(0, at - 2) : at] or (at > 2 and small[at - 3] == "no" and small[at - 1] in ("or", "nor")):
            value = self.lexicon[word] * self._negated
        if some_capitals and words[at].isupper():
            value += self._capitals if value > 0 else -self._capitals
        for back in range(1, min(3, at) + 1):
            before = small[at - back]
            if before in self.lexicon:
                continue
            if before in self._boosters:
                boost = self._boosters[before] * (-1 if value < 0 else 1)
                if some_capitals and words[at - back].isupper():
                    boost += self._capitals if value > 0 else -self._capitals
                value += boost * _NEAR.get(back, 1)
            value *= self._turned(small, at, back)
            if back == 3:
                value = self._in_idiom(small, at, value)
        if at and small[at - 1] == "least" and "least" not in self.lexicon:
            value *= 1 if at > 1 and small[at - 2] in ("at", "very") else self._negated
        return value

    def _turned(self, small: Sequence[str], at: int, back: int) -> float:
        """What a negation ``back`` words before makes of a value."""
        word = small[at - back]
        if back == 2 and word == "never" and small[at - 1] in ("so", "this"):
            return 1.25
        if back == 3 and ((word == "never" and small[at - 2] in ("so", "this")) or small[at - 1] in ("so", "this")):
            return 1.25
        if back > 1 and word == "without" and "doubt" in small[at - back + 1 : at]:
            return 1
        return self._negated if word in self._negations or "n't" in word else 1

    def _in_idiom(self, small: Sequence[str], at: int, value: float) -> float:
        three, two, one, word = small[at - 3 : at + 1]
        before = (f"{one} {word}", f"{two} {one} {word}", f"{two} {one}", f"{three} {two} {one}", f"{three} {two}")
        value = next((self._idioms[said] for said in before if said in self._idioms), value)
        for last in (2, 3):
            said = " ".join(small[at : at + last])
            if at + last <= len(small) and said in self._idioms:
                value = self._idioms[said]
        for said in (before[3], before[4], before[2]):
            value += self._boosters.get(said, 0.0)
        return value


@lru_cache(maxsize=1)
def feelings() -> Feelings:
    """The one instance: the lexicon is read from a file."""
    return Feelings()

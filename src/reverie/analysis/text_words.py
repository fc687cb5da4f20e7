"""The content words of many texts as numbers: what is counted over all of them is counted in arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reverie.analysis.budget import TimeBudget
from reverie.analysis.texts import content_words

__all__ = ["TextWords", "first_places"]

_EVERY = 1024
_LONGEST = 5000
"""Characters of a text that are read."""

Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TextWords:
    """Which words stand in which text, in their order."""

    #: Each word once, in the order in which they come up.
    words: list[str]
    #: The words of all texts, one text after the other, by their place in ``words``.
    numbers: NDArray[np.int32]
    #: (texts + 1,) where each text begins.
    at: Index

    @classmethod
    def read(cls, texts: Sequence[str], budget: TimeBudget) -> TextWords:
        """The content words of ``texts``."""
        return cls.of((content_words(text[:_LONGEST]) for text in texts), budget)

    @classmethod
    def of(cls, lists: Iterable[Sequence[str]], budget: TimeBudget) -> TextWords:
        """The words in ``lists``, one list a text."""
        number_of = _Numbers()
        counts = [0]
        blocks: list[NDArray[np.int32]] = [np.zeros(0, dtype=np.int32)]
        block: list[int] = []
        for number, found in enumerate(lists):
            if number % _EVERY == 0:
                budget.check()
                blocks.append(np.array(block, dtype=np.int32))
                block = []
            counts.append(len(found))
            block += [number_of[word] for word in found]
        blocks.append(np.array(block, dtype=np.int32))
        return cls(list(number_of), np.concatenate(blocks), np.cumsum(counts))

    def __len__(self) -> int:
        """Number of texts."""
        return len(self.at) - 1

    @property
    def rows(self) -> Index:
        """(words of all texts,) the text in which each stands."""
        return np.repeat(np.arange(len(self)), np.diff(self.at))

    def once(self) -> tuple[Index, NDArray[np.int32]]:
        """Texts and words, each word once a text, in their order."""
        rows = self.rows
        kept = first_places(rows, self.numbers, len(self.words))
        return rows[kept], self.numbers[kept]


class _Numbers(dict[str, int]):
    def __missing__(self, word: str) -> int:
        self[word] = number = len(self)
        return number


def first_places(rows: Index, numbers: NDArray[np.signedinteger], count: int) -> Index:
    """Where each pair of a row and a number (below ``count``) comes first, in order."""
    return np.sort(np.unique(rows * count + numbers, return_index=True)[1])

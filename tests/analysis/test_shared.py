"""Names and phrases that memories have in common, counted over all texts at once."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from reverie.analysis.budget import OutOfTime, TimeBudget
from reverie.analysis.shared import SharedNames, find_shared
from reverie.analysis.text_words import TextWords

LISTS = [
    ["green", "tea", "again"],
    ["green", "tea", "tea", "green", "tea"],
    ["york's", "green", "tea"],
    ["new", "york", "trip"],
    ["new", "york", "new", "york"],
    ["new", "york"],
    [],
    *([f"other{i}"] for i in range(12)),
]
NAMES = [["Anna"], ["anna", "Anna"], [], ["New York"], [], [], ["Tom"], *([] for _ in range(12))]


def _shared() -> SharedNames:
    return find_shared(NAMES, TextWords.of(LISTS, TimeBudget()), budget=TimeBudget())


def test_words_are_numbered_and_counted_once_a_text() -> None:
    tokens = TextWords.of(LISTS, TimeBudget())
    assert len(tokens) == len(LISTS)
    assert [tokens.words[n] for n in tokens.numbers.tolist()] == [word for text in LISTS for word in text]
    rows, numbers = tokens.once()
    once = [(row, tokens.words[n]) for row, n in zip(rows.tolist(), numbers.tolist(), strict=True)]
    assert once == [(row, word) for row, text in enumerate(LISTS) for word in dict.fromkeys(text)]


def test_a_phrase_joins_from_three_memories_and_a_name_from_two() -> None:
    shared = _shared()
    assert Counter(p for text in LISTS for p in set(pairwise(text)))["green", "tea"] == 3
    assert shared.places(10) == {"New York": [3, 4, 5], "green tea": [0, 1, 2], "Anna": [0, 1], "Tom": [6]}
    assert list(shared.places(10)) == ["green tea", "New York", "Anna", "Tom"]
    assert list(shared.places(1)) == ["green tea"]
    assert shared.common(0, 1) == ["Anna", "green tea"]
    assert shared.common(4, 5) == ["New York"]
    assert shared.common(6, 7) == []
    joined = shared.weights.toarray()
    assert np.array_equal(joined, joined.T)
    assert joined[0, 1] > joined[0, 2] > 0  # a name and a phrase, and the phrase alone
    assert joined[6].sum() == 0


def test_without_texts_nothing_is_shared() -> None:
    shared = find_shared([], TextWords.of([], TimeBudget()), budget=TimeBudget())
    assert shared.places(5) == {}
    assert shared.weights.shape == (0, 0)


def test_reading_words_ends_at_the_deadline() -> None:
    with pytest.raises(OutOfTime):
        TextWords.of([["tea"]], TimeBudget(0.0))

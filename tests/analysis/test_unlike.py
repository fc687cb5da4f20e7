"""Pairs that are told apart by their letters alone: never one that a closer look would leave together."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from reverie.analysis.budget import OutOfTime, TimeBudget
from reverie.analysis.contradictions import _Claim, _opposed, find_contradictions
from reverie.analysis.sameness import Verdict, compare
from reverie.analysis.unlike import TokenBits
from reverie.analysis.wording import _PLAIN, Reading, read
from tests.analysis.people import memories

DATA = Path(__file__).parent / "data"

TRICKY = [
    ("now here we are", "nowhere we are"),  # one word and two
    ("a now here is fine", "a nowhere is fine"),
    ("an xeperience to remember", "an experience to remember"),  # swapped at the beginning
    ("we eat hwen it rains", "we eat when it rains"),
    ("ärger im Büro", "aerger im Buero"),
    ("the cafe is open", "the café is open"),
    ("so good", "soooo good"),
    ("I colour it", "I color it"),
    ("tea & coffee", "tea and coffee"),
    ("I walk to work", "I walked to work"),
    ("haha I like tea a lot", "I like tea a lot"),
    ("I have a black cat called Tom", "I have a black cat that is called Tom"),
    ("five cats", "5 cats"),
]


def _agree(readings: list[Reading | None], pairs: list[tuple[int, int]]) -> list[bool]:
    one, two = np.array(pairs, dtype=np.int64).T
    return [bool(x) for x in TokenBits(readings, TimeBudget()).may_agree(one, two, TimeBudget())]


@pytest.mark.parametrize(("first", "second"), TRICKY)
def test_a_word_that_is_written_otherwise_is_looked_at(first: str, second: str) -> None:
    assert compare(read(first), read(second)) is not Verdict.OTHER
    assert _agree([read(first), read(second)], [(0, 1), (1, 0)]) == [True, True]


def test_no_pair_that_may_say_the_same_is_told_apart() -> None:
    lines = [line for name in ("other", "same") for line in (DATA / f"{name}.tsv").read_text("utf-8").splitlines()]
    texts = [text for line in lines for text in line.split("\t")[2:]]
    readings = [read(text) for text in texts]
    # Each pair of the sets, and each text beside all the texts that share a third of its words.
    pairs = [(i, i + 1) for i in range(0, len(texts), 2)]
    keys = [set(r.keys) for r in readings]
    pairs += [(i, j) for i, j in combinations(range(len(texts)), 2) if 3 * len(keys[i] & keys[j]) >= len(keys[i]) > 2]
    told = _agree(list(readings), pairs)
    together = [compare(readings[i], readings[j]) is not Verdict.OTHER for i, j in pairs]
    assert [pair for pair, agree, alike in zip(pairs, told, together, strict=True) if alike and not agree] == []
    assert sum(together) > 100  # there was something to lose


def test_most_pairs_with_another_word_are_told_apart() -> None:
    texts = [
        f"I like {what} on {when}" for what in ("tea", "chess", "jazz", "mud") for when in ("Monday", "rainy days")
    ]
    pairs = list(combinations(range(len(texts)), 2))
    told = _agree([read(text) for text in texts], pairs)
    assert sum(told) <= len(pairs) // 4  # the same but for the day
    assert _agree([read("we are 55"), read("we are 66")], [(0, 1)]) == [False]


def test_telling_apart_ends_at_the_deadline() -> None:
    with pytest.raises(OutOfTime):
        TokenBits([read("I like tea")], TimeBudget(0.0))


def test_the_contradictions_are_those_that_each_pair_alone_would_have() -> None:
    who, verbs = ("I", "my sister"), ("love", "hate", "never eat", "eat", "like")
    texts = [f"{w} {v} {what} after dinner" for w in who for v in verbs for what in ("meat", "black coffee")]
    texts += [
        "I live in Rome",
        "I lived in Oslo",
        "I live in Bonn",
        "I am 30 years old",
        "I am 31 years old",
        "…",
        "no",
    ]
    pairs = list(combinations(range(len(texts)), 2))
    index = np.array([[j for j in range(len(texts)) if j != i] for i in range(len(texts))])
    near = index, np.full(index.shape, 0.7, dtype=np.float32)
    found = {
        tuple(g.memory_ids): g.reason for g in find_contradictions(memories(texts), near, {1}, budget=TimeBudget())
    }
    claims = [_Claim(text) for text in texts]
    opposed = {(i, j): _opposed(claims[i], claims[j]) for i, j in pairs if 1 not in (i, j)}
    assert found == {(f"m{i}", f"m{j}"): f"candidate: {why}" for (i, j), why in opposed.items() if why}
    assert len({why.split()[0] for why in opposed.values() if why}) >= 3


@pytest.mark.parametrize(
    "text",
    [
        "its a nice day, its not so bad",
        "I take 5 Mg of it and 5 mg at 5 PM",
        "They've said it's gonna be my e-mail: a@b.c :) www.x.org/y?",
        "Polish polish POLISH iPhone u U gonna Gonna",
        "first line\nSecond line  third",
        "日本に行く and über-nice ’tis",
        " *bold* words - and - dashes - 5-3, five-3 ",
    ],
)
def test_a_text_is_read_alike_whether_its_words_came_before_or_not(text: str) -> None:
    def told() -> list[object]:
        found = read(text)
        return [getattr(found, name) for name in Reading.__slots__]

    _PLAIN.clear()
    new = told()
    assert len(new[Reading.__slots__.index("keys")]) == len(new[Reading.__slots__.index("kinds")])  # type: ignore[arg-type]
    assert told() == new

"""Repeats, boilerplate and contradiction candidates: what is grouped, what is kept, and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from reverie.analysis.budget import TimeBudget
from reverie.analysis.contradictions import find_contradictions
from reverie.analysis.duplicates import says_the_same
from reverie.analysis.junk import is_junk
from reverie.contracts import AnalyzeOptions, DuplicateGroup, Memory
from tests.analysis.people import START, memories, run

_ONLY = AnalyzeOptions(sections=["duplicates"])


def _groups(found: Sequence[str] | Sequence[Memory]) -> list[DuplicateGroup]:
    people = [m if isinstance(m, Memory) else Memory(id=f"m{i}", text=m) for i, m in enumerate(found)]
    return run(people, _ONLY).duplicates


def _only(groups: Sequence[DuplicateGroup], kind: str) -> DuplicateGroup:
    (group,) = [g for g in groups if g.kind == kind]
    return group


@pytest.mark.parametrize(
    ("texts", "kind", "reason"),
    [
        (["I like tea", "rain today", "I like tea"], "exact", "the same text; keep the first"),
        (["I like tea.", "rain today", "i LIKE  tea!"], "normalized", "the same words; case, punctuation or space"),
        (["Ｉ like tea", "rain today", "I like tea"], "normalized", "the same words"),  # full-width letter
        (["l'école est fermée", "x y", "L’école est fermée"], "normalized", "the same words"),  # curly apostrophe
        (
            ["I have a black cat called Tom", "rain today", "I have a black cat that is called Tom"],
            "near",
            "the same claim in nearly the same words; keep the fullest",
        ),
    ],
    ids=["exact", "normalised", "width", "apostrophe", "near"],
)
def test_repeats_are_grouped_with_a_reason(texts: list[str], kind: str, reason: str) -> None:
    (group,) = _groups(texts)
    assert group.kind == kind
    assert group.memory_ids == ["m0", "m2"]
    assert group.reason.startswith(reason)
    assert group.keep == ("m2" if kind == "near" else "m0")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("I love cats", "I love dogs"),  # another thing
        ("I have two cats at home", "I have 2 cats at home and 3 dogs"),  # another number
        ("I like coffee in the morning", "I don't like coffee in the morning"),  # the opposite
        ("I moved to Lisbon last year", "I moved from Lisbon last year"),  # the other way
        ("my dog bit the postman", "the postman bit my dog"),  # the other round
        ("she is taller than me", "I am taller than she is"),  # the other person
        ("we meet every Thursday at noon", "we meet every Tuesday at noon"),  # another day
        ("the meeting is in June", "the meeting is in July"),  # another month
    ],
)
def test_texts_that_only_look_alike_are_not_the_same(first: str, second: str) -> None:
    assert not says_the_same(first, second, 0.99)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("I don't eat meat", "I do not eat meat"),
        ("We've moved to Lisbon", "we moved to lisbon"),
        ("I'm afraid of spiders", "I am afraid of spiders"),
        ("She's alergic to peanuts", "She is allergic to peanuts"),
        ("I drink tea and coffee", "I drink coffee and tea"),
        ("I ahve two cats at home", "I have two cats at home"),
    ],
)
def test_spelling_short_forms_and_lists_do_not_make_another_claim(first: str, second: str) -> None:
    assert says_the_same(first, second, 0.9)
    assert says_the_same(second, first, 0.9)
    assert not says_the_same(first, second, 0.5)  # words alone are not enough either


@pytest.mark.parametrize(
    ("changes", "keep", "why"),
    [
        ({2: {"metadata": {"pinned": True}}, 1: {"access_count": 9}}, "m2", "keep the pinned one"),
        ({1: {"access_count": 9}}, "m1", "keep the one used most (9 times)"),
        ({1: {"access_count": 1}}, "m1", "keep the one that was used"),
        ({}, "m0", "keep the first"),
        ({0: {"created_at": START + timedelta(days=9)}}, "m1", "keep the first"),  # the first by date
    ],
    ids=["pinned", "used", "once", "first", "dated"],
)
def test_which_to_keep_and_why(changes: dict[int, dict[str, Any]], keep: str, why: str) -> None:
    found = memories(["I like green tea"] * 3, [1.0, 2.0, 3.0])
    found = [m.model_copy(update=changes.get(i, {})) for i, m in enumerate(found)]
    (group,) = _groups(found)
    assert group.keep == keep
    assert group.reason.endswith(why)


def test_all_exact_repeats_are_found_among_many() -> None:
    rng = np.random.default_rng(0)
    words = [f"{a}{b}" for a in ("ka", "lo", "mi", "nu") for b in ("ra", "sel", "ton", "vip", "zu")]
    texts = [" ".join(rng.choice(words, 5, replace=False)) for _ in range(300)]
    planted = texts + [texts[i] for i in range(0, 300, 3)]
    groups = [g for g in _groups(planted) if g.kind == "exact"]
    assert {tuple(g.memory_ids) for g in groups} >= {(f"m{i}", f"m{300 + i // 3}") for i in range(0, 300, 3)}


def test_more_repeats_than_neighbours_are_one_group() -> None:
    # Each memory has twelve neighbours; exact repeats must not depend on them.
    (group,) = _groups(["I like green tea"] * 100)
    assert len(group.memory_ids) == 100


def test_two_wordings_with_many_copies_each_are_one_group() -> None:
    # The nearest of each copy are copies of its own.
    (group,) = _groups([*["I have two cats and a dog"] * 30, *["I've two cats and a dog"] * 30])
    assert (group.kind, len(group.memory_ids)) == ("near", 60)


def test_a_chain_of_small_changes_does_not_join_its_ends() -> None:
    chain = "garden bench|gardens bench|gardens benches|cardens benches|cardons lenches"
    texts = [f"the {step}" for step in chain.split("|")]
    for group in _groups(texts):
        assert not {"m0", "m4"} <= set(group.memory_ids)


def test_a_memory_is_in_one_group_at_most() -> None:
    texts = ["I like tea", "I like tea!", "I like tea", "i like the tea", "lol", "ok", "order 1 shipped today"] * 2
    groups = [g for g in _groups(texts) if g.kind != "contradiction"]
    members = [i for g in groups for i in g.memory_ids]
    assert len(members) == len(set(members))


def test_commands_and_stock_phrases_are_boilerplate_with_nothing_to_keep() -> None:
    groups = _groups(["!play never gonna give you up", "/roll 2d6", "lol ok", "haha", "I like tea", "ok I will buy it"])
    group = _only(groups, "boilerplate")
    assert group.memory_ids == ["m0", "m1", "m2", "m3"]
    assert group.keep is None


@pytest.mark.parametrize(
    ("text", "junk"),
    [
        ("!play never gonna give you up", True),
        ("/roll 2d6", True),
        ("?rank", True),
        ("LOL ok!!", True),
        ("-buy milk and eggs", False),  # a list
        ("$SPY is my favourite", False),
        ("> she said yes", False),  # a quotation
        ("/home/me/notes is full", False),  # a path
        ("ok I will buy it", False),
        ("!!!", False),
    ],
)
def test_only_commands_and_stock_phrases_are_junk(text: str, junk: bool) -> None:
    assert is_junk(text) is junk


def test_a_sentence_with_other_numbers_is_a_template() -> None:
    texts = [f"Your order {n} was shipped on day {n + 2}" for n in (17, 256, 3999)] + ["I like tea"]
    group = _only(_groups(texts), "boilerplate")
    assert group.memory_ids == ["m0", "m1", "m2"]
    assert group.reason.startswith("one sentence with other numbers")


@pytest.mark.parametrize(
    "text", ["🎉🎉", "!!!", "好的好的", "שלום לכולם", "ok."], ids=["emoji", "marks", "zh", "he", "ok"]
)
def test_repeats_without_latin_words_are_found_too(text: str) -> None:
    groups = _groups([text, "something else", text])
    assert [set(g.memory_ids) for g in groups] == [{"m0", "m2"}]


def test_different_emoji_are_not_the_same() -> None:
    assert _groups(["🎉", "🍕", "😀"]) == []


# Contradictions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ("I love black coffee", "I hate black coffee", "“love” against “hate”"),
        ("I eat meat for dinner", "I never eat meat for dinner", "one says not"),
        ("My favourite colour is green", "My favorite colour is blue", "two values for"),
        ("I live in Berlin", "I live in Madrid", "two values for “live in”"),
        ("I am 30 years old", "I am 31 years old", "two ages, 30 and 31"),
    ],
)
def test_opposite_claims_are_candidates_only(first: str, second: str, reason: str) -> None:
    near = (np.array([[1], [0]]), np.array([[0.7], [0.7]], dtype=np.float32))
    (group,) = find_contradictions(memories([first, second]), near, set(), budget=TimeBudget())
    assert group.memory_ids == ["m0", "m1"]
    assert group.kind == "contradiction"
    assert group.reason.startswith("candidate: ")
    assert reason in group.reason
    assert group.keep is None  # which one holds is not ours to say


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("I love black coffee", "I love black tea"),
        ("I have a cat", "I have a dog"),  # one can have both
        ("I never eat meat", "I never eat fish"),
        ("My brother lives in Berlin", "I hate Berlin"),
    ],
)
def test_claims_that_go_together_are_no_candidates(first: str, second: str) -> None:
    near = (np.array([[1], [0]]), np.array([[0.7], [0.7]], dtype=np.float32))
    assert find_contradictions(memories([first, second]), near, set(), budget=TimeBudget()) == []


def test_contradictions_are_never_advised_to_be_merged() -> None:
    result = run(memories(["I love black coffee", "I hate black coffee", "rain"]))
    assert [g.kind for g in result.duplicates] == ["contradiction"]
    assert [a for a in result.advice if a.action == "merge"] == []

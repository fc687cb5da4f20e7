"""Importance: scores that add up, monotone where a person expects it; core memories; advice that deletes nothing."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import reverie
from reverie.analysis import DEFAULT_WEIGHTS
from reverie.contracts import AnalyzeOptions, AnalyzeResult, Importance, Memory
from reverie.errors import InvalidInput
from tests.analysis.people import NOW, memories, run, themed

_ONLY = AnalyzeOptions(sections=["importance"])
_TEXTS = themed(24)
_SLOW = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


_FACTS = [
    "I am allergic to penicillin",
    "My daughter is called Sophie, she is four",
    "I work as a nurse in a children's hospital",
    "I live in Porto with two flatmates",
    "My birthday is on the fifth of May",
    "Please never call me by my full name",
    "I promised my mother I would visit every month",
    "We speak Turkish at home",
    "My favourite food is lasagne",
    "I can't stand loud music",
    "I grew up on a farm near Vejle",
    "I have been a vegetarian for years",
    "My goal is to run a marathon",
    "I owe Daniel two hundred dollars",
    "I am afraid of dogs, always have been",
]


def _people(counts: Sequence[int] = (), ages: Sequence[float | None] = (), pinned: Sequence[bool] = ()) -> list[Memory]:
    out = []
    for i, text in enumerate(_TEXTS):
        age = ages[i] if i < len(ages) else 10.0
        out.append(
            Memory(
                id=f"m{i}",
                text=text,
                created_at=None if age is None else NOW - timedelta(days=age),
                access_count=counts[i] if i < len(counts) else 1,
                metadata={"pinned": True} if i < len(pinned) and pinned[i] else {},
            )
        )
    return out


def _scores(found: Sequence[Memory], options: AnalyzeOptions = _ONLY) -> dict[str, Importance]:
    return {i.memory_id: i for i in run(found, options).importance}


def _with(memory: Memory, **changes: Any) -> Memory:
    return memory.model_copy(update=changes)


@_SLOW
@given(st.lists(st.integers(0, 1000), min_size=24, max_size=24), st.integers(0, 23), st.integers(1, 10_000))
def test_more_access_never_lowers_a_score_nor_another_ones_standing(counts: list[int], which: int, more: int) -> None:
    before = _people(counts)
    after = list(before)
    after[which] = _with(before[which], access_count=counts[which] + more)
    old, new = _scores(before), _scores(after)
    mine = f"m{which}"
    assert new[mine].score >= old[mine].score
    assert new[mine].rank <= old[mine].rank


@_SLOW
@given(st.lists(st.floats(0, 3000), min_size=24, max_size=24), st.integers(0, 23), st.floats(0, 3000))
def test_newer_never_lowers_a_score(ages: list[float], which: int, newer: float) -> None:
    before = _people(ages=ages)
    later = NOW - timedelta(days=min(newer, ages[which]))
    after = list(before)
    after[which] = _with(before[which], last_accessed_at=later)
    mine = f"m{which}"
    assert _scores(after)[mine].score >= _scores(before)[mine].score - 1e-12


@_SLOW
@given(st.lists(st.booleans(), min_size=24, max_size=24), st.integers(0, 23))
def test_pinning_never_lowers_a_rank(pinned: list[bool], which: int) -> None:
    before = _people(pinned=pinned)
    after = list(before)
    after[which] = _with(before[which], metadata={"pinned": True})
    mine = f"m{which}"
    assert _scores(after)[mine].rank <= _scores(before)[mine].rank


@_SLOW
@given(
    st.dictionaries(st.sampled_from(sorted(DEFAULT_WEIGHTS)), st.floats(0, 100), max_size=8),
    st.lists(st.one_of(st.none(), st.floats(0, 3000)), min_size=24, max_size=24),
    st.lists(st.booleans(), min_size=24, max_size=24),
)
def test_contributions_add_up_to_a_score_between_0_and_1(
    weights: dict[str, float], ages: list[float | None], pinned: list[bool]
) -> None:
    found = run(_people(ages=ages, pinned=pinned), AnalyzeOptions(sections=["importance"], weights=weights)).importance
    assert [i.rank for i in found] == list(range(1, 25))
    assert all(a.score >= b.score - 1e-9 for a, b in itertools.pairwise(found))
    for entry in found:
        assert 0 <= entry.score <= 1
        assert entry.score == pytest.approx(sum(f.contribution for f in entry.factors.values()), abs=1e-9)
        assert sum(f.weight for f in entry.factors.values()) == pytest.approx(1)
        for factor in entry.factors.values():
            assert 0 <= factor.value <= 1
            assert factor.contribution == pytest.approx(factor.value * factor.weight)


def test_recency_halves_in_every_half_life() -> None:
    found = _scores(_people(ages=[0, 30, 60, -5]), AnalyzeOptions(sections=["importance"], half_life_days=30))
    values = [found[f"m{i}"].factors["recency"].value for i in range(4)]
    assert values == pytest.approx([1, 0.5, 0.25, 1])  # the future counts as now


def test_now_decides_and_not_the_clock() -> None:
    people = _people(ages=[100.0] * 24)
    early = _scores(people, AnalyzeOptions(sections=["importance"]))
    late = {i.memory_id: i for i in run(people, _ONLY, now=NOW + timedelta(days=90)).importance}
    assert late["m0"].factors["recency"].value == pytest.approx(early["m0"].factors["recency"].value / 2)


def test_a_factor_without_evidence_has_no_part() -> None:
    bare = run(memories(["uno dos tres casa perro gato", "el perro es de mi casa", "la casa y el gato"]), _ONLY)
    assert {"recency", "emotion", "pinned"}.isdisjoint(bare.importance[0].factors)


def test_what_was_said_again_on_another_day_recurs() -> None:
    days = [0.0, 5.0, 9.0, *range(20, 41)]
    texts = ["my knee hurts when I run"] * 3 + _TEXTS[3:]
    found = {i.memory_id: i.factors["recurrence"].value for i in run(memories(texts, days), _ONLY).importance}
    assert found["m0"] == found["m1"] == pytest.approx(0.5)
    assert max(found[f"m{i}"] for i in range(3, 24)) < 0.5


def test_only_the_top_is_listed_but_the_core_is_chosen_from_all() -> None:
    found = memories([*themed(55), *_FACTS[:5]])
    some = run(found, AnalyzeOptions(sections=["importance"], top=2))
    assert len(some.importance) == 2
    assert some.core == run(found, _ONLY).core
    assert len(some.core) == 3


def test_a_weight_of_an_unknown_factor_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match="no factor 'centrality'; factors are durable, specificity"):
        run(memories(_TEXTS), AnalyzeOptions(weights={"centrality": 1.0}))


def test_weights_of_nothing_but_zero_count_all_alike() -> None:
    zero = AnalyzeOptions(sections=["importance"], weights=dict.fromkeys(DEFAULT_WEIGHTS, 0.0))
    weights = {f.weight for i in run(memories(_TEXTS), zero).importance for f in i.factors.values()}
    assert len(weights) == 1


def test_what_stands_apart_is_worth_more_than_what_is_typical() -> None:
    texts = [f"the cat sleeps on the warm sofa again {i}" for i in range(20)] + ["Marta donated a kidney to her uncle"]
    result = run(memories(texts))
    assert result.importance[0].memory_id == "m20"
    assert result.graph is not None
    assert "m20" not in result.graph.central


def test_what_says_nothing_is_not_worth_keeping_for_being_unlike_the_rest() -> None:
    texts = ["!play despacito", "lol ok", *themed(30)]
    result = run(memories(texts))
    assert {i.memory_id for i in result.importance[-2:]} == {"m0", "m1"}
    assert not {"m0", "m1"} & set(result.core)


@pytest.mark.parametrize(("count", "core"), [(0, 0), (1, 1), (9, 3), (100, 5), (400, 12)])
def test_core_memories_are_few(count: int, core: int) -> None:
    texts = [_FACTS[i] if i < min(count, len(_FACTS)) else t for i, t in enumerate(themed(count))]
    result = run(memories(texts), _ONLY)
    assert len(result.core) == core
    assert len(set(result.core)) == core


def test_every_core_memory_says_why_and_where_nothing_lasts_there_is_none() -> None:
    result = run(memories([*_FACTS, *themed(200)]), _ONLY)
    by_id = {i.memory_id: i for i in result.importance}
    assert len(result.core) == 11
    assert all(by_id[i].reason.startswith(("names a lasting fact: ", "sets a boundary")) for i in result.core)
    assert run(memories(themed(200)), _ONLY).core == []


def test_core_memories_take_the_pinned_first_and_no_repeats() -> None:
    texts = ["I was born in Porto", "I was born in Porto!", *themed(38)]
    found = memories(texts)
    found[30] = _with(found[30], kind="pinned")
    core = run(found, _ONLY).core
    assert core[0] == "m30"
    assert len({"m0", "m1"} & set(core)) <= 1


def test_a_text_with_many_copies_is_one_core_memory() -> None:
    assert len(run(memories(["I was born in Porto"] * 100), _ONLY).core) == 1


@pytest.mark.parametrize(
    "nothing",
    [
        "https://example.com/watch?v=dQw4w9WgXcQ&list=PL0123456789",
        "```python\ndef f(x):\n    return x + 1\n```",
        "for (let i = 0; i < items.length; i++) { total += items[i].price; }",
        '{"title": "New clip", "type": "rich", "fields": [{"name": "views", "value": "12"}]}',
        "<@123456789012345678> <:pog:123456789012345678>",
        "@somebody",
        "😂😂😂",
        ":thumbsup: :thumbsup:",
        "!play despacito",
        "/roll 2d20",
    ],
)
def test_commands_links_code_embeds_mentions_and_reactions_never_rank_above_a_fact(nothing: str) -> None:
    facts = ["I am allergic to penicillin", "I quit smoking two years ago"]
    found = memories([*facts, nothing, *themed(20)], [float(i) for i in range(23)])
    found[2] = _with(found[2], access_count=500)  # a bot may read what it wrote many times over
    ranks = {i.memory_id: i.rank for i in run(found, _ONLY).importance}
    assert max(ranks["m0"], ranks["m1"]) < ranks["m2"]


# Advice -------------------------------------------------------------------------------------------------------------


def _forgetful() -> tuple[list[Memory], AnalyzeResult]:
    texts = [
        "I have a dog named Rex",
        "I have a dog named Rex",
        "!play despacito",
        "lol ok",
        *themed(40),
    ]
    found = memories(texts, [0.0, 1.0, 2.0, 3.0, *np.linspace(0, 140, 40)])
    found[1] = _with(found[1], access_count=7)
    found[10] = _with(found[10], metadata={"pinned": True})
    result = run(found, AnalyzeOptions(half_life_days=10))
    return found, result


def test_advice_merges_repeats_drops_junk_and_archives_what_is_old_and_unused() -> None:
    _, result = _forgetful()
    by_action = {a.action: a for a in result.advice}
    assert list(by_action) == ["merge", "drop", "archive"]
    assert by_action["merge"].memory_ids == ["m1", "m0"]  # the one to keep comes first
    assert "keep the one used most (7 times)" in by_action["merge"].reason
    assert by_action["drop"].memory_ids == ["m2", "m3"]
    assert by_action["archive"].memory_ids
    assert "older than 20 days" in by_action["archive"].reason


def test_advice_never_names_pinned_or_core_memories_and_none_twice() -> None:
    found, result = _forgetful()
    gone = [i for a in result.advice for i in (a.memory_ids[1:] if a.action == "merge" else a.memory_ids)]
    assert len(gone) == len(set(gone))
    assert "m10" not in gone
    assert not set(result.core) & set(gone)
    by_id = {m.id: m for m in found}
    archived = next(a for a in result.advice if a.action == "archive").memory_ids
    lowest = {i.memory_id for i in result.importance[-len(found) // 4 :]}
    assert set(archived) <= lowest
    assert all(by_id[i].access_count == 0 for i in archived)


def test_advice_is_a_dry_run() -> None:
    before = memories(["the same words"] * 3 + themed(20), list(np.linspace(0, 10, 23)))
    copies = [m.model_copy(deep=True) for m in before]
    result = run(before)
    assert result.advice
    assert before == copies
    assert len(result.importance) == 23  # what could go is still scored


def test_without_dates_nothing_is_called_old() -> None:
    result = run(memories(themed(40)))
    assert "archive" not in {a.action for a in result.advice}


def test_the_dashboard_and_the_bot_say_what_each_factor_means() -> None:
    sources = Path(reverie.__file__).parent
    script = (sources / "gateway/static/js/views/importance.js").read_text(encoding="utf-8")
    means = re.search(r"const MEANS = \{(.*?)\}", script, re.DOTALL)
    assert means is not None
    assert set(re.findall(r"(\w+): \"", means[1])) == set(DEFAULT_WEIGHTS)
    texts = json.loads((sources / "bot/texts/en.json").read_text(encoding="utf-8"))
    assert {key.removeprefix("factor.") for key in texts if key.startswith("factor.")} == set(DEFAULT_WEIGHTS)

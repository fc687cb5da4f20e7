"""Recall: relevance first, importance and recency part what is near, diversity spreads what says the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reverie.analysis import RecallIndex, analyze, read_durable, recall, recall_in, recall_index
from reverie.analysis.durable import Durable
from reverie.analysis.importance import shares
from reverie.contracts import Memory, RecallOptions, RecallResult
from reverie.embedding import HashEmbedder
from reverie.errors import InvalidInput
from tests.analysis.people import NOW, embed, memories, themed

_ALL = RecallOptions(top=1000, weights={"importance": 1.0})


def _recall(query: str, found: Sequence[Memory], options: RecallOptions | None = None) -> RecallResult:
    vector = HashEmbedder(128).embed([query], kind="query").vectors[0]
    return recall(query, vector, found, embed([m.text for m in found]), options, now=NOW)


def _ids(result: RecallResult) -> list[str]:
    return [m.memory_id for m in result.memories]


def test_what_the_question_is_about_comes_first() -> None:
    found = memories([*themed(50), "my sister Paula plays the cello in Vienna"])
    result = _recall("who plays the cello?", found)
    assert result.memories[0].memory_id == "m50"
    assert [m.rank for m in result.memories] == list(range(1, 11))
    assert all(a.score >= b.score for a, b in zip(result.memories, result.memories[1:], strict=False))


def test_rare_words_of_the_question_count_more_than_common_ones() -> None:
    found = memories(["the concert was loud"] * 3 + ["the concert in Vienna", "the museum in Vienna was closed"])
    assert _recall("concert Vienna", found).memories[0].memory_id == "m3"


def test_inflections_do_not_hide_a_match() -> None:
    found = memories(["rain all day", "we hiked to the lakes", "a new keyboard"])
    assert _recall("hiking lake", found).memories[0].memory_id == "m1"


def test_of_equally_relevant_memories_the_newer_and_the_used_come_first() -> None:
    texts = ["I drink green tea"] * 3
    old, new, used = memories(texts, [0.0, 100.0, 0.0])
    used = used.model_copy(update={"access_count": 50})
    assert _ids(_recall("green tea", [old, new, used])) == ["m2", "m1", "m0"]
    recent = RecallOptions(weights={"recency": 1.0, "importance": 0.0})
    assert _ids(_recall("green tea", [old, new, used], recent))[0] == "m1"


def test_of_equally_relevant_memories_the_lasting_fact_comes_first() -> None:
    found = memories(["peanuts today, so many peanuts", "I am allergic to peanuts", "peanuts again, haha"])
    vectors = np.full((3, 8), 8**-0.5, dtype=np.float32)
    result = recall("peanuts", vectors[0], found, vectors, now=NOW)
    assert result.memories[0].memory_id == "m1"
    assert result.memories[0].terms.importance > result.memories[1].terms.importance + 0.1


def test_importance_is_the_same_factors_with_the_same_weights_as_in_an_analysis() -> None:
    found = memories([*themed(40), "I am allergic to peanuts", "!play despacito", "my sister Paula lives in Vienna"])
    found[3] = found[3].model_copy(update={"access_count": 9})
    found[5] = found[5].model_copy(update={"metadata": {"pinned": True}})
    vectors = embed([m.text for m in found])
    factors = {e.memory_id: e.factors for e in analyze(found, vectors, now=NOW).importance}
    shared = ("durable", "specificity", "access", "pinned")
    assert set(shares(shared)) == set(shared)
    terms = {h.memory_id: h.terms for h in recall("x", vectors[0], found, vectors, _ALL, now=NOW).memories}
    for memory in found:
        weights = {name: factors[memory.id][name].weight for name in shared}
        told = sum(weights[name] * factors[memory.id][name].value for name in shared) / sum(weights.values())
        assert terms[memory.id].importance == pytest.approx(told, abs=1e-9)


@pytest.mark.parametrize("weights", [None, {"importance": 3.0}, {"relevance": 0.0, "importance": 1.0}])
def test_leaving_out_who_cannot_be_among_the_best_changes_no_answer(weights: dict[str, float] | None) -> None:
    texts = [*themed(60), *(f"I am allergic to {food}" for food in ("nuts", "milk", "eggs")), "lol ok", "!help"]
    found = memories(texts)
    whole = _recall("what about nuts and tea?", found, RecallOptions(top=len(found), weights=weights))
    for top in (1, 5, 20):
        few = _recall("what about nuts and tea?", found, RecallOptions(top=top, weights=weights))
        assert few.memories == whole.memories[:top]


def test_a_memory_is_read_for_what_lasts_when_a_question_comes_near_it_and_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[str] = []

    def watched(texts: Sequence[str], *more: Any) -> list[Durable]:
        read.extend(texts)
        return read_durable(texts, *more)

    monkeypatch.setattr(recall_index, "read_durable", watched)
    found = memories([*themed(300), "my sister Paula plays the cello in Vienna"])
    index = RecallIndex.of(found, embed([m.text for m in found]))
    vector = HashEmbedder(128).embed(["who plays the cello?"], kind="query").vectors[0]
    few = RecallOptions(top=3)
    recall_in(index, "who plays the cello?", vector, few, now=NOW)
    assert 0 < len(read) < len(found) / 2
    recall_in(index, "who plays the cello?", vector, few, now=NOW)
    later = index.changed(memories(["new"]), embed(["new"]))
    recall_in(later, "who plays the cello?", vector, few, now=NOW)
    assert len(read) == len(set(read))


@settings(max_examples=30, deadline=None)
@given(
    st.fixed_dictionaries({name: st.floats(0, 10) for name in ("relevance", "importance", "recency")}),
    st.integers(1, 40),
    st.sampled_from(["guitar band", "tea", "🎉", "¿qué?", "我喜欢"]),
)
def test_scores_are_the_weighted_mean_of_their_terms(weights: dict[str, float], top: int, query: str) -> None:
    found = memories(themed(30), np.linspace(0, 100, 30).tolist())
    result = _recall(query, found, RecallOptions(weights=weights, top=top))
    assert len(result.memories) == min(top, 30)
    total = sum(weights.values())
    for hit in result.memories:
        terms = hit.terms.model_dump()
        assert all(0 <= value <= 1 for value in terms.values())
        if total > 0:
            assert hit.score == pytest.approx(sum(weights[n] / total * terms[n] for n in terms), abs=1e-9)


def test_diversity_spreads_what_says_the_same() -> None:
    repeats = [f"I drink green tea every morning {w}" for w in ("again", "always", "now", "too", "still", "so")]
    found = memories([*repeats, "green tea grows in Uji", "tea was late today", *themed(20)])
    plain = _ids(_recall("green tea", found, RecallOptions(top=3)))
    spread = _ids(_recall("green tea", found, RecallOptions(top=3, diversity=0.7)))
    vectors = embed([m.text for m in found])

    def likeness(ids: list[str]) -> float:
        chosen = vectors[[int(i[1:]) for i in ids]]
        return float((chosen @ chosen.T)[np.triu_indices(len(ids), 1)].mean())

    assert likeness(spread) < likeness(plain) - 0.2
    assert len(set(spread)) == 3
    assert _recall("green tea", found, RecallOptions(top=3, diversity=0.7)).memories[0].terms.relevance > 0.3


def test_full_diversity_of_identical_memories_still_answers() -> None:
    result = _recall("tea", memories(["green tea"] * 20), RecallOptions(top=5, diversity=1.0))
    assert len(set(_ids(result))) == 5


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_memories_are_no_error(count: int) -> None:
    result = _recall("anything", memories(["one", "two"][:count]))
    assert sorted(_ids(result)) == [f"m{i}" for i in range(count)]


def test_the_future_counts_as_now_and_an_undated_memory_as_half() -> None:
    future = Memory(id="f", text="tea", created_at=NOW + timedelta(days=9))
    undated = Memory(id="u", text="tea")
    recency = {m.memory_id: m.terms.recency for m in _recall("tea", [future, undated]).memories}
    assert recency == {"f": 1.0, "u": 0.5}


def test_shapes_and_weights_that_do_not_match_are_refused() -> None:
    found = memories(["one", "two"])
    vectors = embed(["one", "two"])
    with pytest.raises(InvalidInput, match="1 vectors for 2 memories"):
        recall("one", vectors[0], found, vectors[:1], now=NOW)
    with pytest.raises(InvalidInput, match="the query has 4 dimensions, the memories 128"):
        recall("one", np.ones(4), found, vectors, now=NOW)
    with pytest.raises(InvalidInput, match="no term 'centrality'; terms are relevance, importance, recency"):
        recall("one", vectors[0], found, vectors, RecallOptions(weights={"centrality": 1.0}), now=NOW)


def _talk(lines: Sequence[tuple[str, str]]) -> list[Memory]:
    return [
        Memory(id=str(i), text=text, speaker=who, created_at=NOW - timedelta(days=9) + timedelta(minutes=i))
        for i, (who, text) in enumerate(lines)
    ]


def test_a_question_that_names_somebody_finds_what_they_said() -> None:
    talk = _talk([("Ana", "I play the cello"), ("Ben", "I play the cello too"), ("Cem", "I like rain")])
    assert _recall("What does Ben's band play, the cello?", talk).memories[0].memory_id == "1"
    assert _recall("What does Ana play, the cello?", talk).memories[0].memory_id == "0"


def test_an_answer_is_found_by_the_question_before_it() -> None:
    talk = _talk([("Ana", "What is the name of your dog?"), ("Ben", "He is called Rex"), ("Ana", "So is my uncle")])
    later = Memory(id="late", text="He is called Rex", speaker="Ben", created_at=NOW)
    relevance = {m.memory_id: m.terms.relevance for m in _recall("name of the dog", [*talk, later]).memories}
    assert relevance["0"] > relevance["1"] > relevance["late"]


def test_below_the_floor_nothing_comes_back_and_the_answer_says_so() -> None:
    cook = memories(["my risotto needs saffron", "I bake bread on Sundays", "the new oven is too hot"])
    result = _recall("quantum chromodynamics", cook, RecallOptions(min_relevance=0.2))
    assert result.memories == []
    assert result.stats["below_floor"] == 3
    assert "nothing reaches min_relevance 0.2" in result.notes[0]
    assert len(_recall("quantum chromodynamics", cook).memories) == 3


def test_nothing_above_the_floor_is_no_error_for_a_spread_answer() -> None:
    cook = [Memory(id=str(i), text=text) for i, text in enumerate(["baking bread and butter", "soup with garlic"])]
    assert _recall("quantum chromodynamics", cook, RecallOptions(min_relevance=1.0, diversity=0.5)).memories == []


def test_a_rare_word_that_both_have_reaches_the_floor() -> None:
    found = memories(["Xanthippe barked all night", *themed(30)])
    result = _recall("Xanthippe?", found, RecallOptions(min_relevance=0.5))
    assert _ids(result) == ["m0"]
    assert result.memories[0].fit >= 0.5

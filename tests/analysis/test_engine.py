"""The whole analysis: what it answers at every size, its bound, its repeatability."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from reverie.analysis import analyze
from reverie.clustering import cluster
from reverie.contracts import AnalyzeOptions, AnalyzeResult, Memory
from reverie.errors import InvalidInput
from tests.analysis.people import NOW, embed, memories, run, themed


def _content(result: AnalyzeResult) -> dict[str, Any]:
    return result.model_dump(exclude={"stats"})


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["I adopted a cat"],
        ["I adopted a cat", "I play the guitar"],
        ["the same"] * 30,
        ["🎉🎉", "🍕", "😀 😀", "🎉"],  # nothing but emoji
        ["我喜欢喝咖啡", "我每天早上喝咖啡", "今天下雨了"],  # no spaces between words
        ["אני אוהב לרוץ בבוקר", "הכלב שלי ישן", "أحب القهوة"],  # right to left
        ["!!!", "...", "???"],  # no words at all
        ["x" * 20_000, "y z " * 5_000],  # very long
    ],
    ids=["none", "one", "two", "identical", "emoji", "Chinese", "right-to-left", "punctuation", "long"],
)
def test_any_set_of_texts_gets_an_answer(texts: list[str]) -> None:
    result = run(memories(texts))
    assert [i.rank for i in result.importance] == list(range(1, len(texts) + 1))
    assert result.graph is not None
    placed = [m for c in result.graph.communities for m in c.memory_ids] + result.graph.isolated
    assert sorted(placed) == sorted(m.id for m in memories(texts))
    assert AnalyzeResult.model_validate_json(result.model_dump_json()) == result


def test_the_same_seed_gives_the_same_answer() -> None:
    found = memories(themed(120), np.random.default_rng(1).uniform(0, 120, 120).tolist())
    assert _content(run(found)) == _content(run(found))


def test_only_the_sections_asked_for_are_answered() -> None:
    result = run(memories(themed(40)), AnalyzeOptions(sections=["duplicates"]))
    assert result.graph is None
    assert result.importance == []
    assert result.notes == []


def test_at_the_deadline_unfinished_sections_are_named() -> None:
    found = memories(themed(50))
    result = analyze(found, embed([m.text for m in found]), now=NOW, deadline=time.monotonic() - 1)
    assert result.importance == []
    assert result.notes == [
        "time budget reached; not finished: graph, importance, duplicates, patterns, emotion, advice"
    ]


def test_a_deadline_in_the_middle_keeps_what_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("reverie.analysis.budget.time.monotonic", lambda: clock[0])

    def pass_time(stage: str, done: int, total: int) -> None:
        if stage == "patterns":
            clock[0] = 100.0

    found = memories(themed(50))
    result = analyze(found, embed([m.text for m in found]), now=NOW, deadline=50.0, on_progress=pass_time)
    assert len(result.importance) == 50
    assert result.graph is not None
    assert result.notes[-1] == "time budget reached; not finished: patterns, emotion, advice"


def test_an_exception_of_the_progress_callback_stops_the_analysis() -> None:
    class Cancelled(Exception):
        pass

    def cancel(stage: str, done: int, total: int) -> None:
        if stage == "duplicates":
            raise Cancelled

    found = memories(themed(50))
    with pytest.raises(Cancelled):
        analyze(found, embed([m.text for m in found]), now=NOW, on_progress=cancel)


def test_all_stages_are_reported_in_their_order() -> None:
    seen: dict[str, None] = {}
    found = memories(themed(50))
    analyze(found, embed([m.text for m in found]), now=NOW, on_progress=lambda s, _d, _t: seen.setdefault(s))
    assert list(seen) == ["graph", "importance", "duplicates", "patterns", "emotion", "advice"]


def test_vectors_that_do_not_match_are_refused() -> None:
    found = memories(themed(5))
    with pytest.raises(InvalidInput, match="4 vectors for 5 memories"):
        analyze(found, embed([m.text for m in found])[:4], now=NOW)
    with pytest.raises(InvalidInput, match="not finite"):
        analyze(found, np.full((5, 4), np.nan, dtype=np.float32), now=NOW)


def test_the_timeline_counts_local_days() -> None:
    late = Memory.model_validate({"id": "a", "text": "late", "created_at": "2026-05-01T23:30:00Z"})
    result = run([late], AnalyzeOptions(timezone="Europe/Berlin"))
    assert result.timeline == {"2026-05-02": 1}


def test_the_analysis_has_the_themes_of_clustering_with_their_ids_and_names() -> None:
    found = memories(themed(90), np.linspace(0, 200, 90).tolist())
    vectors = embed([m.text for m in found])
    themes = cluster(found, vectors).result.themes
    result = run(found)
    assert result.graph is not None
    assert [(c.id, c.label, c.memory_ids) for c in result.graph.communities] == [
        (t.id, t.label, t.memory_ids) for t in themes
    ]


def test_given_themes_are_taken_as_they_are() -> None:
    found = memories(themed(40), np.linspace(0, 200, 40).tolist())
    vectors = embed([m.text for m in found])
    own = [t.model_copy(update={"label": f"mine {t.id}"}) for t in cluster(found, vectors).result.themes[:2]]
    for given in (own, lambda _: own):
        graph = analyze(found, vectors, now=NOW, themes=given).graph
        assert graph is not None
        assert [c.label for c in graph.communities] == [t.label for t in own]
        assert len(graph.isolated) == 40 - sum(t.size for t in own)


def test_a_very_large_set_is_answered_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    people = memories([f"I walk dog {i} with Anna Berg to the old mill" for i in range(30)])
    expected = run(people)
    monkeypatch.setattr("reverie.analysis.engine._MANY", 10)
    found = run(people)
    assert found.importance == expected.importance
    assert found.core == expected.core
    assert found.advice == expected.advice
    assert found.duplicates == expected.duplicates
    assert run(people, AnalyzeOptions(sections=["duplicates", "advice"])).importance == []

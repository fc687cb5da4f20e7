"""What is true today: updates are linked, what only looks like one is not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from reverie.analysis.supersession import Link, find_superseded
from reverie.contracts import Memory
from tests.analysis.statements import measure, pairs

START = datetime(2025, 1, 1, tzinfo=UTC)


def _told(*texts: str, **more: object) -> list[Memory]:
    return [
        Memory.model_validate({"id": str(i), "text": text, "created_at": START + timedelta(days=i), **more})
        for i, text in enumerate(texts)
    ]


def _links(memories: Sequence[Memory], **options: object) -> dict[str, str]:
    return {link.earlier: link.later for link in find_superseded(memories, **options)}  # type: ignore[arg-type]


@pytest.mark.parametrize("seen", [True, False], ids=["seen", "blind"])
def test_updates_are_told_from_what_only_looks_like_one(seen: bool) -> None:
    precision, recall = measure([pair for pair in pairs() if pair.seen == seen])
    assert precision >= 0.95
    assert recall >= 0.6


def test_a_link_says_which_rule_and_which_words_tell() -> None:
    (link,) = find_superseded(_told("I live in Bern.", "We moved to Zurich"))
    assert link == Link("0", "1", "one value", "home", ("i live in bern", "we moved to zurich"))


def test_each_statement_gives_way_to_the_next_one() -> None:
    told = _told("I live in Bern", "I moved to Zurich", "I still live in Zurich", "I moved back to Bern")
    assert _links(told) == {"0": "1", "1": "3", "2": "3"}


def test_what_a_person_decided_stays_decided() -> None:
    told = _told("I live in Bern", "I moved to Zurich")
    assert _links(told, decided={"0"}) == {}


def test_another_speaker_changes_nothing() -> None:
    told = [
        Memory(id="0", text="I live in Bern", speaker="Ana", created_at=START),
        Memory(id="1", text="I moved to Zurich", speaker="Ben", created_at=START + timedelta(days=1)),
    ]
    assert _links(told) == {}


def test_without_dates_nothing_is_known_to_be_later() -> None:
    assert _links([Memory(id="0", text="I live in Bern"), Memory(id="1", text="I moved to Zurich")]) == {}


def test_a_memory_that_says_more_than_what_changed_stays() -> None:
    assert _links(_told("I live in Bern and work at Siemens", "I moved to Zurich")) == {}


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("My name is Anna Lyon", "My name is Tessa Porto now"),
        ("I'm a student in Lyon", "I dropped out, no longer a student"),
        ("Mi novia se llama Anna", "Rompí con mi novia Anna"),
        ("My girlfriend is Anna", "I broke up with my girlfriend Anna"),
    ],
)
def test_a_new_name_a_status_that_is_over_and_a_partner_who_is_gone_are_updates(earlier: str, later: str) -> None:
    assert _links(_told(earlier, later)) == {"0": "1"}


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("My girlfriend is Anna", "My girlfriend no longer eats meat"),
        ("My girlfriend is Anna", "I went out with my girlfriend Anna"),
        ("I'm a student in Lyon", "My brother dropped out, he is no longer a student"),
        ("My girlfriend likes chess", "I stopped playing chess with my girlfriend"),
    ],
)
def test_what_a_partner_or_somebody_else_does_ends_nothing(earlier: str, later: str) -> None:
    assert _links(_told(earlier, later)) == {}


UNSURE = ("I work as a waiter", "I work as a nurse")


def test_where_no_rule_is_sure_a_judge_may_say_what_holds() -> None:
    asked: list[tuple[str, str, Link]] = []

    def judge(pairs: Sequence[tuple[Memory, Memory, Link]]) -> list[bool]:
        asked.extend((a.text, b.text, link) for a, b, link in pairs)
        return [True] * len(pairs)

    told = _told(*UNSURE, "I live in Bern", "I moved to Zurich")
    assert _links(told) == {"2": "3"}
    links = {link.earlier: link for link in find_superseded(told, judge=judge)}
    assert [(a, b) for a, b, _ in asked] == [UNSURE], "what the rules are sure of is not asked"
    assert links["0"] == Link("0", "1", "judge", "job", ("i work as a waiter", "i work as a nurse"))
    assert links["2"].rule == "one value"
    assert _links(told, judge=lambda pairs: [False] * len(pairs)) == {"2": "3"}


def test_no_judge_is_asked_about_what_a_person_decided_or_another_one_said() -> None:
    told = _told(*UNSURE)
    others = [told[0], told[1].model_copy(update={"speaker": "Ben"})]

    def judge(pairs: Sequence[tuple[Memory, Memory, Link]]) -> list[bool]:
        raise AssertionError(pairs)

    assert _links(told, decided={"0"}, judge=judge) == {}
    assert _links(others, judge=judge) == {}


def test_a_judge_is_asked_about_the_newest_first_and_each_statement_once() -> None:
    asked: list[tuple[str, str]] = []

    def judge(pairs: Sequence[tuple[Memory, Memory, Link]]) -> list[bool]:
        asked.extend((a.id, b.id) for a, b, _ in pairs)
        return [False] * len(pairs)

    _links(_told(*(f"I work as a {job}" for job in ("waiter", "nurse", "baker", "pilot"))), judge=judge)
    assert asked == [("2", "3"), ("1", "2"), ("0", "1")]


@pytest.mark.parametrize("text", ["a" * 100_000, "i moved to " * 9000, "my my my " * 9000, "nicht mehr " * 9000])
def test_hostile_texts_take_no_time(text: str) -> None:
    assert _links(_told(*[text] * 20)) == {}


def test_many_memories_take_time_by_their_number() -> None:
    told = _told(*(f"I live in Town{i} and drink tea number {i}" for i in range(3000)))
    assert len(find_superseded(told)) <= len(told)

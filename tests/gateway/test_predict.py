"""The prediction learns an operation's true cost from noisy tasks, and the lane follows from it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from reverie.contracts import Lane
from reverie.gateway.http.headers import joined_headers, parse_prefer
from reverie.gateway.submissions.duration_estimate import DurationEstimator
from reverie.store import TaskRow
from reverie.store.memory_rows import Person

START = datetime(2026, 5, 1, tzinfo=UTC)
_TASK = dict.fromkeys(TaskRow.__slots__) | {"fraction": 1.0, "usd": 0.0, "compute_ms": 0.0}


def task(number: int, operation: str, items: int, tokens: int, seconds: float, **more: object) -> TaskRow:
    fields = {
        "id": f"t{number}",
        "operation": operation,
        "items": items,
        "chars": items * 60,
        "tokens": tokens,
        "cached_tokens": items * 15 - tokens,
        "started_at": START + timedelta(seconds=number),
        "finished_at": START + timedelta(seconds=number + seconds),
    }
    return TaskRow(**{**_TASK, **fields, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize("truth", [(0.2, 0.002, 0.0001), (0.01, 0.0, 0.002), (1.0, 0.01, 0.0)])
def test_after_fifty_tasks_the_median_error_is_small_whatever_the_machine(truth: tuple[float, float, float]) -> None:
    rng = random.Random(4)
    predictor = DurationEstimator()
    errors = []
    for number in range(120):
        items = int(10 ** rng.uniform(0.5, 3))
        missing = rng.choice([0.0, 0.1, 1.0])
        tokens = round(items * 15 * missing)
        took = (truth[0] + truth[1] * items + truth[2] * tokens) * rng.lognormvariate(0, 0.15)
        if rng.random() < 0.05:
            took *= 8  # a machine that was busy
        guess = predictor.predict("cluster", items, items * 60, missing=missing)
        if number >= 50:
            errors.append(abs(guess - took) / took)
        predictor.learn([task(number, "cluster", items, tokens, took, estimate_seconds=guess)])
    assert sorted(errors)[len(errors) // 2] < 0.3
    known = predictor.fits["cluster"].error
    assert known is not None
    assert known < 0.4


def test_a_machine_that_becomes_slower_is_followed() -> None:
    predictor = DurationEstimator()
    for number in range(200):
        predictor.learn([task(number, "embed", 100, 1500, 0.1 if number < 100 else 1.0)])
    assert predictor.predict("embed", 100, 6000) == pytest.approx(1.0, rel=0.2)


@pytest.mark.parametrize(
    ("slow", "seconds", "size"),
    [(1, 8.0, 5000), (10, 8.0, 5000), (5, 30.0, 5000), (1, 120.0, 100_000)],  # first contexts, on a busy machine
)
def test_after_very_slow_first_contexts_a_few_quick_ones_bring_them_back_to_the_fast_lane(
    slow: int, seconds: float, size: int
) -> None:
    predictor = DurationEstimator()
    for number in range(slow):  # their vectors were there: what took so long was something else
        predictor.learn([task(number, "context", size, 10, seconds)])
    for number in range(100, 103):
        predictor.learn([task(number, "context", size, 10, 0.1)])
    assert predictor.lane("context", predictor.predict("context", size, 60 * size, missing=0.0)) == Lane.FAST


def test_one_very_large_upkeep_does_not_make_small_ones_look_large() -> None:
    predictor = DurationEstimator()
    for number, seconds in enumerate((300.0, 90.0)):
        predictor.learn([task(number, "upkeep", 100_000, 1_500_000 if number == 0 else 15, seconds)])
    assert predictor.predict("upkeep", 1, 60) < 1.0
    assert predictor.predict("upkeep", 100_000, 6_000_000) > 60.0


def _person(**more: object) -> Person:
    fields = {"tenant": "t", "user_id": "u", "memories": 5000, "changes": 5000}
    return Person(**{**dict.fromkeys(Person.__slots__), **fields, **more})  # type: ignore[arg-type]


def test_what_a_question_has_read_misses_no_vectors_also_before_the_first_upkeep() -> None:
    predictor = DurationEstimator()
    assert predictor.missing_share(_person()) == 1.0
    assert predictor.missing_share(_person(upkept_at=START, changes=50)) == 0.01
    predictor.learn([task(1, "context", 4900, 0, 0.1, tenant="t", user_id="u")])
    assert predictor.missing_share(_person()) == 0.02
    assert predictor.missing_share(_person(memories=100)) == 0.0
    assert predictor.missing_share(_person(user_id="other")) == 1.0
    assert predictor.missing_share(_person(memories=0, changes=0)) == 0.0


def test_a_row_is_learnt_once_and_a_cloud_task_apart() -> None:
    predictor = DurationEstimator()
    row = task(1, "cluster", 100, 1500, 3.0, vector_model="ab" * 8)
    predictor.learn([row, row])
    predictor.learn([row])
    assert len(predictor.fits["cluster"].seen) == 1
    assert predictor.vector_model == "ab" * 8
    predictor.learn([task(2, "cluster", 100, 1500, 9.0, provider="openai")])
    assert len(predictor.fits["cluster"].seen) == 1
    near, far = (predictor.predict("cluster", 100, 6000, provider=p) for p in (None, "openai"))
    assert far > near


def test_predictions_are_never_negative_and_grow_with_the_work() -> None:
    predictor = DurationEstimator()
    for number in range(60):  # constant time: neither texts nor tokens matter
        predictor.learn([task(number, "analyze", 10 * number, 150 * number, 0.5)])
    guesses = [predictor.predict("analyze", n, 60 * n) for n in (0, 1, 100, 100_000)]
    assert guesses == sorted(guesses)
    assert guesses[0] > 0


def test_lanes() -> None:
    predictor = DurationEstimator()
    assert predictor.lane("cluster", 0.05) == Lane.FAST
    assert predictor.lane("cluster", 0.5) == Lane.HEAVY
    assert predictor.lane("recall", 0.5) == Lane.FAST
    assert predictor.lane("recall", 30.0) == Lane.HEAVY, "a cold recall of thousands must not hold up the fast lane"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], (None, False)),
        (["wait=5"], (5.0, False)),
        (["respond-async"], (None, True)),
        (["respond-async, wait=1.5"], (1.5, True)),
        (["wait=3", "respond-async"], (3.0, True)),  # two header fields are one list
        (['wait="2"; reason=chat'], (2.0, False)),  # quoted, with a parameter
        (["wait=1, wait=9"], (1.0, False)),  # of two the first counts
        (["wait=86400"], (60.0, False)),
        (["wait=-1"], (None, False)),
        (["wait=nan, Respond-Async"], (None, True)),
        (["handling=lenient, waiting=4"], (None, False)),
    ],
)
def test_preferences_are_read_as_rfc_7240_has_them(headers: list[str], expected: tuple[float | None, bool]) -> None:
    found = joined_headers([(b"prefer", value.encode()) for value in headers])
    assert parse_prefer(found.get("prefer", "")) == expected

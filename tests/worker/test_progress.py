"""Which progress of an attempt is told: of an answer that comes at once, none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from reverie.settings import QueueSettings
from reverie.store import TaskRow
from reverie.worker import attempt as attempt_module
from reverie.worker.attempt import Attempt


class Heard:
    """Notes what is published."""

    def __init__(self) -> None:
        self.stages: list[str] = []

    def publish(self, row: TaskRow, event: dict[str, Any] | None = None) -> bool:
        assert event is not None
        self.stages.append(event["progress"]["stage"])
        return True


_BRIEF = [(stage, done, 1) for stage in ("embedding", "ranking") for done in (0, 1)]


def _told(operation: str, steps: Sequence[tuple[str, int, int]] = _BRIEF) -> list[str]:
    fields = {"id": "t1", "user_id": "u", "operation": operation, "token": 1, "seq": 0}
    row = TaskRow(**{**dict.fromkeys(TaskRow.__slots__), **fields})  # type: ignore[arg-type]
    heard: Any = Heard()
    store: Any = None  # no beat is due
    settings = QueueSettings()  # type: ignore[call-arg]
    attempt = Attempt(row, heartbeat_store=store, events=heard, settings=settings, drain_at=lambda: 0.0)
    for step in steps:
        attempt.progress(*step)
    assert attempt._stage == steps[-1], "it is known all the same, for the lease's next beat"
    stages: list[str] = heard.stages
    return stages


@pytest.mark.parametrize(
    ("operation", "told"),
    [
        ("cluster", True),
        ("recall", False),  # an answer is waited for
        ("embed", False),
        ("context", False),  # no event of it is shown to anybody
    ],
)
def test_short_answers_tell_no_progress(monkeypatch: pytest.MonkeyPatch, operation: str, told: bool) -> None:
    monkeypatch.setattr(attempt_module, "_PUBLISH_EVERY", 3600.0)
    assert _told(operation) == ["embedding", "embedding", "ranking", "ranking"] * told


def test_a_question_that_takes_longer_tells_its_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt_module, "_PUBLISH_EVERY", 0.0)
    assert _told("recall") == ["embedding", "embedding", "ranking", "ranking"]
    assert _told("context") == []


def test_the_end_of_a_stage_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt_module, "_PUBLISH_EVERY", 3600.0)
    steps = [("clustering", n, 5) for n in (0, 5, 5, 5)] + [("mapping", 0, 2), ("mapping", 2, 2), ("mapping", 2, 2)]
    assert _told("cluster", steps) == ["clustering", "clustering", "mapping", "mapping"]

"""Which progress of an attempt is told: of an answer that comes at once, none."""

from __future__ import annotations

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


def _told(operation: str) -> list[str]:
    fields = {"id": "t1", "user_id": "u", "operation": operation, "token": 1, "seq": 0}
    row = TaskRow(**{**dict.fromkeys(TaskRow.__slots__), **fields})  # type: ignore[arg-type]
    heard: Any = Heard()
    store: Any = None  # no beat is due
    settings = QueueSettings()  # type: ignore[call-arg]
    attempt = Attempt(row, heartbeat_store=store, events=heard, settings=settings, drain_at=lambda: 0.0)
    for stage in ("embedding", "ranking"):
        attempt.progress(stage, 0, 1)
        attempt.progress(stage, 1, 1)
    assert attempt._stage == ("ranking", 1, 1), "it is known all the same, for the lease's next beat"
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

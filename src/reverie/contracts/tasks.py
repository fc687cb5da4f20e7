"""A task, its life and its events."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field, computed_field

from reverie.contracts._base import Response

__all__ = [
    "TERMINAL",
    "Cost",
    "Event",
    "EventType",
    "Lane",
    "Operation",
    "Problem",
    "Progress",
    "Receipt",
    "Status",
    "Task",
    "TaskPage",
]


class Operation(StrEnum):
    """What a task does."""

    CLUSTER = "cluster"
    ANALYZE = "analyze"
    EMBED = "embed"
    RECALL = "recall"


class Status(StrEnum):
    """Where a task is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


TERMINAL: frozenset[str] = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED})


class Lane(StrEnum):
    """How a task was routed."""

    CACHED = "cached"
    FAST = "fast"
    HEAVY = "heavy"
    CLOUD = "cloud"


class EventType(StrEnum):
    """Kinds of events on a task's stream."""

    QUEUED = "queued"
    RUNNING = "running"
    PROGRESS = "progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Progress(Response):
    """How far a task is. ``fraction`` covers the whole task, ``done`` of ``total`` the present stage."""

    stage: str
    done: int = 0
    total: int = 0
    fraction: float = 0.0


class Cost(Response):
    """What a task used."""

    tokens: int = 0
    cached_tokens: int = 0
    #: CPU (or GPU wall) time in the worker, milliseconds.
    compute_ms: float = 0.0
    #: Provider fees, US dollars.
    usd: float = 0.0
    #: The cloud provider that got the texts; null when all was computed locally.
    provider: str | None = None


class Problem(Response):
    """An RFC 9457 problem document."""

    type: str = "about:blank"
    title: str
    status: int = 500
    detail: str | None = None
    instance: str | None = None
    #: The items at fault: ``{"item": "memories[3].text", "message": "..."}``.
    errors: list[dict[str, Any]] | None = None


class Task(Response):
    """One accepted piece of work."""

    id: str
    operation: Operation
    user_id: str
    status: Status
    lane: Lane = Lane.HEAVY
    cached: bool = False
    progress: Progress = Field(default_factory=lambda: Progress(stage="queued"))
    attempts: int = 0
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    #: Predicted seconds from start to end.
    estimate_seconds: float | None = None
    cost: Cost = Field(default_factory=Cost)
    #: The operation's result as plain JSON; parse it with ``ClusterResult`` and its sisters.
    result: Any | None = None
    error: Problem | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def task_id(self) -> str:
        """The same as ``id``."""
        return self.id


class TaskPage(Response):
    """A page of tasks, newest first; ``next_cursor`` is null on the last page."""

    tasks: list[Task]
    next_cursor: str | None = None


class Event(Response):
    """Something that happened to a task. ``seq`` grows within a task."""

    seq: int
    type: EventType
    task_id: str
    at: datetime
    operation: Operation | None = None
    user_id: str | None = None
    progress: Progress | None = None
    result: Any | None = None
    error: Problem | None = None


class Receipt(Response):
    """What an erasure removed, by kind."""

    user_id: str
    erased_at: datetime
    tasks: int = 0
    stopped: int = 0
    results: int = 0
    vectors: int = 0
    themes: int = 0
    cache_keys: int = 0

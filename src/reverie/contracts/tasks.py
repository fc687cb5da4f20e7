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
    #: Brings a user's stored views up to date; it has no ``submit`` of its own.
    UPKEEP = "upkeep"


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
    #: Behind all work that somebody waits for.
    UPKEEP = "upkeep"


class EventType(StrEnum):
    """Kinds of events on a task's stream."""

    QUEUED = "queued"
    RUNNING = "running"
    PROGRESS = "progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    #: On a user's stream: what became of their stored memories.
    THEMES_CHANGED = "themes.changed"
    INSIGHTS_CHANGED = "insights.changed"
    DIGEST = "digest"


class Progress(Response):
    """How far a task is. ``fraction`` covers the whole task, ``done`` of ``total`` the present stage."""

    stage: str = Field(description="What is being done.")
    done: int = Field(default=0, description="Items of this stage that are done.")
    total: int = Field(default=0, description="Items of this stage; 0 while unknown.")
    fraction: float = Field(default=0.0, description="Share of the whole task that is done, 0 to 1.")


class Cost(Response):
    """What a task used."""

    tokens: int = Field(default=0, description="Tokens that were embedded.")
    cached_tokens: int = Field(default=0, description="Tokens whose vectors were stored already.")
    compute_ms: float = Field(default=0.0, description="CPU (or GPU wall) time in the worker, milliseconds.")
    usd: float = Field(default=0.0, description="Provider fees, US dollars.")
    provider: str | None = Field(
        default=None, description="The cloud provider that got the texts; null when all was computed locally."
    )


class Problem(Response):
    """An RFC 9457 problem document."""

    type: str = Field(default="about:blank", description="A stable URI that names the kind of problem.")
    title: str = Field(description="The kind of problem in words.")
    status: int = Field(default=500, description="The HTTP status.")
    detail: str | None = Field(default=None, description="What was wrong this time.")
    instance: str | None = Field(default=None, description="The path that was asked for.")
    errors: list[dict[str, Any]] | None = Field(
        default=None, description='The items at fault: {"item": "memories[3].text", "message": "..."}.'
    )


class Task(Response):
    """One accepted piece of work."""

    id: str = Field(description="Id of the task.")
    operation: Operation = Field(description="What it does.")
    user_id: str = Field(description="The person whose memories it works on.")
    status: Status = Field(description="Where it is in its life.")
    lane: Lane = Field(default=Lane.HEAVY, description="How it was routed.")
    cached: bool = Field(default=False, description="Whether the result was stored already and nothing was computed.")
    progress: Progress = Field(default_factory=lambda: Progress(stage="queued"), description="How far it is.")
    attempts: int = Field(default=0, description="How often a worker has begun it.")
    created_at: datetime = Field(description="When it was accepted.")
    started_at: datetime | None = Field(default=None, description="When a worker began it; null while it waits.")
    finished_at: datetime | None = Field(default=None, description="When it ended; null until then.")
    estimate_seconds: float | None = Field(
        default=None, description="Predicted seconds from start to end; null while unknown."
    )
    cost: Cost = Field(default_factory=Cost, description="What it used so far.")
    result: Any | None = Field(default=None, description="The operation's result once it has succeeded.")
    error: Problem | None = Field(default=None, description="Why it failed; null unless it did.")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def task_id(self) -> str:
        """The same as ``id``."""
        return self.id


class TaskPage(Response):
    """A page of tasks, newest first; ``next_cursor`` is null on the last page."""

    tasks: list[Task] = Field(description="The tasks, without their results.")
    next_cursor: str | None = Field(
        default=None, description="Send it as cursor for the next page; null on the last one."
    )


class Event(Response):
    """Something that happened to a task. ``seq`` grows within a task."""

    seq: int = Field(description="Number of the event; it grows within a task.")
    type: EventType = Field(description="What happened.")
    task_id: str = Field(description="Id of the task.")
    at: datetime = Field(description="When it happened.")
    operation: Operation | None = Field(default=None, description="What the task does.")
    user_id: str | None = Field(default=None, description="The person whose memories it works on.")
    event_id: str | None = Field(default=None, description="Id of an event that is not a task's; it is told once.")
    data: dict[str, Any] | None = Field(default=None, description="What such an event says.")
    progress: Progress | None = Field(default=None, description="How far the task is.")
    result: Any | None = Field(default=None, description="The operation's result, with the event succeeded.")
    error: Problem | None = Field(default=None, description="Why the task failed, with the event failed.")


class Receipt(Response):
    """What an erasure removed, by kind."""

    user_id: str = Field(description="Who was erased.")
    erased_at: datetime = Field(description="When.")
    tasks: int = Field(default=0, description="Tasks removed.")
    stopped: int = Field(default=0, description="How many of them were queued or running.")
    results: int = Field(default=0, description="Stored results removed.")
    vectors: int = Field(default=0, description="Vectors removed.")
    themes: int = Field(default=0, description="Themes removed.")
    memories: int = Field(default=0, description="Stored memories removed.")
    views: int = Field(default=0, description="Views of them removed.")
    cache_keys: int = Field(default=0, description="Entries removed from Redis.")

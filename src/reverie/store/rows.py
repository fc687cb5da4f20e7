"""What a row of ``tasks`` means: the contract's Task and Event, without the result."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Protocol

from reverie.contracts import TERMINAL, Status

__all__ = ["PLAIN_CONTRACT", "TASK_CONTRACT", "ClaimedTask", "TaskRow"]

TASK_CONTRACT = 3
"""Version of what a gateway hands to a worker: the payload, the operations and their options. Raised when a worker
of the version before would misread a task; such a worker then leaves it alone (docs/upgrades.md).
2: stored memories. 3: values that are sealed for their place."""

PLAIN_CONTRACT = 1
"""The version that a task needs which brings its memories: workers of before stored memories do it as well."""


class ClaimedTask(Protocol):
    """What the store must know of a task to read and write for its user."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def tenant(self) -> str:
        """Whose task it is."""

    @property
    def user_id(self) -> str:
        """Whose texts it works on."""

    @property
    def token(self) -> int:
        """The attempt's fencing token."""


@dataclass(slots=True)
class TaskRow:
    """A row of ``tasks``."""

    id: str
    tenant: str
    user_id: str
    operation: str
    lane: str
    queue: str
    content_hash: bytes
    items: int
    chars: int
    estimate_seconds: float | None
    deadline_at: datetime | None
    published_at: datetime
    created_at: datetime
    # From here on as a new row has them.
    status: str = "queued"
    attempts: int = 0
    token: int = 0
    seq: int = 0
    worker: str | None = None
    lease_until: datetime | None = None
    stage: str = "queued"
    done: int = 0
    total: int = 0
    fraction: float = 0.0
    tokens: int = 0
    cached_tokens: int = 0
    compute_ms: float = 0.0
    usd: float = 0.0
    error: dict[str, Any] | None = None
    dead: bool = False
    started_at: datetime | None = None
    finished_at: datetime | None = None
    #: The cloud provider that got the texts.
    provider: str | None = None
    #: Key of the model whose vectors were used.
    vector_model: str | None = None

    @classmethod
    def of(cls, row: dict[str, Any]) -> TaskRow:
        """From a dict row, which may have further columns."""
        return cls(**{name: row[name] for name in _FIELDS})

    @property
    def ended(self) -> bool:
        """Whether the status is final."""
        return self.status in TERMINAL

    def progress(self) -> dict[str, Any]:
        """The contract's Progress."""
        return {"stage": self.stage, "done": self.done, "total": self.total, "fraction": round(self.fraction, 4)}

    def task(self, *, cached: bool = False) -> dict[str, Any]:
        """The contract's Task as JSON values, with ``result`` left out."""
        return {
            "id": self.id,
            "task_id": self.id,
            "operation": self.operation,
            "user_id": self.user_id,
            "status": self.status,
            "lane": "cached" if cached else self.lane,
            "cached": cached,
            "progress": self.progress(),
            "attempts": self.attempts,
            "created_at": self.created_at,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "estimate_seconds": round(self.estimate_seconds, 4) if self.estimate_seconds is not None else None,
            "cost": {
                "tokens": self.tokens,
                "cached_tokens": self.cached_tokens,
                "compute_ms": round(self.compute_ms, 2),
                "usd": self.usd,
                "provider": self.provider,
            },
            "dead_lettered": self.dead,
            "error": self.error,
        }

    def event(self) -> dict[str, Any]:
        """The event that tells the present state, without the result."""
        kind = self.status
        if kind == Status.RUNNING and self.stage != "starting":
            kind = "progress"
        at = self.finished_at or self.started_at or self.created_at
        event: dict[str, Any] = {
            "seq": self.seq,
            "type": kind,
            "task_id": self.id,
            "at": at,
            "operation": self.operation,
            "user_id": self.user_id,
            "progress": self.progress(),
        }
        if self.error is not None:
            event["error"] = self.error
        return event


_FIELDS = tuple(f.name for f in fields(TaskRow))

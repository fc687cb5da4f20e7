"""What the one gateway that sweeps asks of PostgreSQL, on its own connection."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from reverie.store.rows import TaskRow
from reverie.store.sql import fetch_all, sql
from reverie.store.submissions import Connection

__all__ = [
    "expire_deadlines",
    "expire_leases",
    "grant_grace",
    "keep_vectors",
    "retire",
    "retire_forgotten",
    "stale_messages",
]

_VECTORS = 1000
"""Vectors that one bite looks at: each is a page of its own, perhaps on disk."""
_FORGOTTEN = 2000


async def grant_grace(connection: Connection, lease: float) -> int:
    """Let every lease start anew; returns how many there are."""
    return (await connection.execute(sql("grant_grace"), {"lease": lease})).rowcount


async def expire_leases(
    connection: Connection, max_attempts: int, error: dict[str, Any], silence: float
) -> list[TaskRow]:
    """Queue attempts again whose worker fell silent, or dead-letter their task with ``error``.

    ``silence``: seconds without a beat after which a worker whose session is gone counts as dead.
    """
    parameters = {"max_attempts": max_attempts, "error": Jsonb(error), "silence": silence}
    return [TaskRow.of(row) for row in await fetch_all(connection, "expire_leases", **parameters)]


async def expire_deadlines(connection: Connection, error: dict[str, Any]) -> list[TaskRow]:
    """Fail queued tasks whose deadline has passed."""
    return [TaskRow.of(row) for row in await fetch_all(connection, "expire_deadlines", error=Jsonb(error))]


async def stale_messages(connection: Connection, queue: str, age: float, limit: int) -> list[tuple[str, str]]:
    """``(id, queue)`` of queued tasks whose message may be lost."""
    rows = await fetch_all(connection, "stale_messages", queue=queue, age=age, limit=limit)
    return [(row["id"], row["queue"]) for row in rows]


async def retire(connection: Connection, days: float) -> int:
    """Remove a bite of what is older than ``days``; returns the rows removed."""
    removed = 0
    for name in (
        "retire_tasks",
        "retire_idempotency",
        "retire_vectors",
        "retire_themes",
        "retire_tickets",
        "retire_keys",
        "retire_turns",
        "retire_happenings",
    ):
        removed += (await connection.execute(sql(name), {"days": days, "limit": _VECTORS})).rowcount
    return removed


async def keep_vectors(connection: Connection, days: float) -> int:
    """Give a bite of the vectors that are older than ``days``, but of stored memories, no age; returns how many.

    Before ``retire``, which would else meet them again and again.
    """
    return (await connection.execute(sql("keep_vectors"), {"days": days, "limit": _VECTORS})).rowcount


async def retire_forgotten(connection: Connection, after: datetime) -> tuple[datetime | None, int]:
    """Remove a bite of tombstones that came after a time and serve nobody; returns ``(where it ended, rows removed)``.

    None where it got to the end: what is younger than a day waits.
    """
    (row,) = await fetch_all(connection, "retire_forgotten", after=after, limit=_FORGOTTEN)
    return (row["at"] if row["looked"] else None), row["removed"]

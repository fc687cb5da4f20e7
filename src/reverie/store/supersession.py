"""Marks memories that others took the place of. Synchronous, for upkeep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from reverie.store import places
from reverie.store.people import PersonAt
from reverie.store.rows import TaskRow
from reverie.store.sql import sql
from reverie.store.worker_store import WorkerStore

__all__ = ["HeldSince", "read_moments", "read_view_version", "supersede"]


@dataclass(frozen=True, slots=True)
class HeldSince:
    """Of a memory that counts."""

    #: Since when it holds.
    moment: datetime
    #: Whether a person decided on it.
    decided: bool
    #: The user's version with which it last changed.
    version: int


def read_moments(store: WorkerStore, person: int) -> dict[str, HeldSince]:
    """Of each memory that counts: since when it holds, and whether a person decided on it."""
    rows = store.rows("read_moments", person=person)
    return {row["id"]: HeldSince(row["moment"], row["superseded_decided"], row["version"]) for row in rows}


def read_view_version(store: WorkerStore, task: TaskRow) -> int:
    """The version that the view of the task's user was made from; 0 before the first."""
    asked = {"tenant": task.tenant, "user_id": task.user_id}
    row = store.row("read_view_version", **asked)
    return int(row["version"]) if row else 0


def supersede(
    store: WorkerStore, task: TaskRow, person: PersonAt, links: Sequence[tuple[str, str, bytes]]
) -> int | None:
    """Mark ``(earlier, later, reason)`` links, found in the person's version: how many were.

    None when the attempt no longer owns its task.
    """

    def work(connection: psycopg.Connection[dict[str, Any]]) -> int:
        earlier, later, reasons = (list(column) for column in zip(*links, strict=True))
        where = [places.reason(task.tenant, task.user_id, id_) for id_ in earlier]
        bodies = store.codec.save_many(reasons, where)
        marks = {"person": person.id, "version": person.version, "earlier": earlier, "later": later, "bodies": bodies}
        done = len(connection.execute(sql("supersede"), marks).fetchall())
        if done:
            change = {"person": person.id, "memories": 0, "chars": 0, "changes": done}
            connection.execute(sql("change_person"), change)
        return done

    return store.fenced(task, work, person=person.id)

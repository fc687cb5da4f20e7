"""Storing submissions: new rows, idempotency keys won and lost, identical work in flight, webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import psycopg

from reverie.store.rows import PLAIN_CONTRACT, TaskRow
from reverie.store.sql import sql

__all__ = ["Connection", "NewTask", "Submitted", "join_webhook", "store_group"]

Connection = psycopg.AsyncConnection[dict[str, Any]]


@dataclass(slots=True)
class NewTask:
    """A validated submission, ready to be stored."""

    id: str
    tenant: str
    user_id: str
    operation: str
    lane: str
    queue: str
    content_hash: bytes
    items: int
    chars: int
    body: bytes
    estimate: float | None = None
    callback: str | None = None
    deadline: float | None = None
    idempotency_key: str | None = None
    body_hash: bytes = b""
    #: W3C traceparent of the submission.
    trace: str | None = None
    #: Whether ``body`` is as it will be stored.
    packed: bool = True
    #: Which version of the task contract a worker must know to run it.
    contract: int = PLAIN_CONTRACT

    def told(self) -> dict[str, Any]:
        """What ``insert_tasks`` is told of it, the body apart."""
        return {
            "id": self.id,
            "tenant": self.tenant,
            "user_id": self.user_id,
            "operation": self.operation,
            "lane": self.lane,
            "queue": self.queue,
            "content": self.content_hash.hex(),
            "items": self.items,
            "chars": self.chars,
            "estimate": self.estimate,
            "callback": self.callback,
            "deadline": self.deadline,
            "trace": self.trace,
            "contract": self.contract,
        }

    def row(self, decided: dict[str, Any]) -> TaskRow:
        """The stored row, with the times that the database decided."""
        return TaskRow(
            id=self.id,
            tenant=self.tenant,
            user_id=self.user_id,
            operation=self.operation,
            lane=self.lane,
            queue=self.queue,
            content_hash=self.content_hash,
            items=self.items,
            chars=self.chars,
            estimate_seconds=self.estimate,
            callback_url=self.callback,
            deadline_at=decided["deadline_at"],
            published_at=decided["published_at"],
            created_at=decided["created_at"],
        )


@dataclass(slots=True)
class Submitted:
    """What became of a submission."""

    row: TaskRow | None
    #: The row is new; otherwise it was already there (same content in flight, or same idempotency key).
    created: bool = False
    #: The idempotency key belongs to another body.
    conflict: bool = False
    #: The same content was done before: its result is the answer.
    done: bool = False


async def join_webhook(connection: Connection, tenant: str, task_id: str, url: str) -> None:
    """Tie a callback to a task that was there before; inside a transaction."""
    cursor = await connection.execute(sql("lock_task"), {"id": task_id, "tenant": tenant})
    task = await cursor.fetchone()
    if task is not None:
        await connection.execute(sql("join_webhook"), {"id": task_id, "tenant": tenant, "url": url, **task})


async def store_group(connection: Connection, new: Sequence[NewTask]) -> list[Submitted]:
    """Store a group of submissions, or find what was there already; the caller's transaction is around it."""
    out: dict[str, Submitted] = {}
    keyed = [n for n in new if n.idempotency_key is not None]
    if keyed:
        cursor = await connection.execute(
            sql("insert_idempotency"),
            {
                "tenants": [n.tenant for n in keyed],
                "users": [n.user_id for n in keyed],
                "keys": [n.idempotency_key for n in keyed],
                "hashes": [n.body_hash for n in keyed],
                "ids": [n.id for n in keyed],
            },
        )
        won = {(row["tenant"], row["key"]) for row in await cursor.fetchall()}
        for n in keyed:
            # Within one group the first of two equal keys wins; the second one finds the first's row below.
            if (n.tenant, n.idempotency_key) in won:
                won.discard((n.tenant, n.idempotency_key))
            else:
                out[n.id] = Submitted(None)
    fresh = [n for n in new if n.id not in out]
    rows: dict[str, TaskRow] = {}
    if fresh:
        cursor = await connection.execute(
            sql("insert_tasks"),
            {
                "tasks": orjson.dumps([n.told() for n in fresh]).decode(),
                "ids": [n.id for n in fresh],
                "bodies": [n.body for n in fresh],
            },
        )
        decided = {row["id"]: row for row in await cursor.fetchall()}
        rows = {n.id: n.row(decided[n.id]) for n in fresh if n.id in decided}
    for n in fresh:
        if n.id in rows:
            out[n.id] = Submitted(rows[n.id], created=True)
            continue
        cursor = await connection.execute(
            sql("join_in_flight"), {"tenant": n.tenant, "content": n.content_hash, "deadline": n.deadline}
        )
        found = await cursor.fetchone()
        done = found is None
        if done:
            cursor = await connection.execute(sql("get_cached"), {"tenant": n.tenant, "content": n.content_hash})
            found = await cursor.fetchone()
        row = TaskRow.of(found) if found else None
        out[n.id] = Submitted(row, done=done and row is not None)
        if row is not None and n.idempotency_key is not None:
            await connection.execute(
                sql("point_idempotency"), {"tenant": n.tenant, "key": n.idempotency_key, "task_id": row.id}
            )
    for n in keyed:
        if out[n.id].row is None and n not in fresh:
            out[n.id] = await _replay(connection, n)
    await _add_webhooks(connection, fresh, out)
    return [out[n.id] for n in new]


async def _add_webhooks(connection: Connection, fresh: Sequence[NewTask], out: dict[str, Submitted]) -> None:
    calling = [n for n in fresh if n.callback is not None]
    new = [n for n in calling if out[n.id].created]
    if new:
        await connection.execute(
            sql("insert_webhooks"),
            {
                "ids": [n.id for n in new],
                "tenants": [n.tenant for n in new],
                "urls": [n.callback for n in new],
            },
        )
    for n in calling:
        row = out[n.id].row
        if row is not None and not out[n.id].created:
            await join_webhook(connection, n.tenant, row.id, n.callback or "")


async def _replay(connection: Connection, new: NewTask) -> Submitted:
    parameters = {"tenant": new.tenant, "key": new.idempotency_key}
    cursor = await connection.execute(sql("get_idempotency"), parameters)
    found = await cursor.fetchone()
    if found is None:
        return Submitted(None)
    if found["body_hash"] != new.body_hash:
        return Submitted(None, conflict=True)
    cursor = await connection.execute(sql("get_task"), {"id": found["task_id"], "tenant": new.tenant})
    row = await cursor.fetchone()
    return Submitted(TaskRow.of(row) if row else None)

"""Storing submissions: new rows, idempotency keys won and lost, identical work in flight, webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import orjson
import psycopg

from reverie.store import places
from reverie.store.codec import Codec
from reverie.store.names import key_names, url_names
from reverie.store.rows import PLAIN_CONTRACT, TASK_CONTRACT, TaskRow
from reverie.store.sql import fetch_all, fetch_one, sql

__all__ = ["Connection", "NewTask", "Submitted", "join_webhook", "sealed_key", "store_group"]

Connection = psycopg.AsyncConnection[dict[str, Any]]

_SHARED = ("id", "tenant", "user_id", "operation", "lane", "queue", "items", "chars")
"""What a task has under the same name before and after it is stored."""
_COLUMNS = (*_SHARED, "estimate", "deadline", "trace", "contract")
_shared, _columns = attrgetter(*_SHARED), attrgetter(*_COLUMNS)


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
    #: Sealed when it is stored; ``Compressed`` if that is done.
    body: bytes
    estimate: float | None = None
    callback: str | None = None
    deadline: float | None = None
    idempotency_key: str | None = None
    body_hash: bytes = b""
    #: W3C traceparent of the submission.
    trace: str | None = None
    #: Which version of the task contract a worker must know to run it.
    contract: int = PLAIN_CONTRACT

    def columns(self) -> dict[str, Any]:
        """The values that ``insert_tasks`` takes, all but the body."""
        return dict(zip(_COLUMNS, _columns(self), strict=True), content=self.content_hash.hex())

    def row(self, decided: dict[str, Any]) -> TaskRow:
        """The stored row, with the times that the database decided."""
        return TaskRow(
            **dict(zip(_SHARED, _shared(self), strict=True)),
            content_hash=self.content_hash,
            estimate_seconds=self.estimate,
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


async def join_webhook(connection: Connection, codec: Codec, tenant: str, task_id: str, url: str) -> None:
    """Tie a callback to a task that was there before; inside a transaction."""
    task = await fetch_one(connection, "lock_task", id=task_id, tenant=tenant)
    if task is not None:
        hashes = url_names(codec, tenant, url)
        sealed = codec.save(url.encode(), places.callback(tenant, task_id))
        what = {"id": task_id, "tenant": tenant, "url": sealed, "hash": hashes[0], "hashes": hashes, "plain": url}
        await connection.execute(sql("join_webhook"), {**what, **task})


async def store_group(
    connection: Connection, codec: Codec, new: Sequence[NewTask], bodies: Sequence[bytes]
) -> list[Submitted]:
    """Store a group of submissions, or find what was there already; the caller's transaction is around it.

    ``bodies`` are theirs as they are stored.
    """
    out: dict[str, Submitted] = {}
    keyed = [n for n in new if n.idempotency_key is not None]
    if keyed:
        names = [key_names(codec, n.tenant, n.idempotency_key or "") for n in keyed]
        older = [(n.id, name) for n, own in zip(keyed, names, strict=True) for name in own[1:]]
        rows = await fetch_all(
            connection,
            "insert_idempotency",
            tenants=[n.tenant for n in keyed],
            users=[n.user_id for n in keyed],
            keys=[own[0] for own in names],
            sealed=[
                sealed_key(codec, n.tenant, n.idempotency_key or "", own[0])
                for n, own in zip(keyed, names, strict=True)
            ],
            hashes=[n.body_hash for n in keyed],
            ids=[n.id for n in keyed],
            old_ids=[task_id for task_id, _ in older],
            old_keys=[name for _, name in older],
        )
        # Within one group one of two equal keys wins; the other one finds its row below.
        won = {row["task_id"] for row in rows}
        out |= {n.id: Submitted(None) for n in keyed if n.id not in won}
    fresh = [n for n in new if n.id not in out]
    sealed = {n.id: body for n, body in zip(new, bodies, strict=True)}
    stored: dict[str, TaskRow] = {}
    if fresh:
        # Workers that cannot open what is sealed here leave these tasks alone.
        sealed_so = {"contract": TASK_CONTRACT} if codec.seals else {}
        decided = await fetch_all(
            connection,
            "insert_tasks",
            tasks=orjson.dumps([n.columns() | sealed_so for n in fresh]).decode(),
            ids=[n.id for n in fresh],
            bodies=[sealed[n.id] for n in fresh],
        )
        by_id = {n.id: n for n in fresh}
        stored = {row["id"]: by_id[row["id"]].row(row) for row in decided}
    for n in fresh:
        if n.id in stored:
            out[n.id] = Submitted(stored[n.id], created=True)
            continue
        found = await fetch_one(
            connection, "join_in_flight", tenant=n.tenant, content=n.content_hash, deadline=n.deadline
        )
        done = found is None
        if done:
            found = await fetch_one(connection, "get_cached", tenant=n.tenant, content=n.content_hash)
        row = TaskRow.of(found) if found else None
        out[n.id] = Submitted(row, done=done and row is not None)
        if row is not None and n.idempotency_key is not None:
            keys = key_names(codec, n.tenant, n.idempotency_key)
            await connection.execute(sql("point_idempotency"), {"tenant": n.tenant, "keys": keys, "task_id": row.id})
    for n in keyed:
        if out[n.id].row is None and n not in fresh:
            out[n.id] = await _replay(connection, codec, n)
    await _add_webhooks(connection, codec, fresh, out)
    return [out[n.id] for n in new]


def sealed_key(codec: Codec, tenant: str, key: str, name: str) -> bytes:
    """An idempotency key as it is stored beside its hash, for exports."""
    return codec.save(key.encode(), places.idempotency_key(tenant, name))


async def _add_webhooks(
    connection: Connection, codec: Codec, fresh: Sequence[NewTask], out: dict[str, Submitted]
) -> None:
    calling = [n for n in fresh if n.callback is not None]
    new = [n for n in calling if out[n.id].created]
    if new:
        await connection.execute(
            sql("insert_webhooks"),
            {
                "ids": [n.id for n in new],
                "tenants": [n.tenant for n in new],
                "urls": [codec.save((n.callback or "").encode(), places.callback(n.tenant, n.id)) for n in new],
                "hashes": [url_names(codec, n.tenant, n.callback or "")[0] for n in new],
            },
        )
    for n in calling:
        row = out[n.id].row
        if row is not None and not out[n.id].created:
            await join_webhook(connection, codec, n.tenant, row.id, n.callback or "")


async def _replay(connection: Connection, codec: Codec, new: NewTask) -> Submitted:
    parameters = {"tenant": new.tenant, "keys": key_names(codec, new.tenant, new.idempotency_key or "")}
    found = await fetch_one(connection, "get_idempotency", **parameters)
    if found is None:
        return Submitted(None)
    if found["body_hash"] != new.body_hash:
        return Submitted(None, conflict=True)
    row = await fetch_one(connection, "get_task", id=found["task_id"], tenant=new.tenant)
    return Submitted(TaskRow.of(row) if row else None)

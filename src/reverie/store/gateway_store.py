"""The gateway's side of the store: asynchronous, pooled, one short transaction per call."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import psycopg
import psycopg.errors
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from reverie.aio.deadline import within
from reverie.errors import ServiceUnavailable
from reverie.store import places
from reverie.store.cloud import TenantPolicy
from reverie.store.codec import Codec, Compressed, Place
from reverie.store.database_probe import DatabaseProbe
from reverie.store.keys import Key
from reverie.store.names import key_names
from reverie.store.rows import TaskRow
from reverie.store.sql import fetch_all, sql
from reverie.store.submissions import Connection, NewTask, Submitted, sealed_key, store_group

__all__ = ["GatewayStore"]

_PATIENCE = 5.0
"""Seconds a query may take before its request is answered without it."""

_OFF_LOOP = 256 * 1024
"""Stored values above this size are opened in a thread."""

_FEW = 4
"""Bodies that are sealed sooner than a thread is woken."""

_TRY_SPACE = 2.0
"""Seconds after which a disk that was full is tried again."""


class GatewayStore:
    """All the gateway asks of PostgreSQL. ``ServiceUnavailable`` is raised when it cannot answer in time.

    ``codec`` says how values are stored; without one they are not encrypted.
    """

    def __init__(self, database_url: str, codec: Codec | None = None, *, size: int = 8, timeout: float = 0.7) -> None:
        self.codec = codec or Codec(level=1)
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            database_url,
            connection_class=psycopg.AsyncConnection[dict[str, Any]],
            kwargs={
                "row_factory": dict_row,
                "autocommit": True,
                "connect_timeout": 5,
                # A frozen server must not hold requests: the kernel gives up on unacknowledged data.
                "tcp_user_timeout": 5000,
                "options": "-c statement_timeout=10000 -c idle_in_transaction_session_timeout=30000",
            },
            min_size=1,
            max_size=size,
            timeout=timeout,
            max_waiting=2000,
            # Short, since the pool doubles its pauses up to this: the next request starts the tries anew.
            reconnect_timeout=1,
            open=False,
            name="gateway",
        )
        self._full = False
        self._tried_at = 0.0
        self._reach = DatabaseProbe(database_url, on_return=self._pool.check)

    async def open(self) -> None:
        """Start connecting in the background; the gateway comes up even while PostgreSQL is away."""
        await self._pool.open(wait=False)
        self._reach.start()

    async def close(self) -> None:
        """Close all connections."""
        await self._reach.stop()
        await self._pool.close(timeout=3)

    @property
    def reachable(self) -> bool:
        """Whether PostgreSQL answered when it was last asked."""
        return self._reach.up

    @property
    def full(self) -> bool:
        """Whether the database's disk was full when something was last to be stored, or tried to be."""
        return self._full

    async def has_space(self) -> bool:
        """Whether there is space, as far as is known: once the disk was full, a trial tells that it no longer is."""
        if self._full and time.monotonic() - self._tried_at >= _TRY_SPACE:
            self._tried_at = time.monotonic()
            with contextlib.suppress(ServiceUnavailable):
                async with self.connection() as connection, connection.transaction(force_rollback=True):
                    await connection.execute(sql("try_space"))
                self._full = False
        return not self._full

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A pooled connection, or ``ServiceUnavailable`` within a second."""
        if not self._reach.up:
            raise ServiceUnavailable("The database is not reachable right now.", retry_after=2.0)
        try:
            async with self._pool.connection() as connection:
                yield connection
        except psycopg.errors.DiskFull as error:
            self._full, self._tried_at = True, time.monotonic()
            raise ServiceUnavailable(
                "The database's disk is full: nothing new can be stored until there is space.", retry_after=30.0
            ) from error
        except (PoolTimeout, psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise ServiceUnavailable("The database is not reachable right now.", retry_after=2.0) from error

    async def rows(self, name: str, **parameters: Any) -> list[dict[str, Any]]:
        """What the query called ``name`` finds."""
        late = "The database did not answer in time."
        return await within(_PATIENCE, self._query(name, parameters), otherwise=late)

    async def row(self, name: str, **parameters: Any) -> dict[str, Any] | None:
        """The first row of it."""
        rows = await self.rows(name, **parameters)
        return rows[0] if rows else None

    async def _query(self, name: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        async with self.connection() as connection:
            return await fetch_all(connection, name, **parameters)

    async def task_rows(self, name: str, **parameters: Any) -> list[TaskRow]:
        """The tasks that the query called ``name`` finds."""
        return [TaskRow.of(row) for row in await self.rows(name, **parameters)]

    async def task_row(self, name: str, **parameters: Any) -> TaskRow | None:
        """The first of them."""
        row = await self.row(name, **parameters)
        return TaskRow.of(row) if row else None

    async def load(self, stored: bytes, place: Place) -> bytes:
        """A stored value, large ones opened off the event loop. Raises what ``Codec.load`` does."""
        if len(stored) <= _OFF_LOOP:
            return self.codec.load(stored, place)
        return await asyncio.to_thread(self.codec.load, stored, place)

    async def save(self, plain: bytes, place: Place) -> bytes:
        """A value as it is stored, sealed off the event loop."""
        return await asyncio.to_thread(self.codec.save, plain, place)

    async def ping(self) -> None:
        """Raises ``ServiceUnavailable`` unless PostgreSQL answers."""
        await self.rows("now_ms")

    # -- submissions ---------------------------------------------------------------------------

    async def submit(self, new: Sequence[NewTask]) -> list[Submitted]:
        """Store a group of submissions in one transaction; durable when this returns."""
        plain, where = [n.body for n in new], [places.payload(n.tenant, n.id) for n in new]
        seal = self.codec.save_many
        few = sum(not isinstance(one, Compressed) for one in plain) < _FEW
        bodies = seal(plain, where) if few else await asyncio.to_thread(seal, plain, where)
        async with self.connection() as connection:
            if not any(n.idempotency_key or n.callback for n in new):
                # A single statement is a transaction by itself, without the round trips that frame one.
                return await store_group(connection, self.codec, new, bodies)
            async with connection.transaction():
                return await store_group(connection, self.codec, new, bodies)

    async def idempotent(self, tenant: str, key: str) -> tuple[str, bytes] | None:
        """``(task_id, body_hash)`` behind an idempotency key."""
        row = await self.row("get_idempotency", tenant=tenant, keys=key_names(self.codec, tenant, key))
        return (row["task_id"], row["body_hash"]) if row else None

    async def remember_idempotency(self, tenant: str, user_id: str, key: str, body_hash: bytes, task_id: str) -> None:
        """Tie a key to a task that was already there (an answer from the cache)."""
        name = key_names(self.codec, tenant, key)[0]
        what = {"key": name, "sealed": sealed_key(self.codec, tenant, key, name), "hash": body_hash, "id": task_id}
        await self.rows("tie_idempotency", tenant=tenant, user_id=user_id, **what)

    async def cached(self, tenant: str, content_hash: bytes) -> tuple[TaskRow, bytes] | None:
        """The newest success with the same content and its stored result."""
        row = await self.row("get_cached", tenant=tenant, content=content_hash)
        return (TaskRow.of(row), row["body"]) if row else None

    async def ended_lately(self, tenant: str, seconds: float) -> tuple[int, int]:
        """Tasks that ended in the last ``seconds``: ``(of all tenants, of this one)``."""
        row = await self.row("ended_lately", tenant=tenant, seconds=seconds)
        return (row["everybody"], row["own"]) if row else (0, 0)

    async def cached_many(self, wanted: Sequence[tuple[str, bytes]]) -> list[tuple[TaskRow, bytes] | None]:
        """``cached`` for many ``(tenant, content hash)`` in one query."""
        if len(wanted) == 1:
            return [await self.cached(*wanted[0])]
        rows = await self.rows("get_cached_many", tenants=[w[0] for w in wanted], content=[w[1] for w in wanted])
        found = {row["n"]: (TaskRow.of(row), row["body"]) for row in rows}
        return [found.get(number) for number in range(1, len(wanted) + 1)]

    async def known_many(self, wanted: Sequence[tuple[str, bytes]]) -> list[bool]:
        """For each ``(tenant, content hash)`` whether a submission of it would make no new task."""
        rows = await self.rows("known_many", tenants=[w[0] for w in wanted], content=[w[1] for w in wanted])
        found = {row["n"] for row in rows}
        return [number in found for number in range(1, len(wanted) + 1)]

    async def load_counts(self, tenant: str) -> tuple[int, int]:
        """``(queued tasks of all tenants, unfinished tasks of this one)``."""
        row = await self.row("load_counts", tenant=tenant)
        return (row["queued"], row["in_flight"]) if row else (0, 0)

    # -- reading and changing tasks --------------------------------------------------------------

    async def task(self, tenant: str, task_id: str) -> TaskRow | None:
        """A task of this tenant."""
        return await self.task_row("get_task", id=task_id, tenant=tenant)

    async def task_with_result(self, tenant: str, task_id: str) -> tuple[TaskRow, bytes | None] | None:
        """A task and its stored result."""
        row = await self.row("get_task_with_result", id=task_id, tenant=tenant)
        return (TaskRow.of(row), row["body"]) if row else None

    async def result(self, task_id: str) -> bytes | None:
        """A stored result, sealed; it opens for its tenant alone."""
        row = await self.row("get_result", id=task_id)
        return bytes(row["body"]) if row else None

    async def states(self, ids: Sequence[str]) -> list[TaskRow]:
        """Present rows of tasks that sockets wait for; the caller has checked the tenants."""
        return await self.task_rows("get_states", ids=list(ids))

    async def tasks(
        self,
        tenant: str,
        *,
        user_id: str | None,
        status: str | None,
        operation: str | None,
        limit: int,
        before: tuple[datetime, str] | None,
    ) -> list[TaskRow]:
        """A page of tasks, newest first, older than ``before``."""
        return await self.task_rows(
            "list_tasks",
            tenant=tenant,
            user_id=user_id,
            status=status,
            operation=operation,
            limit=limit,
            before=before[0] if before else None,
            before_id=before[1] if before else None,
        )

    async def cancel(self, tenant: str, task_id: str) -> TaskRow | None:
        """Cancel an unfinished task; None when there is none.

        While further submissions wait for the same task it goes on for them, and its row comes back as it is.
        """
        row = await self.task_row("leave_task", id=task_id, tenant=tenant)
        return row or await self.task_row("cancel_task", id=task_id, tenant=tenant)

    async def redrive(self, tenant: str, task_id: str) -> TaskRow | None:
        """Queue a failed task again; None when it has not failed or its content is in flight already."""
        return await self.task_row("redrive_task", id=task_id, tenant=tenant)

    # -- keys ------------------------------------------------------------------------------------

    async def keys(self, ids: Sequence[str]) -> list[tuple[Key, bytes] | None]:
        """Keys with their hashes, in the order of ``ids``."""
        found = {
            row["id"]: (
                Key(row["id"], row["tenant"], row["name"], frozenset(row["scopes"]), revoked_at=row["revoked_at"]),
                bytes(row["hash"]),
            )
            for row in await self.rows("get_keys", ids=list(ids))
        }
        return [found.get(key_id) for key_id in ids]

    async def live_keys(self, ids: Sequence[str]) -> set[str]:
        """Those of ``ids`` that are not revoked."""
        return {row["id"] for row in await self.rows("live_keys", ids=list(ids))}

    async def touch_keys(self, ids: Sequence[str]) -> None:
        """Record that keys were used just now."""
        async with self.connection() as connection:
            await connection.execute(sql("touch_keys"), {"ids": list(ids)})

    async def put_ticket(self, hashed: bytes, key: str, seconds: float) -> None:
        """Keep a ticket's hash for its short life."""
        async with self.connection() as connection:
            await connection.execute(sql("insert_ticket"), {"hash": hashed, "key_id": key, "seconds": seconds})

    async def use_ticket(self, hashed: bytes) -> Key | None:
        """The key behind a ticket, which is then used up."""
        row = await self.row("use_ticket", hash=hashed)
        return Key(row["id"], row["tenant"], row["name"], frozenset(row["scopes"])) if row else None

    async def finished_since(self, since: float) -> list[TaskRow]:
        """First attempts that succeeded after ``since`` (seconds since the epoch), oldest first, at most 1,000."""
        return [TaskRow.of(row) for row in reversed(await self.rows("finished_since", since=since))]

    # -- policy ----------------------------------------------------------------------------------

    async def cloud_policy(self, tenant: str) -> TenantPolicy | None:
        """What a tenant allows of the cloud."""
        row = await self.row("get_cloud_policy", tenant=tenant)
        return TenantPolicy.of(row) if row else None

    # -- for sockets and the status page -----------------------------------------------------------

    async def recent_endings(self, tenants: Sequence[str], age: float) -> list[TaskRow]:
        """Tasks of these tenants that ended in the last ``age`` seconds."""
        return await self.task_rows("recent_endings", tenants=list(tenants), age=age)

    async def unfinished(self, tenant: str) -> list[TaskRow]:
        """Queued and running tasks of a tenant, oldest first."""
        return await self.task_rows("unfinished", tenant=tenant)

    async def count_by_status(self, tenant: str) -> list[dict[str, Any]]:
        """Tasks of the last day by lane and status, with what they cost."""
        return await self.rows("count_by_status", tenant=tenant)

    async def queued(
        self, connection: Connection | None = None, *, tenant: str | None = None
    ) -> dict[str, tuple[int, float]]:
        """Waiting tasks of all, or of one tenant, by queue: ``{queue: (count, age of the oldest in seconds)}``."""
        if connection is None:
            rows = await self.rows("queued_by_queue", tenant=tenant)
        else:
            rows = await fetch_all(connection, "queued_by_queue", tenant=tenant)
        return {row["queue"]: (row["waiting"], row["oldest"]) for row in rows}

    async def figures(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, int]]:
        """For metrics: waiting tasks by lane and class, the last five minutes' tasks, webhooks by state."""
        webhooks = {row["state"]: row["n"] for row in await self.rows("webhook_counts")}
        return await self.rows("waiting_by_class"), await self.rows("lately"), webhooks

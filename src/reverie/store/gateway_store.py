"""The gateway's side of the store: asynchronous, pooled, one short transaction per call."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
import psycopg.errors
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from reverie.aio.deadline import within
from reverie.errors import ServiceUnavailable
from reverie.store import places
from reverie.store.cloud import TenantPolicy
from reverie.store.codec import Codec, Compressed, Place
from reverie.store.database_probe import DatabaseProbe
from reverie.store.keys import Key
from reverie.store.names import key_names, opened_key, opened_url
from reverie.store.rows import TaskRow
from reverie.store.sql import sql
from reverie.store.submissions import Connection, NewTask, Submitted, sealed_key, store_group

__all__ = ["Erased", "GatewayStore"]

_PATIENCE = 5.0
"""Seconds a query may take before its request is answered without it."""

_OFF_LOOP = 256 * 1024
"""Stored values above this size are opened in a thread."""

_FEW = 4
"""Bodies that are sealed sooner than a thread is woken."""

_TRY_SPACE = 2.0
"""Seconds after which a disk that was full is tried again."""


@dataclass(slots=True)
class Erased:
    """What an erasure removed."""

    tasks: list[dict[str, Any]]
    results: int
    vectors: int
    themes: int
    memories: int
    views: int
    at_ms: int


@dataclass(slots=True)
class Held:
    """What is held on a user beside the stored memories, as rows."""

    #: With payload and result, still sealed.
    tasks: list[dict[str, Any]]
    #: Counts by model.
    vectors: list[dict[str, Any]]
    #: The themes carried to the next run, by model.
    themes: list[dict[str, Any]]
    webhooks: list[dict[str, Any]]
    idempotency: list[dict[str, Any]]


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

    async def _rows(self, name: str, **parameters: Any) -> list[dict[str, Any]]:
        late = "The database did not answer in time."
        return await within(_PATIENCE, self._query(name, parameters), otherwise=late)

    async def _query(self, name: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        async with self.connection() as connection:
            cursor = await connection.execute(sql(name), parameters)
            return await cursor.fetchall()

    async def _row(self, name: str, **parameters: Any) -> dict[str, Any] | None:
        rows = await self._rows(name, **parameters)
        return rows[0] if rows else None

    async def rows(self, name: str, **parameters: Any) -> list[dict[str, Any]]:
        """What the query called ``name`` finds."""
        return await self._rows(name, **parameters)

    async def row(self, name: str, **parameters: Any) -> dict[str, Any] | None:
        """The first row of it."""
        return await self._row(name, **parameters)

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
        await self._rows("now_ms")

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
        row = await self._row("get_idempotency", tenant=tenant, keys=key_names(self.codec, tenant, key))
        return (row["task_id"], row["body_hash"]) if row else None

    async def remember_idempotency(self, tenant: str, user_id: str, key: str, body_hash: bytes, task_id: str) -> None:
        """Tie a key to a task that was already there (an answer from the cache)."""
        name = key_names(self.codec, tenant, key)[0]
        what = {"key": name, "sealed": sealed_key(self.codec, tenant, key, name), "hash": body_hash, "id": task_id}
        await self._rows("tie_idempotency", tenant=tenant, user_id=user_id, **what)

    async def cached(self, tenant: str, content_hash: bytes) -> tuple[TaskRow, bytes] | None:
        """The newest success with the same content and its stored result."""
        row = await self._row("get_cached", tenant=tenant, content=content_hash)
        return (TaskRow.of(row), row["body"]) if row else None

    async def ended_lately(self, tenant: str, seconds: float) -> tuple[int, int]:
        """Tasks that ended in the last ``seconds``: ``(of all tenants, of this one)``."""
        row = await self._row("ended_lately", tenant=tenant, seconds=seconds)
        return (row["everybody"], row["own"]) if row else (0, 0)

    async def cached_many(self, wanted: Sequence[tuple[str, bytes]]) -> list[tuple[TaskRow, bytes] | None]:
        """``cached`` for many ``(tenant, content hash)`` in one query."""
        if len(wanted) == 1:
            return [await self.cached(*wanted[0])]
        rows = await self._rows("get_cached_many", tenants=[w[0] for w in wanted], content=[w[1] for w in wanted])
        found = {row["n"]: (TaskRow.of(row), row["body"]) for row in rows}
        return [found.get(number) for number in range(1, len(wanted) + 1)]

    async def known_many(self, wanted: Sequence[tuple[str, bytes]]) -> list[bool]:
        """For each ``(tenant, content hash)`` whether a submission of it would make no new task."""
        rows = await self._rows("known_many", tenants=[w[0] for w in wanted], content=[w[1] for w in wanted])
        found = {row["n"] for row in rows}
        return [number in found for number in range(1, len(wanted) + 1)]

    async def load_counts(self, tenant: str) -> tuple[int, int]:
        """``(queued tasks of all tenants, unfinished tasks of this one)``."""
        row = await self._row("load_counts", tenant=tenant)
        return (row["queued"], row["in_flight"]) if row else (0, 0)

    # -- reading and changing tasks --------------------------------------------------------------

    async def task(self, tenant: str, task_id: str) -> TaskRow | None:
        """A task of this tenant."""
        row = await self._row("get_task", id=task_id, tenant=tenant)
        return TaskRow.of(row) if row else None

    async def task_with_result(self, tenant: str, task_id: str) -> tuple[TaskRow, bytes | None] | None:
        """A task and its stored result."""
        row = await self._row("get_task_with_result", id=task_id, tenant=tenant)
        return (TaskRow.of(row), row["body"]) if row else None

    async def result(self, task_id: str) -> bytes | None:
        """A stored result, sealed; it opens for its tenant alone."""
        row = await self._row("get_result", id=task_id)
        return bytes(row["body"]) if row else None

    async def states(self, ids: Sequence[str]) -> list[TaskRow]:
        """Present rows of tasks that sockets wait for; the caller has checked the tenants."""
        return [TaskRow.of(row) for row in await self._rows("get_states", ids=list(ids))]

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
        rows = await self._rows(
            "list_tasks",
            tenant=tenant,
            user_id=user_id,
            status=status,
            operation=operation,
            limit=limit,
            before=before[0] if before else None,
            before_id=before[1] if before else None,
        )
        return [TaskRow.of(row) for row in rows]

    async def cancel(self, tenant: str, task_id: str) -> TaskRow | None:
        """Cancel an unfinished task; None when there is none.

        While further submissions wait for the same task it goes on for them, and its row comes back as it is.
        """
        row = await self._row("leave_task", id=task_id, tenant=tenant)
        row = row or await self._row("cancel_task", id=task_id, tenant=tenant)
        return TaskRow.of(row) if row else None

    async def redrive(self, tenant: str, task_id: str) -> TaskRow | None:
        """Queue a failed task again; None when it has not failed or its content is in flight already."""
        row = await self._row("redrive_task", id=task_id, tenant=tenant)
        return TaskRow.of(row) if row else None

    async def erase(self, tenant: str, user_id: str) -> Erased:
        """Remove everything held on a user, in one transaction."""
        who = {"tenant": tenant, "user_id": user_id}
        async with self.connection() as connection, connection.transaction():
            results = await (await connection.execute(sql("erase_results_count"), who)).fetchone()
            await connection.execute(sql("erase_idempotency"), who)
            tasks = await (await connection.execute(sql("erase_tasks"), who)).fetchall()
            # Before the vectors: deletions of memories lock the two in this order.
            await connection.execute(sql("lock_person"), who)
            # Upkeep that was planned in between; under the lock no more is.
            tasks += await (await connection.execute(sql("erase_tasks"), who)).fetchall()
            vectors = (await connection.execute(sql("erase_vectors"), who)).rowcount
            themes = await (await connection.execute(sql("erase_themes"), who)).fetchall()
            memories = (await connection.execute(sql("erase_memories"), who)).rowcount
            views = (await connection.execute(sql("erase_views"), who)).rowcount
            await connection.execute(sql("erase_person"), who)
            await connection.execute(sql("erase_user_model"), who)
            now = await (await connection.execute(sql("now_ms"))).fetchone()
        return Erased(
            tasks=tasks,
            results=results["n"] if results else 0,
            vectors=vectors,
            themes=sum(row["count"] for row in themes),
            memories=memories,
            views=views,
            at_ms=now["ms"] if now else 0,
        )

    async def export(self, tenant: str, user_id: str) -> Held:
        """What is held on a user beside the stored memories."""
        who = {"tenant": tenant, "user_id": user_id}
        hooks = await self._rows("export_webhooks", **who)
        for hook in hooks:
            hook["url"] = opened_url(self.codec, hook)
            hook["event_id"] = f"evt_{hook['happening']}" if hook["happening"] is not None else None
        keys = await self._rows("export_idempotency", **who)
        for one in keys:
            one["key"] = opened_key(self.codec, tenant, one)
        return Held(
            tasks=await self._rows("export_tasks", **who),
            vectors=await self._rows("export_vector_counts", **who),
            themes=await self._rows("export_themes", **who),
            webhooks=[_without(hook, "tenant", "happening", "sealed_url") for hook in hooks],
            idempotency=[_without(one, "sealed_key") for one in keys],
        )

    # -- keys ------------------------------------------------------------------------------------

    async def keys(self, ids: Sequence[str]) -> list[tuple[Key, bytes] | None]:
        """Keys with their hashes, in the order of ``ids``."""
        found = {
            row["id"]: (
                Key(row["id"], row["tenant"], row["name"], frozenset(row["scopes"]), revoked_at=row["revoked_at"]),
                bytes(row["hash"]),
            )
            for row in await self._rows("get_keys", ids=list(ids))
        }
        return [found.get(key_id) for key_id in ids]

    async def live_keys(self, ids: Sequence[str]) -> set[str]:
        """Those of ``ids`` that are not revoked."""
        return {row["id"] for row in await self._rows("live_keys", ids=list(ids))}

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
        row = await self._row("use_ticket", hash=hashed)
        return Key(row["id"], row["tenant"], row["name"], frozenset(row["scopes"])) if row else None

    async def finished_since(self, since: float) -> list[TaskRow]:
        """First attempts that succeeded after ``since`` (seconds since the epoch), oldest first, at most 1,000."""
        return [TaskRow.of(row) for row in reversed(await self._rows("finished_since", since=since))]

    # -- policy ----------------------------------------------------------------------------------

    async def cloud_policy(self, tenant: str) -> TenantPolicy | None:
        """What a tenant allows of the cloud."""
        row = await self._row("get_cloud_policy", tenant=tenant)
        return TenantPolicy.of(row) if row else None

    # -- for sockets and the status page -----------------------------------------------------------

    async def recent_endings(self, tenants: Sequence[str], age: float) -> list[TaskRow]:
        """Tasks of these tenants that ended in the last ``age`` seconds."""
        return [TaskRow.of(row) for row in await self._rows("recent_endings", tenants=list(tenants), age=age)]

    async def unfinished(self, tenant: str) -> list[TaskRow]:
        """Queued and running tasks of a tenant, oldest first."""
        return [TaskRow.of(row) for row in await self._rows("unfinished", tenant=tenant)]

    async def count_by_status(self, tenant: str) -> list[dict[str, Any]]:
        """Tasks of the last day by lane and status, with what they cost."""
        return await self._rows("count_by_status", tenant=tenant)

    # -- the sweeper's ---------------------------------------------------------------------------

    async def grant_grace(self, connection: Connection, lease: float) -> int:
        """Let every lease start anew; returns how many there are."""
        return (await connection.execute(sql("grant_grace"), {"lease": lease})).rowcount

    async def expire_leases(
        self, connection: Connection, max_attempts: int, error: dict[str, Any], silence: float
    ) -> list[TaskRow]:
        """Queue attempts again whose worker fell silent, or dead-letter their task with ``error``.

        ``silence``: seconds without a beat after which a worker whose session is gone counts as dead.
        """
        parameters = {"max_attempts": max_attempts, "error": Jsonb(error), "silence": silence}
        cursor = await connection.execute(sql("expire_leases"), parameters)
        return [TaskRow.of(row) for row in await cursor.fetchall()]

    async def expire_deadlines(self, connection: Connection, error: dict[str, Any]) -> list[TaskRow]:
        """Fail queued tasks whose deadline has passed."""
        cursor = await connection.execute(sql("expire_deadlines"), {"error": Jsonb(error)})
        return [TaskRow.of(row) for row in await cursor.fetchall()]

    async def queued(
        self, connection: Connection | None = None, *, tenant: str | None = None
    ) -> dict[str, tuple[int, float]]:
        """Waiting tasks of all, or of one tenant, by queue: ``{queue: (count, age of the oldest in seconds)}``."""
        if connection is None:
            rows = await self._rows("queued_by_queue", tenant=tenant)
        else:
            rows = await (await connection.execute(sql("queued_by_queue"), {"tenant": tenant})).fetchall()
        return {row["queue"]: (row["waiting"], row["oldest"]) for row in rows}

    async def figures(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, int]]:
        """For metrics: waiting tasks by lane and class, the last five minutes' tasks, webhooks by state."""
        webhooks = {row["state"]: row["n"] for row in await self._rows("webhook_counts")}
        return await self._rows("waiting_by_class"), await self._rows("lately"), webhooks

    async def stale_messages(self, connection: Connection, queue: str, age: float, limit: int) -> list[tuple[str, str]]:
        """``(id, queue)`` of queued tasks whose message may be lost."""
        cursor = await connection.execute(sql("stale_messages"), {"queue": queue, "age": age, "limit": limit})
        return [(row["id"], row["queue"]) for row in await cursor.fetchall()]

    async def retire(self, connection: Connection, days: float) -> int:
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
            "retire_forgotten",
        ):
            removed += (await connection.execute(sql(name), {"days": days})).rowcount
        return removed


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}

"""Finds what fell through: lost messages, silent workers, passed deadlines, old rows. One gateway at a time.

The advisory lock belongs to a database session, so that it is free again the moment its gateway dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
from celery import Celery
from psycopg.rows import dict_row

from reverie.aio.background import Background
from reverie.errors import DeadLettered, DeadlinePassed
from reverie.gateway.push.hub import Hub
from reverie.gateway.submissions.admission import Admission
from reverie.queue import QUEUES, Dispatcher, broker_name
from reverie.settings import QueueSettings
from reverie.store import GatewayStore, TaskRow, sweeps
from reverie.store.reencrypt import seal_what_is_plain

__all__ = ["Sweeper"]

log = logging.getLogger(__name__)

_LOCK = 0x52455645_0002
_MESSAGE_AGE = 3.0
"""Seconds after which a queued task's message may count as lost, if the broker holds too few."""
_RESEND = 200
_BEATS = 3
"""Beats that may be missing before a worker whose session is gone counts as dead."""
_MISSED = 1.5
"""Seconds beyond its time after which a sweep counts as missed."""
_RETIRE_EVERY = 60.0

_DEAD = DeadLettered("Its worker died or fell silent on every attempt. POST /tasks/{id}/redrive runs it again.")


Round = Callable[[psycopg.AsyncConnection[dict[str, Any]]], Awaitable[None]]
"""Further work of the one gateway that sweeps."""


class Sweeper:
    """Runs in every gateway; works in the one that holds the lock."""

    def __init__(
        self,
        database_url: str,
        store: GatewayStore,
        hub: Hub,
        dispatcher: Dispatcher,
        admission: Admission,
        celery: Celery,
        settings: QueueSettings,
        rounds: Sequence[Round] = (),
    ) -> None:
        self._rounds = rounds
        self._url = database_url
        self._store = store
        self._hub = hub
        self._dispatcher = dispatcher
        self._admission = admission
        self._celery = celery
        self._settings = settings
        self._background = Background()
        self._retired_at = 0.0
        self._forgotten_to = datetime.min.replace(tzinfo=UTC)
        self._swept_at: float | None = None
        #: What was repaired since the start, by kind.
        self.repaired = {"requeued": 0, "dead_lettered": 0, "resent": 0, "late": 0, "retired": 0}
        self.leading = False

    def start(self) -> None:
        """Start sweeping in the background."""
        self._background.run(self._run, "sweeper")

    async def stop(self) -> None:
        """Stop; the lock goes with the connection."""
        await self._background.stop()

    async def _run(self) -> None:
        while True:
            try:
                await self._lead()
            except (psycopg.Error, OSError, TimeoutError) as error:
                log.warning("sweeper lost the database: %s", type(error).__name__)
            finally:
                self.leading = False
            await asyncio.sleep(1.0)

    async def _lead(self) -> None:
        connection = await psycopg.AsyncConnection.connect(
            self._url,
            autocommit=True,
            row_factory=dict_row,
            connect_timeout=5,
            tcp_user_timeout=5000,
            # The lock is this session's: the server must notice within a minute when the machine behind it is gone.
            options="-c statement_timeout=10000 -c tcp_keepalives_idle=15 -c tcp_keepalives_interval=5 "
            "-c tcp_keepalives_count=4 -c tcp_user_timeout=45000",
        )
        try:
            while True:
                cursor = await connection.execute("SELECT pg_try_advisory_lock(%s) AS got", (_LOCK,))
                row = await cursor.fetchone()
                if row is not None and row["got"]:
                    break
                await asyncio.sleep(self._settings.sweep_seconds)
            self.leading = True
            self._swept_at = None
            while True:
                async with asyncio.timeout(15):
                    await self.sweep(connection)
                await asyncio.sleep(self._settings.sweep_seconds)
        finally:
            with contextlib.suppress(Exception):
                await connection.close()

    async def sweep(self, connection: psycopg.AsyncConnection[dict[str, Any]]) -> None:
        """One round."""
        settings = self._settings
        # Silence proves nothing while nobody listened: after an outage, or when this process itself was held up,
        # workers first get the time of a lease to be heard. Their tasks are not to blame.
        if self._swept_at is None or time.monotonic() - self._swept_at > settings.sweep_seconds + _MISSED:
            await sweeps.grant_grace(connection, settings.lease_seconds)
        silence = _BEATS * settings.heartbeat_seconds
        for row in await sweeps.expire_leases(connection, settings.max_attempts, _DEAD.problem(), silence):
            self._tell(row, "dead_lettered" if row.dead else "requeued")
        self._swept_at = time.monotonic()
        for row in await sweeps.expire_deadlines(connection, DeadlinePassed().problem()):
            self._tell(row, "late")
        for one in self._rounds:
            await one(connection)
        waiting = await self._store.queued(connection)
        for queue in QUEUES:
            if queue in waiting:
                await self._resend(connection, queue, waiting[queue][0])
        if time.monotonic() - self._retired_at > _RETIRE_EVERY:
            await seal_what_is_plain(connection, self._store.codec)
            if not await self._retire(connection):  # more waits: take the next bite in the next round
                self._retired_at = time.monotonic()

    async def _retire(self, connection: psycopg.AsyncConnection[dict[str, Any]]) -> bool:
        """Take a bite of what is too old; whether more waits."""
        days = self._settings.retention_days
        kept = await sweeps.keep_vectors(connection, days)
        removed = await sweeps.retire(connection, days)
        at, forgotten = await sweeps.retire_forgotten(connection, self._forgotten_to)
        self._forgotten_to = at or self._forgotten_to
        self.repaired["retired"] += removed + forgotten
        return kept + removed >= 500 or at is not None

    def _tell(self, row: TaskRow, kind: str) -> None:
        self.repaired[kind] += 1
        log.info("task %s: %s after attempt %d", row.id, kind, row.attempts)
        self._hub.publish(row)
        if row.status == "queued":
            self._dispatcher.put(row.id, row.queue)

    async def _resend(self, connection: Any, queue: str, waiting: int) -> None:
        depth = await asyncio.to_thread(self._depth, queue)
        if depth is None:
            return
        missing = min(_RESEND, waiting - depth)
        if missing <= 0:
            return
        for task_id, name in await sweeps.stale_messages(connection, queue, _MESSAGE_AGE, missing):
            self.repaired["resent"] += 1
            self._dispatcher.put(task_id, name)

    def _depth(self, queue: str) -> int | None:
        """Messages the broker holds for a queue; None when it cannot be asked."""
        try:
            with self._celery.connection_for_read(connect_timeout=2) as connection, connection.channel() as channel:
                return int(channel.queue_declare(broker_name(queue), passive=True).message_count)
        except connection_errors(self._celery) as error:
            # A flushed Redis no longer knows the queue: that is the same as empty.
            if str(getattr(error, "reply_code", "")) == "404":
                return 0
            return None


def connection_errors(celery: Celery) -> tuple[type[BaseException], ...]:
    """What a broker that is away may raise."""
    from kombu.exceptions import KombuError

    with celery.connection_for_read() as connection:
        return (*connection.connection_errors, *connection.channel_errors, KombuError, OSError)

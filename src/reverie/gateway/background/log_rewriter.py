"""After an erasure: have the servers rewrite what still holds the erased rows below their tables.

Deleted rows stay on PostgreSQL's pages until they are vacuumed, and in its write-ahead log until a checkpoint lets go
of the segment; Redis' append-only file keeps commands until it is rewritten. Both servers do this by themselves in
time; here it is asked for soon. docs/security.md says what remains all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

import psycopg
from psycopg import sql
from redis.exceptions import RedisError

from reverie.aio.background import Background
from reverie.queue.redis_connection import open_async

__all__ = ["LogRewriter"]

log = logging.getLogger(__name__)

_TABLES = (
    "memories", "forgotten", "views", "people", "tasks", "payloads", "results", "vectors", "themes", "idempotency",
    "webhooks",
)  # fmt: skip
"""Tables that hold something of a user."""


class LogRewriter:
    """Waits ``pause`` seconds after an erasure, so that many of them are one rewrite."""

    def __init__(self, database_url: str, redis_url: str | None, *, pause: float = 30.0) -> None:
        self._database_url, self._redis_url = database_url, redis_url
        self._pause = pause
        self._wanted = asyncio.Event()
        self._background = Background()
        #: Rewrites since the start.
        self.rewrites = 0

    def start(self) -> None:
        """Start waiting for erasures."""
        self._background.run(self._run, "log-rewriter")

    async def stop(self) -> None:
        """Stop; what is not rewritten now is rewritten by the servers themselves in time."""
        await self._background.stop()

    def erased(self) -> None:
        """A user was erased."""
        self._wanted.set()

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            await asyncio.sleep(self._pause)
            self._wanted.clear()
            await self._rewrite_redis()
            await self._rewrite_postgres()
            self.rewrites += 1

    async def _rewrite_redis(self) -> None:
        client = open_async(self._redis_url, seconds=5.0)
        if client is None:
            return
        # Refused where no append-only file is kept, where one is being rewritten, and by some hosted servers.
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            await client.bgrewriteaof()
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            await client.aclose()

    async def _rewrite_postgres(self) -> None:
        try:
            connection = await psycopg.AsyncConnection.connect(
                self._database_url, autocommit=True, connect_timeout=5, tcp_user_timeout=30_000
            )
        except (psycopg.Error, OSError):
            return
        try:
            for table in _TABLES:
                await connection.execute(sql.SQL("VACUUM {}").format(sql.Identifier(table)))
            # For superusers and members of pg_checkpoint; others wait for the server's own.
            with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
                await connection.execute("CHECKPOINT")
        except psycopg.Error as error:
            log.info("the tables were not vacuumed after an erasure: %s", type(error).__name__)
        finally:
            with contextlib.suppress(psycopg.Error):
                await connection.close()

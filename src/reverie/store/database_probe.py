"""Whether PostgreSQL answers, known before a request has to find out by waiting."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg

__all__ = ["DatabaseProbe"]

log = logging.getLogger(__name__)

_EVERY = 0.5
_FROZEN = 2.0
"""Seconds without an answer after which the server counts as away."""


class DatabaseProbe:
    """Asks the server twice a second over a connection of its own.

    A server that is killed refuses at once, but one that is frozen, or behind a line that was cut, says nothing: each
    request would wait for its own time limit and hold a pooled connection until then.
    """

    def __init__(self, database_url: str, *, on_return: Callable[[], Awaitable[None]]) -> None:
        self._url = database_url
        self._on_return = on_return
        self._task: asyncio.Task[None] | None = None
        #: Until the first look nothing is known, and requests may try.
        self.up = True

    def start(self) -> None:
        """Start asking in the background."""
        self._task = asyncio.create_task(self._run(), name="database-reach")

    async def stop(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=1.0)

    async def _run(self) -> None:
        while True:
            connection: psycopg.AsyncConnection[Any] | None = None
            try:
                connection = await psycopg.AsyncConnection.connect(
                    self._url, autocommit=True, connect_timeout=2, tcp_user_timeout=5000
                )
                while True:
                    await self._ask(connection)
                    await asyncio.sleep(_EVERY)
            except (psycopg.Error, OSError) as error:
                self._went(error)
            finally:
                if connection is not None:
                    # Not connection.close(): that would first wait for the answer that does not come.
                    with contextlib.suppress(psycopg.Error):
                        connection.pgconn.finish()
            await asyncio.sleep(0.2)

    async def _ask(self, connection: psycopg.AsyncConnection[Any]) -> None:
        question = asyncio.create_task(connection.execute("SELECT 1"))
        try:
            await asyncio.wait({question}, timeout=_FROZEN)
            if not question.done():
                self._went(TimeoutError())
                await asyncio.wait({question})
            await question
        finally:
            if not question.done():
                connection.pgconn.finish()
                question.cancel()
                await asyncio.gather(question, return_exceptions=True)
        if not self.up:
            # Connections that died with the server are replaced before a request meets one.
            await self._on_return()
            self.up = True
            log.info("the database answers again")

    def _went(self, error: BaseException) -> None:
        if self.up:
            log.warning("the database does not answer: %s", type(error).__name__)
        self.up = False

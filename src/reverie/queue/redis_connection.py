"""One connection to Redis for short questions, one after another.

The client's pool, pipeline and retries take three quarters of a short question's time. They are for many who ask at
once; here `Batcher` gathers the questions before. Connecting, TLS, sign-in and timeouts stay the client's.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import redis.asyncio as aioredis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

__all__ = ["RedisConnection"]

Command = tuple[Any, ...]


class RedisConnection:
    """Asks Redis. ``seconds`` is the most that connecting, and each answer, may take."""

    def __init__(self, redis_url: str, *, seconds: float) -> None:
        pool = aioredis.ConnectionPool.from_url(redis_url, socket_timeout=seconds, socket_connect_timeout=seconds)
        self._connection: Any = pool.make_connection()  # type: ignore[no-untyped-call]
        self._turn = asyncio.Lock()

    async def ask(self, commands: Sequence[Command]) -> list[Any]:
        """The answers to commands, sent together.

        A connection that was closed meanwhile is made anew, once; so commands may be done twice. Raises ``RedisError``,
        ``OSError`` or ``TimeoutError``.
        """
        async with self._turn:
            used = self._connection.is_connected
            try:
                return await self._ask(commands)
            except (RedisConnectionError, OSError) as error:
                if not used or isinstance(error, TimeoutError):
                    raise
                return await self._ask(commands)

    async def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(RedisError, OSError):
            await self._connection.disconnect()

    async def _ask(self, commands: Sequence[Command]) -> list[Any]:
        connection = self._connection
        try:
            if not connection.is_connected:
                await connection.connect()
            await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
            return [await connection.read_response() for _ in commands]
        except BaseException:
            # Answers that nobody read must not be taken for those of the next question.
            await connection.disconnect(nowait=True)
            raise

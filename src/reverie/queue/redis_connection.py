"""The one place that opens Redis: clients of redis-py, and one connection for short questions, one after another.

The client's pool, pipeline and retries take three quarters of a short question's time. They are for many who ask at
once; here `Batcher` gathers the questions before. Connecting, TLS, sign-in and timeouts stay the client's.

Scripts go by their hash (EVALSHA): with a client's `register_script`, or by `RedisConnection.run`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
from collections.abc import Sequence
from typing import Any

import redis
import redis.asyncio as aioredis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError

__all__ = ["RedisConnection", "open_async", "open_sync"]

Command = tuple[Any, ...]

_MOST_CONNECTIONS = 32


def open_sync(
    redis_url: str | None, *, seconds: float, connect_seconds: float | None = None, check_every: int = 0
) -> redis.Redis | None:
    """A client for threads; None without a URL. It connects when it is first used.

    ``seconds`` is the most that an answer may take, and connecting unless ``connect_seconds`` says otherwise. A
    connection that was not used for ``check_every`` seconds is tried before it is used (0: never).
    """
    if redis_url is None:
        return None
    return redis.Redis.from_url(
        redis_url,
        socket_timeout=seconds,
        socket_connect_timeout=connect_seconds or seconds,
        health_check_interval=check_every,
    )


def open_async(redis_url: str | None, *, seconds: float, wait_for_ever: bool = False) -> aioredis.Redis | None:
    """A client for the event loop; None without a URL. It connects when it is first used.

    ``seconds`` is the most that connecting, each answer and waiting for a free connection may take; who listens to a
    channel waits for ever for what comes next.
    """
    if redis_url is None:
        return None
    pool = aioredis.BlockingConnectionPool.from_url(
        redis_url,
        max_connections=_MOST_CONNECTIONS,
        timeout=seconds,
        socket_connect_timeout=seconds,
        socket_timeout=None if wait_for_ever else seconds,
    )
    return aioredis.Redis.from_pool(pool)


@functools.cache
def _hash(script: str) -> str:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()  # what Redis calls a script by


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

    async def run(self, script: str, keys: Sequence[Any], arguments: Sequence[Any]) -> Any:
        """What a Lua script answers. Sent as text only to a server that does not know it yet; raises like ``ask``."""
        rest = len(keys), *keys, *arguments
        try:
            [answer] = await self.ask([("EVALSHA", _hash(script), *rest)])
        except NoScriptError:
            [answer] = await self.ask([("EVAL", script, *rest)])
        return answer

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

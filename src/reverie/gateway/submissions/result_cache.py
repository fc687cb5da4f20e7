"""Finished answers in Redis, ready to send; PostgreSQL behind it has them all."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Awaitable, Coroutine, Sequence
from typing import Any, cast

import orjson
from redis.exceptions import RedisError

from reverie._text_key import text_key
from reverie.aio.background import Background
from reverie.aio.batcher import Batcher
from reverie.queue.cache import GONE_TTL, PUT_SCRIPT, TTL, answer_key, gone_key, shown_key, vector_key
from reverie.queue.redis_connection import RedisConnection, open_async
from reverie.queue.worker_presence import WORKERS, presence_key

__all__ = ["ResultCache"]

log = logging.getLogger(__name__)

# For each ARGV, a content hash, two KEYS: the user's answers, the user's vectors. Gives the answer, else whether there
# are vectors.
_LOOK_SCRIPT = """
local found = {}
for i, name in ipairs(ARGV) do
    found[i] = redis.call('HGET', KEYS[2 * i - 1], name) or redis.call('EXISTS', KEYS[2 * i])
end
return found
"""

_FORMAT = b"3"
"""Goes before the content hash: a gateway of another version must not read what it does not know."""

_MAX_BYTES = 512 * 1024
"""Larger answers are read from PostgreSQL: the cache must leave Redis memory for the queue."""


class ResultCache:
    """One hash per user. Never raises: without Redis every look is a miss."""

    def __init__(self, redis_url: str | None) -> None:
        self._redis = open_async(redis_url, seconds=0.25)
        self._put = self._redis.register_script(PUT_SCRIPT) if self._redis is not None else None
        self._line = RedisConnection(redis_url, seconds=0.25) if redis_url else None
        self._looks = Batcher(self._look)
        self._quiet_until = 0.0
        self._background = Background()
        self.hits = 0
        self.misses = 0

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Have something kept while its reader goes on."""
        self._background.soon(work, "keep-answer")

    async def close(self) -> None:
        """Close the connections."""
        await self._background.stop()
        if self._line is not None:
            await self._line.close()
        if self._redis is not None:
            with contextlib.suppress(RedisError, OSError):
                await self._redis.aclose()

    def _usable(self) -> bool:
        return self._redis is not None and time.monotonic() >= self._quiet_until

    def _away(self, error: Exception) -> None:
        self._quiet_until = time.monotonic() + 1.0
        log.debug("answer cache not used: %s", error)

    async def ping(self) -> bool:
        """Whether Redis answers."""
        if self._redis is None:
            return False
        try:
            return bool(await self._redis.ping())
        except (RedisError, OSError, TimeoutError):
            return False

    async def workers(self) -> list[dict[str, Any]] | None:
        """Workers that reported in the last seconds, by name; None when Redis cannot be asked."""
        if not self._usable():
            return None
        assert self._redis is not None
        try:
            names = sorted(await cast("Awaitable[set[bytes]]", self._redis.smembers(WORKERS)))
            found = await self._redis.mget([presence_key(name.decode()) for name in names]) if names else []
            silent = [name for name, about in zip(names, found, strict=True) if about is None]
            if silent:
                await self._redis.srem(WORKERS, *silent)
        except (RedisError, OSError, TimeoutError) as error:
            self._away(error)
            return None
        return [orjson.loads(about) for about in found if about is not None]

    async def _look(self, wanted: Sequence[tuple[str, bytes, str]]) -> list[tuple[bytes | None, int]]:
        assert self._line is not None
        keys = [key for answer, _, vectors in wanted for key in (answer, vectors)]
        found = await self._line.run(_LOOK_SCRIPT, keys, [name for _, name, _ in wanted])
        return [(one, 0) if isinstance(one, bytes) else (None, one) for one in found]

    async def get(self, tenant: str, user_id: str, content_hash: bytes) -> tuple[bytes | None, bool]:
        """``(encoded Task with its result, whether there are vectors)``; the second only without the first."""
        if not self._usable():
            return None, False
        try:
            value, vectors = await self._looks.get(
                (answer_key(tenant, user_id), _FORMAT + content_hash, vector_key(tenant, user_id))
            )
        except (RedisError, OSError, TimeoutError) as error:
            self._away(error)
            return None, False
        if value is None:
            self.misses += 1
        else:
            self.hits += 1
        return value, bool(vectors)

    async def put(self, tenant: str, user_id: str, content_hash: bytes, accepted_ms: int, encoded: bytes) -> None:
        """Keep an encoded Task, unless its user was erased since it was accepted."""
        if not self._usable() or len(encoded) > _MAX_BYTES:
            return
        assert self._put is not None
        where = answer_key(tenant, user_id), gone_key(tenant, user_id)
        try:
            await self._put(where, [accepted_ms, TTL, _FORMAT + content_hash, encoded])
        except (RedisError, OSError, TimeoutError) as error:
            self._away(error)

    async def missing_share(self, tenant: str, user_id: str, model: str | None, texts: Sequence[str]) -> float:
        """Share of ``texts`` without a cached vector of ``model``; 1 when nothing is known."""
        if not self._usable() or not texts or model is None:
            return 1.0
        assert self._line is not None
        prefix, where = bytes.fromhex(model), vector_key(tenant, user_id)
        try:
            lengths = await self._line.ask([("HSTRLEN", where, prefix + text_key(text)) for text in texts])
        except (RedisError, OSError, TimeoutError) as error:
            self._away(error)
            return 1.0
        return sum(not length for length in lengths) / len(texts)

    async def forget_vectors(self, tenant: str, user_id: str, vectors: Sequence[tuple[str, bytes]]) -> None:
        """Remove vectors of deleted texts: ``(model key in hex, text key)`` of each."""
        if not self._usable():
            return
        assert self._redis is not None
        fields = [bytes.fromhex(model) + key for model, key in vectors]
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for start in range(0, len(fields), 1000):
                    pipe.hdel(vector_key(tenant, user_id), *fields[start : start + 1000])
                await pipe.execute()
        except (RedisError, OSError, TimeoutError) as error:
            self._away(error)

    async def erase(self, tenant: str, user_id: str, at_ms: int) -> int | None:
        """Remove all that is cached of a user and mark the time; the number of keys, None when Redis is away."""
        if self._redis is None:
            return 0
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                # The mark comes first: whatever a late worker writes after it is refused by the script.
                pipe.set(gone_key(tenant, user_id), at_ms, ex=GONE_TTL)
                pipe.unlink(vector_key(tenant, user_id), answer_key(tenant, user_id), shown_key(tenant, user_id))
                return int((await pipe.execute())[1])
        except (RedisError, OSError, TimeoutError) as error:
            self._away(error)
            return None

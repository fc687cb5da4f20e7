"""What Redis caches, all of it under keys that name the user, so that erasing a user is exact.

``reverie:v:{tenant}:{user}``  hash of vectors: field = model key + text key, value = tokens (int32) + float32 bytes
``reverie:c:{tenant}:{user}``  hash of finished answers: field = format + content hash, value = the encoded Task
``reverie:w:{tenant}:{user}``  hash of views as they were last shown: field = kind, value = ETag + the encoded JSON
``reverie:gone:{tenant}:{user}``  time of the last erasure (ms): work accepted before it may write nothing any more
"""

from __future__ import annotations

import hashlib
import logging
import struct
import time
from collections.abc import Sequence

import redis

from reverie.queue.redis_connection import open_sync

__all__ = ["GONE_TTL", "PUT_SCRIPT", "VectorCache", "answer_key", "gone_key", "shown_key", "vector_key"]

log = logging.getLogger(__name__)

TTL = 24 * 3600
"""Seconds a user's cached vectors and answers stay after their last use."""

GONE_TTL = 7 * 24 * 3600
"""Seconds an erasure's mark stays; far longer than any task may run."""

# KEYS: hash, mark of erasure. ARGV: accepted at (ms), ttl (s), then field, value, field, value ...
PUT_SCRIPT = """
local gone = redis.call('GET', KEYS[2])
if gone and tonumber(gone) >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""

_CHUNK = 500


def _user(tenant: str, user_id: str) -> str:
    # Names may hold any character, and the pair must not be confusable: "a:b" + "c" is not "a" + "b:c".
    return hashlib.blake2b(f"{len(tenant)}:{tenant}{user_id}".encode(), digest_size=16).hexdigest()


def vector_key(tenant: str, user_id: str) -> str:
    """Key of a user's vectors."""
    return "reverie:v:" + _user(tenant, user_id)


def answer_key(tenant: str, user_id: str) -> str:
    """Key of a user's finished answers."""
    return "reverie:c:" + _user(tenant, user_id)


def shown_key(tenant: str, user_id: str) -> str:
    """Key of a user's views as they were last shown."""
    return "reverie:w:" + _user(tenant, user_id)


def gone_key(tenant: str, user_id: str) -> str:
    """Key of a user's erasure mark."""
    return "reverie:gone:" + _user(tenant, user_id)


class VectorCache:
    """The worker's cache of vectors. A cache that is away costs nothing but time: no call raises."""

    def __init__(self, redis_url: str | None) -> None:
        self._redis = open_sync(redis_url, seconds=2.0, connect_seconds=0.5)
        self._put = self._redis.register_script(PUT_SCRIPT) if self._redis is not None else None
        self._quiet_until = 0.0

    @property
    def configured(self) -> bool:
        """Whether there is a Redis at all."""
        return self._redis is not None

    def close(self) -> None:
        """Close the connection."""
        if self._redis is not None:
            self._redis.close()

    def _away(self, error: Exception) -> None:
        self._quiet_until = time.monotonic() + 2.0
        log.debug("vector cache not used: %s", error)

    def get(self, tenant: str, user_id: str, model: str, keys: Sequence[bytes]) -> dict[bytes, tuple[bytes, int]]:
        """Cached vectors: ``{text key: (float32 bytes, tokens)}``."""
        if self._redis is None or not keys or time.monotonic() < self._quiet_until:
            return {}
        prefix = bytes.fromhex(model)
        out: dict[bytes, tuple[bytes, int]] = {}
        try:
            pipe = self._redis.pipeline(transaction=False)
            for start in range(0, len(keys), _CHUNK):
                pipe.hmget(vector_key(tenant, user_id), [prefix + key for key in keys[start : start + _CHUNK]])
            values = [value for chunk in pipe.execute() for value in chunk]
        except redis.RedisError as error:
            self._away(error)
            return {}
        for key, value in zip(keys, values, strict=True):
            if value is not None:
                out[key] = (value[4:], struct.unpack_from("<i", value)[0])
        return out

    def forget_answers(self, tenant: str, user_id: str) -> None:
        """Drop a user's finished answers."""
        if self._redis is None:
            return
        try:
            self._redis.unlink(answer_key(tenant, user_id))
        except redis.RedisError as error:
            self._away(error)

    def put(
        self,
        tenant: str,
        user_id: str,
        model: str,
        accepted_ms: int,
        keys: Sequence[bytes],
        vectors: Sequence[bytes],
        tokens: Sequence[int],
    ) -> None:
        """Keep vectors, unless the user was erased after the task was accepted."""
        if self._redis is None or self._put is None or not keys or time.monotonic() < self._quiet_until:
            return
        prefix = bytes.fromhex(model)
        where = (vector_key(tenant, user_id), gone_key(tenant, user_id))
        try:
            pipe = self._redis.pipeline(transaction=False)
            for start in range(0, len(keys), _CHUNK):
                pairs: list[bytes] = []
                for i in range(start, min(start + _CHUNK, len(keys))):
                    pairs += (prefix + keys[i], struct.pack("<i", tokens[i]) + vectors[i])
                self._put(where, [accepted_ms, TTL, *pairs], client=pipe)
            pipe.execute()
        except redis.RedisError as error:
            self._away(error)

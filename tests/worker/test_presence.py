"""Which workers there are, as the status page tells it."""

from __future__ import annotations

import asyncio

import redis

from reverie.gateway.submissions.result_cache import ResultCache
from reverie.queue.worker_presence import WORKERS, WorkerPresence, presence_key


async def test_a_worker_is_seen_while_it_lives_and_not_after(redis_url: str) -> None:
    answers = ResultCache(redis_url)
    presence = WorkerPresence(redis_url, ["fast"], 3)
    assert await answers.workers() == []
    presence.start()
    async with asyncio.timeout(30):
        while not (seen := await answers.workers()):
            await asyncio.sleep(0)
    assert seen == [{"name": presence.name, "queues": ["fast"], "processes": 3}]
    await asyncio.to_thread(presence.stop)
    assert await answers.workers() == []
    await answers.close()


async def test_one_that_died_without_a_word_is_forgotten(redis_url: str) -> None:
    answers = ResultCache(redis_url)
    with redis.Redis.from_url(redis_url) as client:
        client.sadd(WORKERS, "host:1")
        client.set(presence_key("host:1"), b'{"name":"host:1","queues":[],"processes":1}')
        assert await answers.workers() == [{"name": "host:1", "queues": [], "processes": 1}]
        client.delete(presence_key("host:1"))  # as its expiry does
        assert await answers.workers() == []
        assert client.smembers(WORKERS) == set()
    await answers.close()


async def test_without_redis_nobody_can_tell() -> None:
    for answers in (ResultCache(None), ResultCache("redis://127.0.0.1:1/0")):
        assert await answers.workers() is None
        await answers.close()
    presence = WorkerPresence(None, ["fast"], 1)
    presence.start()
    presence.stop()

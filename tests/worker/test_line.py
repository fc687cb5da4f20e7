"""One connection to Redis: it comes back by itself, and never gives one question another's answer."""

from __future__ import annotations

import asyncio

import pytest
import redis
from redis.exceptions import ResponseError

from reverie.queue.redis_connection import RedisConnection


async def test_many_ask_and_each_gets_its_own_answers(redis_url: str) -> None:
    line = RedisConnection(redis_url, seconds=60)
    asked = [line.ask([("ECHO", str(number)), ("ECHO", "x")]) for number in range(50)]
    assert await asyncio.gather(*asked) == [[str(number).encode(), b"x"] for number in range(50)]
    await line.close()


async def test_a_connection_that_was_closed_is_made_anew(redis_url: str) -> None:
    line = RedisConnection(redis_url, seconds=60)
    [name] = await line.ask([("CLIENT", "ID")])
    with redis.Redis.from_url(redis_url) as other:
        assert other.client_kill_filter(_id=name) == 1
    [again] = await line.ask([("CLIENT", "ID")])
    assert again != name
    await line.close()


async def test_a_refused_command_leaves_no_answer_behind(redis_url: str) -> None:
    line = RedisConnection(redis_url, seconds=60)
    with pytest.raises(ResponseError):
        await line.ask([("ECHO",), ("ECHO", "left over")])
    assert await line.ask([("ECHO", "mine")]) == [b"mine"]
    await line.close()


async def test_a_question_given_up_leaves_no_answer_behind(redis_url: str) -> None:
    line = RedisConnection(redis_url, seconds=60)
    await line.ask([("PING",)])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await line.ask([("BLPOP", "reverie:test:nothing", "0.5")])
    assert await line.ask([("ECHO", "mine")]) == [b"mine"]
    await line.close()


async def test_nobody_there_is_an_error(unused_tcp_port: int) -> None:
    line = RedisConnection(f"redis://127.0.0.1:{unused_tcp_port}", seconds=5)
    with pytest.raises((redis.RedisError, OSError)):
        await line.ask([("PING",)])
    await line.close()

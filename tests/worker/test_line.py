"""One connection to Redis: it comes back by itself, and never gives one question another's answer."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from pathlib import Path

import pytest
import redis
from redis.exceptions import ResponseError

import reverie
from reverie.queue import cache
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


async def test_a_script_is_sent_as_text_only_to_a_server_that_does_not_know_it(redis_url: str) -> None:
    line = RedisConnection(redis_url, seconds=60)
    script = f"return {{KEYS[1], ARGV[1]}} -- {secrets.token_hex(8)}"  # one that no server has seen
    known = ("SCRIPT", "EXISTS", hashlib.sha1(script.encode()).hexdigest())
    assert await line.ask([known]) == [[0]]
    assert await line.run(script, ["key"], ["first"]) == [b"key", b"first"]
    assert await line.ask([known]) == [[1]]
    assert await line.run(script, ["key"], ["second"]) == [b"key", b"second"]
    with pytest.raises(ResponseError):
        await line.run(f"return redis.call('NO-SUCH') -- {secrets.token_hex(8)}", [], [])
    await line.close()


def test_vectors_are_kept_by_a_script_that_the_server_may_not_know(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "PUT_SCRIPT", f"{cache.PUT_SCRIPT}-- {secrets.token_hex(8)}")
    vectors = cache.VectorCache(redis_url)
    user, model = secrets.token_hex(8), "ab" * 8
    keys = [bytes([number // 256, number % 256]) for number in range(1100)]  # three chunks
    vectors.put("tenant", user, model, 1, keys, [b"1234"] * len(keys), [7] * len(keys))
    assert vectors.get("tenant", user, model, keys) == dict.fromkeys(keys, (b"1234", 7))
    vectors.close()


def test_redis_is_opened_and_scripts_are_run_in_one_place() -> None:
    source = Path(reverie.__file__).parent
    ways = re.compile(
        r"""[Rr]edis\.(Redis|from_url)\(|Redis\.from_|ConnectionPool\.from_url|["']EVAL|\.eval(sha)?\([A-Z]"""
    )
    found = {str(path.relative_to(source)) for path in source.rglob("*.py") if ways.search(path.read_text("utf-8"))}
    assert found == {"queue/redis_connection.py"}

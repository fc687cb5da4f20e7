"""Task ids reach the broker; while it is away they are counted and given up, and nobody waits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
import redis

from reverie.queue import broker_name, make_celery
from reverie.queue.dispatcher import Dispatcher, RedisDispatcher, ThreadDispatcher, make_dispatcher
from reverie.settings import Settings

QUEUES = [broker_name(name) for name in ("fast", "analysis")]


@pytest.fixture
def dispatcher(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Dispatcher]:
    def make(*, redis: str = redis_url, broker: str | None = None, capacity: int = 10) -> Dispatcher:
        monkeypatch.setenv("REVERIE_REDIS_URL", redis)
        if broker is not None:
            monkeypatch.setenv("REVERIE_BROKER_URL", broker)
        settings = Settings.load()
        return make_dispatcher(make_celery(settings), settings, capacity=capacity)

    return make


@pytest.mark.parametrize("way", [RedisDispatcher, ThreadDispatcher])
async def test_ids_reach_their_queues_in_order(
    dispatcher: Callable[..., Dispatcher], redis_url: str, way: type[Dispatcher]
) -> None:
    made = dispatcher(broker=kombus(redis_url) if way is ThreadDispatcher else None, capacity=1000)
    assert isinstance(made, way)
    await made.start()
    for number in range(300):
        assert made.put(f"tsk_{number}", "fast" if number % 3 else "analysis")
        if number % 50 == 0:
            await asyncio.sleep(0.01)
    await made.stop(timeout=60)
    with redis.Redis.from_url(redis_url) as client:
        found = {
            name: [json.loads(raw)["headers"]["id"] for raw in reversed(client.lrange(name, 0, -1))] for name in QUEUES
        }
        client.delete(*QUEUES)
    ids = [f"tsk_{number}" for number in range(300)]
    assert found == {QUEUES[0]: [i for n, i in enumerate(ids) if n % 3], QUEUES[1]: ids[::3]}
    assert (made.sent, made.dropped, made.broken) == (300, 0, False)


def kombus(url: str) -> str:
    """The same Redis as kombu alone writes it."""
    return url.replace("unix://", "redis+socket://") + "?virtual_host=0"


async def test_a_redis_that_is_away_costs_messages_and_no_time(
    dispatcher: Callable[..., Dispatcher], unused_tcp_port: int
) -> None:
    made = dispatcher(redis=f"redis://127.0.0.1:{unused_tcp_port}")
    await made.start()
    assert all(made.put(f"tsk_{number}", "fast") for number in range(10))
    assert not made.put("one too many", "fast")
    async with asyncio.timeout(60):
        while made.dropped < 11:
            await asyncio.sleep(0.01)
    assert (made.sent, made.broken) == (0, True)
    await made.stop()


async def test_after_a_lost_connection_messages_go_on(dispatcher: Callable[..., Dispatcher], redis_url: str) -> None:
    made = dispatcher()
    await made.start()
    with redis.Redis.from_url(redis_url) as client:
        for number in range(3):
            made.put(f"tsk_{number}", "fast")
            async with asyncio.timeout(60):
                while made.sent <= number:
                    await asyncio.sleep(0.01)
            client.client_kill_filter(_type="normal", skipme=True)
        assert client.llen(QUEUES[0]) == 3
        client.delete(*QUEUES)
    await made.stop()


@pytest.mark.parametrize(
    ("broker", "way"),
    [
        (None, RedisDispatcher),
        ("rediss://:secret@broker:6380/2", RedisDispatcher),
        ("redis+socket:///run/valkey.sock", RedisDispatcher),
        ("rediss://broker?ssl_cert_reqs=CERT_REQUIRED", ThreadDispatcher),
        ("sentinel://one:26379;sentinel://two:26379", ThreadDispatcher),
        ("amqp://broker", ThreadDispatcher),
    ],
)
def test_the_broker_decides_who_sends(
    dispatcher: Callable[..., Dispatcher], broker: str | None, way: type[Dispatcher]
) -> None:
    assert isinstance(dispatcher(broker=broker), way)

"""What runs beside the requests goes on after an error, and nothing is left over when a gateway cannot start."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest

from reverie.aio.background import Background
from reverie.errors import ServiceUnavailable
from reverie.gateway import create_app
from reverie.gateway.background.log_rewriter import LogRewriter
from reverie.gateway.push.hub import Hub, Subscription
from reverie.gateway.push.webhooks import WebhookSender
from reverie.settings import Settings, WebhookSettings
from reverie.store import GatewayStore


async def test_a_loop_that_fails_is_logged_and_run_again(caplog: pytest.LogCaptureFixture) -> None:
    runs = 0
    second = asyncio.Event()

    async def loop() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise ValueError("once")
        second.set()
        await asyncio.Event().wait()

    background = Background(pause=0.0)
    with caplog.at_level(logging.ERROR):
        background.run(loop, "fragile")
        await asyncio.wait_for(second.wait(), 30)
    await background.stop()
    assert "fragile failed and is run again" in caplog.text
    assert "fragile" not in {task.get_name() for task in asyncio.all_tasks()}


async def test_a_start_that_fails_half_way_stops_what_it_started(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVERIE_DATABASE_URL", database_url)
    monkeypatch.setenv("REVERIE_REDIS_URL", redis_url)
    begun: set[str] = set()

    def start(rewriter: LogRewriter) -> None:
        begun.update(task.get_name() for task in asyncio.all_tasks())
        raise RuntimeError("no room")

    monkeypatch.setattr(LogRewriter, "start", start)
    app = create_app(Settings.load())
    before = {task.get_name() for task in asyncio.all_tasks()}
    with pytest.raises(RuntimeError, match="no room"):
        async with app.router.lifespan_context(app):
            pytest.fail("it started")
    assert {"hub-watch", "sweeper", "predictor", "webhooks"} <= begun
    assert {task.get_name() for task in asyncio.all_tasks()} == before


class Silent:
    """A store whose second question is answered, and which says what it was asked."""

    def __init__(self) -> None:
        self.ages: list[float] = []
        self.once, self.twice = asyncio.Event(), asyncio.Event()

    async def live_keys(self, ids: list[str]) -> set[str]:
        return set(ids)

    async def recent_endings(self, tenants: list[str], age: float) -> list[Any]:
        self.ages.append(age)
        if len(self.ages) == 1:
            self.once.set()
            raise ServiceUnavailable("away")
        self.twice.set()
        return []

    async def rows(self, name: str, **parameters: Any) -> list[Any]:
        return []


async def test_what_ended_while_the_database_was_away_is_looked_for_when_it_is_back() -> None:
    store = Silent()
    hub = Hub(cast(GatewayStore, store), None, on_control=lambda message: None)
    hub._looked_at -= 100.0  # so long ago was the last look
    with hub.subscribe(Subscription("tenant")):
        hub.start()
        hub.look()
        async with asyncio.timeout(60):
            await store.once.wait()
            hub.look()
            await store.twice.wait()
        await hub.stop()
    assert all(age > 100 for age in store.ages)


class Session:
    """The one that webhooks under way are sent with."""

    closed = False

    async def close(self) -> None:
        self.closed = True


async def test_an_unexpected_failure_leaves_webhooks_under_way_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("reverie.gateway.push.webhooks._PAUSE", 0.01)
    sender = WebhookSender(cast(GatewayStore, SimpleNamespace(codec=None)), WebhookSettings())
    session = Session()
    sender._session = cast(Any, session)
    asked = 0
    again = asyncio.Event()

    async def claim(lease: float, limit: int, **which: Any) -> list[Any]:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise ValueError("not foreseen")
        again.set()
        return []

    monkeypatch.setattr(sender.webhooks, "claim", claim)
    sender.start()
    async with asyncio.timeout(60):
        await again.wait()
    assert not session.closed
    await sender.stop()
    assert session.closed
    assert "webhooks failed and is run again" in caplog.text


async def test_work_that_nobody_waits_for_is_logged_when_it_fails_and_ends_with_its_part(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failed = asyncio.Event()

    async def fail() -> None:
        failed.set()
        raise ValueError("not foreseen")

    ended = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    background = Background()
    background.soon(fail(), "small work")
    background.soon(wait(), "long work")
    await failed.wait()
    await asyncio.sleep(0)
    await background.stop()
    assert "small work failed" in caplog.text
    assert "long work" not in caplog.text
    assert ended.is_set()

"""What runs beside the requests goes on after an error, and nothing is left over when a gateway cannot start."""

from __future__ import annotations

import asyncio
import logging

import pytest

from reverie.aio.background import Background
from reverie.gateway import create_app
from reverie.gateway.background.log_rewriter import LogRewriter
from reverie.settings import Settings


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
    assert {"hub-watch", "sweeper", "predictor", "webhooks", "accept-0", "group-adds"} <= begun
    assert {task.get_name() for task in asyncio.all_tasks()} == before

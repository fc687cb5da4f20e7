"""What the gateway makes at its first request only."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from reverie.aio.on_demand import OnDemand


class Application:
    """Counts what happens to it."""

    def __init__(self) -> None:
        self.events: list[str] = ["made"]

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        self.events.append("entered")
        yield
        self.events.append("left")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.events.append(scope["path"])


async def nothing(*_: Any) -> None:
    pass


async def test_it_is_made_once_for_all_requests_and_ends_with_its_lifespan() -> None:
    made: list[Application] = []

    def make() -> Application:
        made.append(Application())
        return made[-1]

    endpoint = OnDemand(make)
    async with endpoint.run():
        assert not made
        await asyncio.gather(*(endpoint({"path": f"/{n}"}, nothing, nothing) for n in range(3)))
        (application,) = made
        assert application.events[:2] == ["made", "entered"]
        assert sorted(application.events[2:]) == ["/0", "/1", "/2"]
    assert application.events[-1] == "left"


async def test_what_cannot_be_made_is_tried_again_at_the_next_request() -> None:
    fails = [True]

    def make() -> Application:
        if fails:
            raise OSError("not now")
        return Application()

    endpoint = OnDemand(make)
    async with endpoint.run():
        with pytest.raises(OSError, match="not now"):
            await endpoint({"path": "/"}, nothing, nothing)
        fails.clear()
        await endpoint({"path": "/"}, nothing, nothing)

"""A fake service on a loop of its own, for clients without one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from reverie.testing.gateway import FakeGateway


@pytest.fixture
def fake_service() -> Iterator[FakeGateway]:
    """The fake service in another thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def make() -> FakeGateway:
        return await FakeGateway().start()

    service = asyncio.run_coroutine_threadsafe(make(), loop).result(10)
    yield service
    asyncio.run_coroutine_threadsafe(service.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()

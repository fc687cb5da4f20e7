"""What the service says of itself: ready or not and why, the models it serves, why a socket ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import aiohttp
import httpx
import pytest

from reverie.errors import ServiceUnavailable
from reverie.queue.worker_presence import WorkerPresence
from reverie.store import GatewayStore
from tests.live import LiveService


@pytest.fixture(scope="module")
def idle(database_url: str, redis_url: str) -> Iterator[LiveService]:
    """A gateway and no worker."""
    with LiveService(database_url, redis_url, workers={}) as live:
        yield live


async def test_a_binary_frame_ends_a_socket_with_the_code_for_it(idle: LiveService) -> None:
    async with idle.session() as session, session.ws_connect(f"{idle.url}/results") as socket:
        await socket.send_bytes(b"\x00\x01")
        async with asyncio.timeout(30):
            while (message := await socket.receive()).type == aiohttp.WSMsgType.TEXT:
                pass
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1003)


async def test_the_service_is_not_ready_while_no_worker_that_is_there_can_embed(idle: LiveService) -> None:
    about: dict[str, object] = {"model": "broken", "embeds": False}
    presence = WorkerPresence(idle.redis_url, ["fast"], 1, more=lambda: about)
    async with httpx.AsyncClient(
        base_url=idle.url, headers={"Authorization": f"Bearer {idle.key}"}, timeout=60
    ) as client:

        async def until(word: str) -> httpx.Response:
            async with asyncio.timeout(60):
                while (answer := await client.get("/readyz")).json()["checks"]["workers"] != word:
                    await asyncio.sleep(0.05)
            return answer

        assert (await until("none seen")).status_code == 200  # accepted now, done when one comes
        presence.start()
        assert (await until("cannot embed")).status_code == 503
        await asyncio.to_thread(presence.stop)
        able = WorkerPresence(idle.redis_url, ["fast"], 1, more=lambda: about | {"embeds": True, "model": "a-model"})
        able.start()
        assert (await until("ok")).status_code == 200
        assert [model["id"] for model in (await client.get("/v1/models")).json()["data"]] == ["a-model"]
        await asyncio.to_thread(able.stop)


async def test_a_full_disk_is_called_that_until_a_trial_finds_space(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = GatewayStore(database_url)
    await store.open()
    try:
        assert not store.full
        with pytest.raises(ServiceUnavailable, match="disk is full") as refused:
            async with asyncio.timeout(30), store.connection() as connection:
                await connection.execute("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full'; END $$")
        assert refused.value.retry_after == 30.0
        assert store.full
        async with store.connection() as connection:  # reading goes on
            await connection.execute("SELECT 1")
        assert not await store.has_space(), "not tried again at once"
        monkeypatch.setattr("reverie.store.gateway_store._TRY_SPACE", 0.0)
        assert await store.has_space(), "a trial found a place"
        assert not store.full
    finally:
        await store.close()

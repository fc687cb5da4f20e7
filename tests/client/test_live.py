"""The SDK against the real gateway and workers."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any

import aiohttp
import numpy as np
import pytest

from reverie import AsyncReverie
from reverie.errors import Conflict, InvalidInput, NotFound, Unauthorized
from tests.live import LiveService

TEXTS = [f"climbing at the hall number {n}" for n in range(12)] + [f"the cat ate fish {n}" for n in range(12)]


def client(service: LiveService, key: str | None = None) -> AsyncReverie:
    return AsyncReverie(service.url, key or service.key, timeout=60)


async def test_every_operation_gives_its_own_result(service: LiveService) -> None:
    async with client(service) as ai:
        assert await ai.ready()
        themes = await (await ai.submit_clustering_task("u1", TEXTS, seed=1)).result(timeout=60)
        assert sum(theme.size for theme in themes.themes) + len(themes.unclustered) == 24
        insight = await (await ai.submit_analysis_task("u1", TEXTS, top=3)).result(timeout=60)
        assert [entry.rank for entry in insight.importance] == [1, 2, 3]
        found = await (await ai.submit_recall_task("u1", "climbing hall", TEXTS, top=2)).result(timeout=60)
        assert all("climbing" in TEXTS[int(memory.memory_id)] for memory in found.memories)
        vectors = await ai.embed(["one", "two"])
        assert np.asarray(vectors[0]).shape == np.asarray(vectors[1]).shape
        assert np.linalg.norm(vectors[1]) == pytest.approx(1.0, abs=1e-5)
        assert vectors.model is not None
        assert vectors.model.precision == "float32"


async def test_the_same_again_comes_from_the_cache_and_is_listed(service: LiveService) -> None:
    async with client(service) as ai:
        first = await ai.submit_clustering_task("u2", TEXTS)
        result = await first.result(timeout=60)
        again = await ai.submit_clustering_task("u2", TEXTS)
        assert again.cached
        assert (await again.result()).assignments == result.assignments
        assert first.id in [task.id async for task in ai.tasks(user_id="u2")]
        with pytest.raises(Conflict):
            await ai.cancel(first.id)
        receipt = await ai.forget_user("u2")
        assert receipt.tasks >= 1
        assert (await ai.export_user("u2"))["tasks"] == []
        with pytest.raises(NotFound):
            await first.refresh()


async def test_server_sent_events_carry_the_result_where_sockets_do_not(
    service: LiveService, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    def no_socket(*_: Any) -> AbstractAsyncContextManager[Any]:
        raise aiohttp.ClientError

    def open_stream(self: AsyncReverie, path: str, *more: Any) -> AbstractAsyncContextManager[Any]:
        opened.append(path)
        return original(self, path, *more)

    original = AsyncReverie._open_stream
    monkeypatch.setattr(AsyncReverie, "_open_socket", no_socket)
    monkeypatch.setattr(AsyncReverie, "_open_stream", open_stream)
    async with client(service) as ai:
        service.kill("worker")
        task = await ai.submit_clustering_task("u3", [*TEXTS, "by stream"])
        waiting = asyncio.create_task(task.result(timeout=60))
        async with asyncio.timeout(30):
            while not opened:
                await asyncio.sleep(0.01)
        service.start_worker("worker")
        assert await waiting


async def test_bad_items_are_named_and_strangers_refused(service: LiveService) -> None:
    async with client(service) as ai:
        with pytest.raises(InvalidInput, match=r"memories\[1\]") as caught:
            await ai.submit_clustering_task("u4", ["fine", "   "])
        assert caught.value.extra["errors"][0]["item"].startswith("memories[1]")
        task = await ai.submit_clustering_task("u4", TEXTS)
    async with client(service, "not-a-key-at-all") as stranger:
        with pytest.raises(Unauthorized):
            await stranger.task(task.id)
        with pytest.raises(Unauthorized):
            await anext(stranger.events())
    async with client(service) as ai:
        with pytest.raises(NotFound):
            await ai.task("tsk_nothing")


async def test_all_events_of_a_user_come_on_one_stream(service: LiveService) -> None:
    async with client(service) as ai:
        events = ai.events(user_id="u5")
        first = asyncio.ensure_future(anext(events))
        task = await ai.submit_clustering_task("u5", TEXTS)
        async with asyncio.timeout(60):
            event = await first
            while event.type != "succeeded":
                event = await anext(events)
        assert event.task_id == task.id
        await events.aclose()  # type: ignore[attr-defined]

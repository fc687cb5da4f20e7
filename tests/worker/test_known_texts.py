"""A user's second upkeep in a worker process reads what is new, says the same, and keeps nothing that was deleted."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from typing import Any

import orjson
import psycopg
import pytest
from pydantic import SecretStr

from reverie.settings import EmbeddingSettings, ServerSettings, Settings
from reverie.store import GatewayStore
from reverie.store.people import read_person, read_views
from reverie.store.view_store import ViewStore
from reverie.worker.run import run_next
from reverie.worker.runtime import Runtime
from tests.gateway.keeping import TENANT, forget, keep, some


def worker(url: str) -> Runtime:
    """What a worker process holds."""
    settings = Settings(
        server=ServerSettings(database_url=SecretStr(url), redis_url=None), embedding=EmbeddingSettings(embedder="hash")
    )
    return Runtime(settings, drain_at=lambda: float("inf"))


@pytest.fixture
def first(database_url: str) -> Iterator[Runtime]:
    runtime = worker(database_url)
    yield runtime
    runtime.close()


def upkeep(runtime: Runtime, url: str, user: str) -> dict[str, Any]:
    """The views after an upkeep in this worker."""

    async def plan() -> str:
        gateway = GatewayStore(url)
        await gateway.open()
        try:
            views = ViewStore(gateway)
            facts = await views.facts(TENANT, user, "themes")
            assert facts is not None
            row, _ = await views.plan_one(TENANT, facts.person, f"tsk_{uuid.uuid4().hex}", 0.1)
            assert row is not None
            return row.id
        finally:
            await gateway.close()

    task = asyncio.run(plan())
    assert run_next(runtime, "upkeep") == task
    person = read_person(runtime.store, TENANT, user)
    assert person is not None
    views = {kind: orjson.loads(body) for kind, body in read_views(runtime.store, TENANT, user, person.id).items()}
    for view in views.values():
        del view["stats"]
    # How long ago something was is told by the clock.
    views["insights"]["importance"] = sorted(one["memory_id"] for one in views["insights"]["importance"])
    del views["insights"]["advice"]
    return views


def known(runtime: Runtime, url: str, user: str) -> Any:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT id FROM people WHERE user_id = %s", (user,)).fetchone()
    assert row is not None
    return next((kept for kept in runtime.texts._entries.values() if kept.person == row[0]), None)


def test_the_second_upkeep_reads_what_is_new_and_says_what_another_worker_says(
    database_url: str, first: Runtime
) -> None:
    for user in ("warm", "cold"):
        keep(database_url, user, some(60))
        upkeep(first, database_url, user)
        new = [{**memory, "text": f"A violin lesson: {memory['text']}"} for memory in some(5, first=60)]
        keep(database_url, user, new)
    before = known(first, database_url, "warm").value.made
    warm = upkeep(first, database_url, "warm")
    assert 0 < known(first, database_url, "warm").value.made - before <= 4 * 5
    other = worker(database_url)
    try:
        assert upkeep(other, database_url, "cold") == warm
    finally:
        other.close()


def test_what_is_deleted_is_soon_known_no_more(database_url: str, first: Runtime) -> None:
    keep(database_url, "deleted", some(6))
    upkeep(first, database_url, "deleted")
    assert len(known(first, database_url, "deleted").value) > 0
    forget(database_url, "deleted", ["m1"])
    end = time.monotonic() + 60
    while known(first, database_url, "deleted") is not None:
        assert time.monotonic() < end, "it stayed"
        time.sleep(0.05)

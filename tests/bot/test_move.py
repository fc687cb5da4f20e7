"""Memories move to Reverie: those of a store from before, too."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reverie.bot.sealing import Plain
from reverie.bot.store import MemoryStore, open_database
from reverie.testing.gateway import FakeGateway
from tests.bot.conftest import Stage

_OLD_TABLES = """
CREATE TABLE people (user_id TEXT PRIMARY KEY, consented_at DOUBLE PRECISION, collecting SMALLINT NOT NULL DEFAULT 0,
  locale TEXT NOT NULL DEFAULT 'en');
CREATE TABLE memories (id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES people (user_id) ON DELETE CASCADE,
  guild_id TEXT, message_id TEXT, sealed BYTEA NOT NULL, created_at DOUBLE PRECISION NOT NULL,
  UNIQUE (user_id, message_id));
"""


async def _old_store(path: Path, person: str, count: int, *, agreed: bool = True) -> list[str]:
    """A store as bots before this one left it: its tables, and texts in them."""
    import sqlite3

    connection = sqlite3.connect(path)
    connection.executescript(_OLD_TABLES)
    connection.close()
    store = MemoryStore(await open_database(f"sqlite:///{path}"), Plain())
    await store.consent(person, "en")
    kept = [
        await store.add(
            person, f"old thought {n}", message_id=str(n), created_at=datetime(2025, 1, 1, n % 24, tzinfo=UTC)
        )
        for n in range(count)
    ]
    if not agreed:
        await store.withdraw(person)
    await store.close()
    return [memory.id for memory in kept if memory is not None]


async def test_what_an_old_store_holds_moves_at_the_start_with_its_ids_and_dates(stage: Stage) -> None:
    path = stage.folder / "bot.sqlite3"
    ids = await _old_store(path, stage.alice["id"], 3)
    await stage.begin()
    await stage.service.until(lambda: len(stage.kept()) == 3)
    assert [memory["id"] for memory in stage.kept()] == ids
    assert stage.kept()[1]["created_at"].startswith("2025-01-01T01:00")
    message = await stage.ask("memories")
    assert message["embeds"][0]["title"] == "Your 3 memories"
    await stage.stop_bot()
    assert b"old thought" not in b"".join(part.read_bytes() for part in stage.folder.iterdir())


async def test_nothing_is_moved_for_those_who_took_their_consent_back_until_they_agree_again(stage: Stage) -> None:
    await _old_store(stage.folder / "bot.sqlite3", stage.alice["id"], 2, agreed=False)
    await stage.begin()
    message = await stage.ask("memories")
    assert message["embeds"][0]["title"] == "Your 2 memories"
    assert stage.kept() == []
    await stage.agree()
    await stage.service.until(lambda: len(stage.kept()) == 2)


async def test_a_kill_between_the_two_steps_moves_nothing_twice_and_undoes_no_change(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await _old_store(stage.folder / "bot.sqlite3", stage.alice["id"], 2)
    reached = asyncio.Event()

    async def killed(self: MemoryStore, user_id: str, memories: object) -> None:
        reached.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(MemoryStore, "moved", killed)
        await stage.begin()
        async with asyncio.timeout(10):
            await reached.wait()
        assert len(stage.kept()) == 2
        await stage.stop_bot()
    # Changed by another door before the bot is back.
    stage.service.people[stage.alice["id"]].memories[ids[0]]["text"] = "a better thought"
    await stage.start_bot()
    await stage.ask("memories")
    assert stage.texts() == ["a better thought", "old thought 1"]
    assert await stage.bot.store.waiting(stage.alice["id"]) == []


async def test_one_memory_that_the_service_refuses_holds_up_no_other(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _old_store(stage.folder / "bot.sqlite3", stage.alice["id"], 3)
    keep = FakeGateway._keep

    def refuse(self: FakeGateway, person: object, memory: dict[str, str]) -> str:
        if memory["text"] == "old thought 1":
            raise _refusal()
        return keep(self, person, memory)  # type: ignore[arg-type]

    monkeypatch.setattr(FakeGateway, "_keep", refuse)
    await stage.begin()
    await stage.service.until(lambda: stage.texts() == ["old thought 0", "old thought 2"])
    message = await stage.ask("memories")
    assert message["embeds"][0]["title"] == "Your 3 memories"


def _refusal() -> Exception:
    from aiohttp import web

    problem = '{"type": "https://reverie.dev/problems/invalid-input", "title": "not valid", "status": 422}'
    return web.HTTPUnprocessableEntity(text=problem, content_type="application/problem+json")

"""The handle on a user's stored memories, asynchronous and synchronous, against a real gateway."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reverie import AsyncReverie, Reverie
from reverie.client import user as user_module
from reverie.errors import InvalidInput, NotFound, TooLarge
from tests.live import LiveService

_numbers = itertools.count()


@pytest.fixture
async def ai(service: LiveService) -> AsyncIterator[AsyncReverie]:
    async with AsyncReverie(service.url, service.key) as client:
        yield client


@pytest.fixture
def user_id() -> str:
    """A user nobody else has; its id is one that a path cannot hold as it is."""
    return f"guild/{next(_numbers)}/../ü"


async def test_one_memory_from_its_first_word_to_its_last(ai: AsyncReverie, user_id: str) -> None:
    user = ai.user(user_id)
    kept = await user.remember("I like tea", kind="fact", metadata={"channel": 1})
    assert kept.memory.id.startswith("mem_")
    assert kept.version == 1
    assert kept.memory.created_at is not None
    assert abs(kept.memory.created_at - datetime.now(UTC)) < timedelta(minutes=1), "said now, dated now"
    assert (await user.memory(kept.memory.id)).text == "I like tea"
    named = await user.remember("I like coffee", id="..", created_at="2026-01-01T00:00:00Z")
    again = await user.remember("I like coffee", id="..", created_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert again.version == named.version == 2
    changed = await user.update("..", text="I like mate", kind="taste", accessed=True)
    assert (changed.memory.text, changed.memory.access_count) == ("I like mate", 1)
    assert (await user.update("..", kind=None)).memory.kind is None
    assert [m.id async for m in user.memories()] == [kept.memory.id, ".."]
    assert [m.id async for m in user.memories(q="MATE")] == [".."]
    assert [m.id async for m in user.memories(until=datetime(2026, 2, 1, tzinfo=UTC))] == [".."]
    assert (await user.forget("..")).deleted == 1
    assert (await user.forget("..")).deleted == 0
    with pytest.raises(NotFound):
        await user.memory("..")
    assert (await user.forget_all()).deleted == 1
    receipt = await user.erase()
    assert receipt.user_id == user_id


async def test_many_memories_are_sent_in_pieces_and_kept_once(
    ai: AsyncReverie, user_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_module, "_BATCH", 40)
    user = ai.user(user_id)

    async def told() -> AsyncIterator[Any]:
        for number in range(100):
            yield {"id": number, "text": f"memory {number}"} if number % 2 else f"memory {number}"

    got = await user.remember_many(told(), idempotency_key=f"key {user_id.encode().hex()}")
    assert (got.added, len(got.ids)) == (100, 100)
    again = await user.remember_many(told(), idempotency_key=f"key {user_id.encode().hex()}")
    assert again == got, "the second time is answered as the first"
    assert len([m async for m in user.memories()]) == 100
    assert (await user.forget_many(range(100))).deleted == 50
    copied = await ai.user(user_id + "-copy").remember_many([m async for m in user.memories()])
    assert copied.added == 50


async def test_one_item_in_place_of_a_list_is_refused(ai: AsyncReverie, user_id: str) -> None:
    user = ai.user(user_id)
    wrong: Any
    for wrong in ("hello", {"id": "1", "text": "x"}, b"hello", 5):
        with pytest.raises(InvalidInput, match="memories is one"):
            await user.remember_many(wrong)
    for wrong in (["x"], {"text": "x"}, 5, None):
        with pytest.raises(InvalidInput, match="text is of type"):
            await user.remember(wrong)
    with pytest.raises(InvalidInput, match=r"memories\[1\]"):
        await user.remember_many(["x", 5])  # type: ignore[list-item]
    with pytest.raises(InvalidInput, match="ids is one"):
        await user.forget_many("1")
    with pytest.raises(InvalidInput, match="forget_all"):
        await user.forget_many()
    with pytest.raises(InvalidInput, match="surrogate"):
        await user.remember("\ud800")
    with pytest.raises(InvalidInput, match="line 2"):
        await user.remember_many(["fine", " "])
    assert [m async for m in user.memories()] == []


def test_the_synchronous_handle_does_the_same(service: LiveService, user_id: str) -> None:
    with Reverie(service.url, service.key) as ai:
        user = ai.user(user_id)
        assert user.remember_many(["I like tea", {"id": "c", "text": "I like coffee"}]).added == 2
        assert {m.text for m in user.memories()} == {"I like tea", "I like coffee"}
        assert user.update("c", pinned=True).memory.pinned
        assert user.set_settings(timezone="Asia/Tokyo", upkeep="manual").upkeep == "manual"
        assert user.settings().timezone == "Asia/Tokyo"
        found = next(one for one in ai.users() if one.user_id == user_id)
        assert (found.memories, found.upkeep) == (2, "manual")
        assert len(user.export()["memories"]) == 2
        assert user.forget_many(["c"]).deleted == 1
        assert user.forget_all().deleted == 1


async def test_more_than_a_user_may_have_is_refused_as_a_whole(database_url: str, redis_url: str) -> None:
    limits = {"REVERIE_LIMIT_USER_MEMORIES": "2000", "REVERIE_LIMIT_TENANT_MEMORIES": "2500"}
    with LiveService(database_url, redis_url, environment=limits, workers={}) as live:
        async with AsyncReverie(live.url, live.key) as ai:
            user = ai.user("bounded")
            with pytest.raises(TooLarge, match="2,000"):
                await user.remember_many(f"memory {n}" for n in range(2001))
            await user.remember_many({"id": n, "text": f"memory {n}"} for n in range(1999))
            assert (await user.remember("one more")).version == 2
            with pytest.raises(TooLarge, match="2,000"):
                await user.remember("one too many")
            assert (await user.remember("in place of another", id="7")).memory.text == "in place of another"
            assert (await ai.user("bounded").remember_many([{"id": 8, "text": "memory 8"}])).unchanged == 1
            with pytest.raises(TooLarge, match="all users"):
                await ai.user("second").remember_many(f"memory {n}" for n in range(600))

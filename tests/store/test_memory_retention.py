"""Retention of memories by age: off, until the operator says so; then as if a client had deleted them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from reverie.gateway.background.memory_retention import MemoryRetention
from reverie.settings import UpkeepSettings
from reverie.store.user_data import erase_user
from tests.gateway.keeping import keep


class Cache:
    """Stands in for the gateway's cache in Redis."""

    def __init__(self) -> None:
        self.forgotten: list[tuple[str, str, int]] = []

    async def forget_vectors(self, tenant: str, user_id: str, vectors: Sequence[Any]) -> None:
        self.forgotten.append((tenant, user_id, len(vectors)))


def aged(count: int, *, days: float) -> list[dict[str, Any]]:
    """Memories of one moment so many days ago."""
    at = datetime.now(UTC) - timedelta(days=days)
    return [{"id": f"{days:g}-{n}", "text": f"tea {days:g} {n}", "created_at": at} for n in range(count)]


async def rounds(url: str, retention: MemoryRetention, times: int) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True, row_factory=dict_row) as connection:
        for _ in range(times):
            await retention.round(connection)


def kept(url: str, user: str) -> tuple[list[str], dict[str, int]]:
    """Ids of a user's memories, and the person's counts."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        person = connection.execute(
            "SELECT id, version, memories, changes, (SELECT count(*) FROM forgotten f WHERE f.person = p.id) AS gone "
            "FROM people p WHERE user_id = %s",
            (user,),
        ).fetchone()
        assert person is not None
        ids = connection.execute("SELECT id FROM memories WHERE person = %s ORDER BY id", (person.pop("id"),))
        return [row["id"] for row in ids], person


@pytest.fixture
def users(database_url: str) -> str:
    import asyncio

    from reverie.store import GatewayStore

    async def erase() -> None:
        gateway = GatewayStore(database_url)
        await gateway.open()
        for user in ("old", "new", "both"):
            await erase_user(gateway, "default", user)
        await gateway.close()

    asyncio.run(erase())
    keep(database_url, "old", aged(3, days=40))
    keep(database_url, "new", [*aged(2, days=20), {"id": "undated", "text": "added this instant"}])
    keep(database_url, "both", [*aged(2, days=40), *aged(1, days=1)])
    return database_url


async def test_no_memory_is_removed_by_its_age_unless_the_operator_says_so(users: str) -> None:
    assert UpkeepSettings().memory_retention_days == 0
    await rounds(users, MemoryRetention(Cache(), UpkeepSettings().memory_retention_days), 3)  # type: ignore[arg-type]
    assert [len(kept(users, user)[0]) for user in ("old", "new", "both")] == [3, 3, 3]


async def test_old_memories_go_as_if_they_were_deleted_and_others_stay(users: str) -> None:
    with psycopg.connect(users) as connection:
        connection.execute(
            "INSERT INTO vectors (tenant, user_id, model, text_key, vector, tokens) "
            "SELECT p.tenant, p.user_id, 'm', m.text_key, '\\x00', 1 FROM people p JOIN memories m ON m.person = p.id "
            "WHERE p.user_id = 'both'"
        )
    cache = Cache()
    retention = MemoryRetention(cache, 30.0)  # type: ignore[arg-type]
    await rounds(users, retention, 2)  # the second one has nothing to do
    assert retention.removed == 5
    assert kept(users, "old") == ([], {"version": 2, "memories": 0, "changes": 6, "gone": 3})
    assert kept(users, "both") == (["1-0"], {"version": 2, "memories": 1, "changes": 5, "gone": 2})
    ids, person = kept(users, "new")
    assert ids == ["20-0", "20-1", "undated"]
    assert person["version"] == 1
    assert cache.forgotten == [("default", "both", 2)]
    with psycopg.connect(users) as connection:
        left = connection.execute("SELECT count(*) FROM vectors WHERE user_id = 'both'").fetchone()
    assert left == (1,)


async def test_many_go_in_bites_and_who_is_being_changed_waits(users: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reverie.gateway.background.memory_retention._BITE", 2)
    retention = MemoryRetention(Cache(), 30.0)  # type: ignore[arg-type]
    with psycopg.connect(users) as held:
        held.execute("SELECT FROM people WHERE user_id = 'old' FOR UPDATE")
        await rounds(users, retention, 1)
        assert [len(kept(users, user)[0]) for user in ("old", "new", "both")] == [3, 3, 1]
    again = MemoryRetention(Cache(), 30.0)  # type: ignore[arg-type]
    await rounds(users, again, 1)
    assert len(kept(users, "old")[0]) == 1
    await rounds(users, again, 1)
    assert len(kept(users, "old")[0]) == 0

"""The usual add in one statement: what it stores, and what it leaves to the longer way."""

from __future__ import annotations

import asyncio
import time

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from reverie.store import Codec, GatewayStore
from reverie.store.memory_changes import AddOutcome, AddRequest
from reverie.store.memory_rows import new_row
from reverie.store.memory_store import MemoryStore
from reverie.store.sql import queries
from tests.gateway.keeping import TENANT, keep


def _request(user_id: str, *texts: str, **more: object) -> AddRequest:
    rows = [new_row(text, {"text": text}) for text in texts]
    return AddRequest(TENANT, user_id, rows, **more)  # type: ignore[arg-type]


def _add(url: str, *requests: AddRequest) -> list[AddOutcome | None]:
    async def work() -> list[AddOutcome | None]:
        store = GatewayStore(url, Codec(level=1))
        await store.open()
        try:
            return await MemoryStore(store).add_new(requests)
        finally:
            await store.close()

    return asyncio.run(work())


def _person(url: str, user_id: str) -> dict[str, object]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        row = connection.execute(
            "SELECT version, memories, chars, changes FROM people WHERE user_id = %s", [user_id]
        ).fetchone()
    assert row is not None
    return row


def test_new_memories_of_several_people_are_stored_at_once(database_url: str) -> None:
    keep(database_url, "one", [{"id": "tea", "text": "tea"}])
    keep(database_url, "two", [{"id": "tea", "text": "tea"}])
    first, again, second = _add(
        database_url, _request("one", "cake", "tea"), _request("one", "rain"), _request("two", "tea")
    )
    assert first == AddOutcome(added=1, unchanged=1, version=2, viewed=False)
    assert again == AddOutcome(added=1, version=2, viewed=False)
    assert second == AddOutcome(unchanged=1, version=1, viewed=False)
    assert _person(database_url, "one") == {"version": 2, "memories": 3, "chars": 11, "changes": 3}
    assert _person(database_url, "two") == {"version": 1, "memories": 1, "chars": 3, "changes": 1}


def test_what_is_not_usual_is_left_alone(database_url: str) -> None:
    keep(database_url, "three", [{"id": "tea", "text": "coffee"}, {"id": "snow", "text": "snow"}])
    before = _person(database_url, "three")
    answers = _add(
        database_url,
        _request("nobody", "tea"),  # not there yet
        _request("three", "tea"),  # has another text under that id
        _request("three", "rain"),  # in the same group: all of a person or nothing
        _request("three", "hail", idempotency_key="k"),
        _request("three", "fog", upkeep="manual"),
    )
    assert answers == [None] * 5
    assert _add(database_url, _request("three", "rain", limit=2)) == [None]  # full
    assert _person(database_url, "three") == before


def test_who_is_being_changed_is_left_alone(database_url: str) -> None:
    keep(database_url, "held", [{"id": "tea", "text": "tea"}])
    with psycopg.connect(database_url) as other:
        other.execute("SELECT FROM people WHERE user_id = 'held' FOR NO KEY UPDATE")
        assert _add(database_url, _request("held", "rain")) == [None]
    [outcome] = _add(database_url, _request("held", "rain"))
    assert outcome is not None
    assert outcome.added == 1


def test_who_was_changed_between_the_statements_start_and_its_lock_is_left_alone(database_url: str) -> None:
    """The statement cannot see that change: it would take for there what is deleted, and for new what is there."""
    keep(database_url, "raced", [{"id": "tea", "text": "tea"}])
    waits = queries()["add_new"].replace("SKIP LOCKED", "")  # so that it stands between the two until we let it go on
    assert waits != queries()["add_new"]
    row = new_row("rain", {"text": "rain"})

    async def work(other: psycopg.Connection) -> list[object]:
        async with await AsyncConnection.connect(database_url, autocommit=True, row_factory=dict_row) as connection:
            asking = asyncio.create_task(
                connection.execute(
                    waits.encode(),
                    {
                        "tenants": [TENANT],
                        "users": ["raced"],
                        "limits": [10],
                        "requests": [0],
                        "whose": [1],
                        "ids": ["rain"],
                        "bodies": [bytes(row.body)],
                        "text_keys": [row.text_key],
                        "contents": [row.content],
                        "chars": [4],
                        "created": [None],
                        "accessed": [None],
                        "counts": [None],
                        "pinned": [None],
                    },
                )
            )
            until = time.monotonic() + 60
            blocked = "SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted"
            while other.execute(blocked, [connection.info.backend_pid]).fetchone() is None:
                assert time.monotonic() < until
                await asyncio.sleep(0.01)
            other.commit()
            return await (await asking).fetchall()

    with psycopg.connect(database_url) as other:
        other.execute("UPDATE people SET version = version + 1 WHERE user_id = 'raced'")
        assert asyncio.run(work(other)) == []
    assert _person(database_url, "raced") == {"version": 2, "memories": 1, "chars": 3, "changes": 1}

"""What an upkeep writes: never an older view over a newer one, and every change that came meanwhile stays counted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.rows import dict_row

from reverie.errors import LeaseLost
from reverie.store import TaskRow, WorkerStore
from reverie.store.people import View, put_views, read_delta, read_person, read_stored
from reverie.store.user_data import erase_user
from tests.gateway.keeping import TENANT, added, forget, keep, some


@pytest.fixture
def store(database_url: str) -> Iterator[WorkerStore]:
    store = WorkerStore(database_url)
    yield store
    store.close()


def task(user: str) -> TaskRow:
    fields = dict.fromkeys(TaskRow.__slots__)
    return TaskRow(**{**fields, "id": "tsk_x", "tenant": TENANT, "user_id": user})


def write(store: WorkerStore, person: object, user: str) -> None:
    views = [View(kind, b"body", b"side") for kind in ("themes", "insights")]

    def work(connection: psycopg.Connection) -> None:
        with connection.transaction():
            put_views(connection, store.codec, person, views, [], task=task(user), cost=0.5, pause=20.0)  # type: ignore[arg-type]

    store.run(work)


def state(url: str, user: str) -> dict[str, object]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        query = (
            "SELECT p.version, p.changes, p.first_change_at IS NULL AS none_left, max(v.version) AS view, "
            "(SELECT count(*) FROM forgotten f WHERE f.person = p.id) AS forgotten "
            "FROM people p LEFT JOIN views v ON v.person = p.id WHERE p.user_id = %s GROUP BY p.id"
        )
        return connection.execute(query, (user,)).fetchone() or {}


def test_what_comes_while_views_are_computed_stays_counted_and_is_never_hidden(
    database_url: str, store: WorkerStore
) -> None:
    keep(database_url, "late", some(6))
    early = read_stored(store, TENANT, "late")
    assert early is not None
    keep(database_url, "late", some(2, first=6))
    forget(database_url, "late", ["m0"])
    later = read_stored(store, TENANT, "late")
    assert later is not None
    assert {m.id for m in later.memories} == {f"m{n}" for n in range(1, 8)}
    write(store, early.person, "late")
    assert state(database_url, "late") == {
        "version": 3, "changes": 3, "none_left": False, "view": 1, "forgotten": 1,
    }  # fmt: skip
    write(store, later.person, "late")
    assert state(database_url, "late") == {
        "version": 3, "changes": 0, "none_left": True, "view": 3, "forgotten": 1,
    }  # fmt: skip
    with pytest.raises(LeaseLost):
        write(store, early.person, "late")
    assert state(database_url, "late")["view"] == 3


def test_a_reader_of_an_older_version_learns_every_change_or_reads_anew(database_url: str, store: WorkerStore) -> None:
    keep(database_url, "delta", some(4))
    first = read_stored(store, TENANT, "delta")
    assert first is not None
    keep(database_url, "delta", [{"id": "m0", "text": "another text"}, {"id": "m9", "text": "new"}])
    forget(database_url, "delta", ["m1", "m9"])
    delta = read_delta(store, TENANT, "delta", first.person.version)
    assert delta is not None
    assert [(m.id, m.text) for m in delta.changed] == [("m0", "another text")]
    assert delta.gone == {"m1", "m9"}
    for _ in range(2):
        person = read_person(store, TENANT, "delta")
        assert person is not None
        write(store, person, "delta")
        keep(database_url, "delta", some(1, first=20 + person.version))
    # Tombstones older than the view before this one are gone by now.
    assert read_delta(store, TENANT, "delta", first.person.version) is None


def test_an_add_tells_whether_there_is_a_view_to_place_it_in(database_url: str, store: WorkerStore) -> None:
    assert not added(database_url, "placed", some(2)).viewed
    assert not added(database_url, "placed", some(1, first=2)).viewed
    person = read_person(store, TENANT, "placed")
    assert person is not None
    write(store, person, "placed")
    assert added(database_url, "placed", some(1, first=3)).viewed


def test_views_of_an_erased_person_are_not_written(database_url: str, store: WorkerStore) -> None:
    keep(database_url, "erased", some(3))
    before = read_stored(store, TENANT, "erased")
    assert before is not None

    async def erase() -> None:
        from reverie.store import GatewayStore

        gateway = GatewayStore(database_url)
        await gateway.open()
        await erase_user(gateway, TENANT, "erased")
        await gateway.close()

    asyncio.run(erase())
    keep(database_url, "erased", some(2))
    with pytest.raises(LeaseLost):
        write(store, before.person, "erased")
    assert state(database_url, "erased")["view"] is None


async def planned(url: str, **asked: object) -> list[TaskRow]:
    """Upkeep tasks made for who is due."""
    from reverie.store import GatewayStore
    from reverie.store.view_store import ViewStore

    gateway = GatewayStore(url)
    await gateway.open()
    views = ViewStore(gateway)
    try:
        async with gateway.connection() as connection:
            due = await views.due(connection, **{"auto": True, "quiet": 0.0, "max_wait": 600.0, "most": 100, **asked})  # type: ignore[arg-type]
            ids = [f"tsk_{user.person}" for user in due]
            estimates = [100.0 if user.memories > 20 else 0.1 for user in due]
            return await views.plan(connection, [(user.tenant, user.person) for user in due], ids, estimates)
    finally:
        await gateway.close()


def test_tenants_take_turns_and_a_large_user_does_not_hold_up_small_ones(database_url: str, store: WorkerStore) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("TRUNCATE people, tasks CASCADE")
    keep(database_url, "large", some(40), tenant="loud")
    for number in range(5):
        keep(database_url, f"small{number}", some(3), tenant="loud")
    keep(database_url, "only", some(3), tenant="quiet")
    assert asyncio.run(planned(database_url, quiet=3600.0)) == []
    assert asyncio.run(planned(database_url, auto=False)) == []
    first = asyncio.run(planned(database_url, most=2))
    assert {(row.tenant, row.user_id) for row in first} == {("loud", "large"), ("quiet", "only")}
    assert asyncio.run(planned(database_url, most=2)) == []  # no more are under way at the same time
    rest = asyncio.run(planned(database_url))
    assert {row.user_id for row in rest} == {f"small{number}" for number in range(5)}
    assert asyncio.run(planned(database_url)) == []  # one a user
    small = [store.claim("upkeep", "first", 60.0, most=10.0) for _ in range(7)]
    assert [row.user_id for row in small if row is not None].count("large") == 0
    assert sum(row is not None for row in small) == 6
    last = store.claim("upkeep", "second", 60.0)
    assert last is not None
    assert last.user_id == "large"
    for row in (*small, last):
        if row is not None:
            store.fail(row, {"title": "stopped by the test"})
    # A pause after what went wrong.
    assert asyncio.run(planned(database_url)) == []

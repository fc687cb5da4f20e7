"""A person's stored memories as a worker reads them, and what an upkeep leaves of them. Synchronous."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import psycopg
from psycopg.rows import dict_row

from reverie.contracts import Memory
from reverie.errors import LeaseLost
from reverie.store import places
from reverie.store.codec import Codec
from reverie.store.happenings import event_of
from reverie.store.names import url_names
from reverie.store.rows import TaskRow
from reverie.store.sql import sql
from reverie.store.worker_store import WorkerStore

__all__ = [
    "Delta",
    "PersonAt",
    "StoredMemories",
    "Unplaced",
    "View",
    "event_webhook",
    "has_unplaced",
    "memory_of",
    "put_places",
    "put_views",
    "read_delta",
    "read_history",
    "read_person",
    "read_stored",
    "read_unplaced",
    "read_views",
    "still_valid",
]

_Connection = psycopg.Connection[dict[str, Any]]

_STREAM = 2000
"""Rows that are fetched at a time."""


@dataclass(frozen=True, slots=True)
class PersonAt:
    """A user with stored memories, as of a version of them."""

    id: int
    version: int
    memories: int
    #: Deleted memories are known since this version.
    forgotten_to: int
    #: ``{"timezone": ..., "language": ..., ...}``.
    settings: dict[str, Any]
    #: The database's clock.
    now: datetime


@dataclass(frozen=True, slots=True)
class StoredMemories:
    """All memories that count, as one version of the person has them."""

    person: PersonAt
    memories: list[Memory]


@dataclass(frozen=True, slots=True)
class Delta:
    """What changed since a version."""

    person: PersonAt
    #: As they are now.
    changed: list[Memory]
    #: Ids that count no more: deleted, or replaced by another one.
    gone: set[str]


@dataclass(frozen=True, slots=True)
class View:
    """One kind of view, to be stored."""

    kind: str
    body: bytes
    side: bytes


def memory_of(row: dict[str, Any], codec: Codec, tenant: str, user_id: str) -> Memory:
    """A row of ``memories`` as the contract's Memory, opened as this user's."""
    body = orjson.loads(codec.load(bytes(row["body"]), places.memory(tenant, user_id, row["id"])))
    metadata = body.get("metadata") or {}
    if row["pinned"]:
        metadata = {**metadata, "pinned": True}
    # It was checked when it came in; checking 100,000 of them again takes a second.
    return Memory.model_construct(
        id=row["id"],
        text=body["text"],
        created_at=row["created_at"],
        last_accessed_at=row["last_accessed_at"],
        access_count=row["access_count"],
        kind=body.get("kind"),
        source=body.get("source"),
        speaker=body.get("speaker"),
        metadata=metadata,
    )


def _person(connection: _Connection, tenant: str, user_id: str, codec: Codec) -> PersonAt | None:
    row = connection.execute(sql("read_person"), {"tenant": tenant, "user_id": user_id}).fetchone()
    if row is None:
        return None
    sealed = row["settings"]
    settings = orjson.loads(codec.load(bytes(sealed), places.settings(tenant, user_id))) if sealed else {}
    return PersonAt(row["id"], row["version"], row["memories"], row["forgotten_to"], settings, row["now"])


def read_person(store: WorkerStore, tenant: str, user_id: str) -> PersonAt | None:
    """The person, without their memories; None for one who keeps none."""
    return store.run(lambda connection: _person(connection, tenant, user_id, store.codec))


def read_stored(store: WorkerStore, tenant: str, user_id: str) -> StoredMemories | None:
    """All memories of a user and the version they are of: one snapshot, streamed. None for one who keeps none."""

    def work(connection: _Connection) -> StoredMemories | None:
        with connection.transaction():
            # Everything below sees the database as it is at the first query.
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            person = _person(connection, tenant, user_id, store.codec)
            if person is None:
                return None
            rows = _rows(connection, person.id)
            return StoredMemories(person, [memory_of(row, store.codec, tenant, user_id) for row in rows])

    return store.run(work)


def _rows(connection: _Connection, person: int) -> Iterator[dict[str, Any]]:
    with connection.cursor(name="memories", row_factory=dict_row) as cursor:
        cursor.itersize = _STREAM
        cursor.execute(sql("read_memories"), {"person": person})
        yield from cursor


def read_delta(store: WorkerStore, tenant: str, user_id: str, since: int) -> Delta | None:
    """What changed after version ``since``; None when that is no longer known, or nobody is there."""

    def known(connection: _Connection) -> PersonAt | None:
        person = _person(connection, tenant, user_id, store.codec)
        return person if person is not None and person.forgotten_to <= since <= person.version else None

    def work(connection: _Connection) -> Delta | None:
        # Mostly nothing changed, and one question without a transaction around it says so.
        person = known(connection)
        if person is None:
            return None
        if person.version == since:
            return Delta(person, [], set())
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            person = known(connection)
            if person is None:
                return None
            which = {"person": person.id, "version": since}
            changed, gone = [], set()
            for row in connection.execute(sql("read_changed"), which):
                if row["past"]:
                    gone.add(row["id"])
                else:
                    changed.append(memory_of(row, store.codec, tenant, user_id))
            here = {memory.id for memory in changed}
            for row in connection.execute(sql("read_forgotten"), which):
                if row["memory_id"] not in here:  # deleted and then added again
                    gone.add(row["memory_id"])
            return Delta(person, changed, gone)

    return store.run(work)


def read_history(store: WorkerStore, tenant: str, user_id: str, moment: datetime) -> list[Memory]:
    """Memories that were there at ``moment`` and held: what took their place came later, or nothing did."""
    asked = {"tenant": tenant, "user_id": user_id, "moment": moment}
    rows = store.rows("read_history", **asked)
    return [memory_of(row, store.codec, tenant, user_id) for row in rows]


def still_valid(store: WorkerStore, versions: dict[int, int]) -> set[int]:
    """Of ``{person: version that was read}`` those who are still there and have had nothing deleted since."""

    def work(connection: _Connection) -> set[int]:
        asked = {"people": list(versions), "versions": list(versions.values())}
        return {row["id"] for row in connection.execute(sql("still_valid"), asked)}

    return store.run(work, patience=0.0)


def read_views(store: WorkerStore, tenant: str, user_id: str, person: int) -> dict[str, bytes]:
    """The bodies of a person's current view, by kind."""
    rows = store.rows("read_views", person=person)
    return {row["kind"]: store.load(row["body"], places.view(tenant, user_id, row["kind"])) for row in rows}


@dataclass(frozen=True, slots=True)
class Unplaced:
    """Memories that the current view does not know and that are in no theme of it yet."""

    person: int
    #: The view's.
    version: int
    memories: list[Memory]
    #: Of each memory, as it was read.
    versions: list[int]


def read_unplaced(store: WorkerStore, tenant: str, user_id: str, limit: int) -> Unplaced | None:
    """The oldest of them; None for a user without a view."""

    def work(connection: _Connection) -> Unplaced | None:
        view = connection.execute(sql("read_view_version"), {"tenant": tenant, "user_id": user_id}).fetchone()
        if view is None:
            return None
        which = {"person": view["id"], "version": view["version"], "limit": limit}
        rows = connection.execute(sql("read_unplaced"), which).fetchall()
        memories = [memory_of(row, store.codec, tenant, user_id) for row in rows]
        return Unplaced(view["id"], view["version"], memories, [row["version"] for row in rows])

    return store.run(work)


def put_places(store: WorkerStore, task: TaskRow, found: Unplaced, themes: Sequence[str | None]) -> bool:
    """Note the theme of each; one that changed meanwhile is left. False when the attempt no longer owns its task."""

    def work(connection: _Connection) -> bool:
        which = {"person": found.person, "version": found.version}
        placed = {"ids": [m.id for m in found.memories], "versions": found.versions, "themes": list(themes)}
        connection.execute(sql("put_places"), {**which, **placed})
        return True

    return store.fenced(task, work, person=found.person) is not None


def has_unplaced(connection: _Connection, person: int) -> bool:
    """Whether any is left; under the lock of the person's row, inside a transaction."""
    if connection.execute(sql("hold_person"), {"person": person}).fetchone() is None:
        return False
    return connection.execute(sql("has_unplaced"), {"person": person}).fetchone() is not None


def put_views(
    connection: _Connection,
    codec: Codec,
    person: PersonAt,
    views: list[View],
    happenings: list[dict[str, Any]],
    *,
    task: TaskRow,
    cost: float,
    pause: float,
) -> list[dict[str, Any]]:
    """Make ``views``, computed from the person's version, the current ones; inside the transaction of a task's end.

    Returns the events of what happened. Raises ``LeaseLost`` when the person was erased or a newer view is there.
    """
    which = {"person": person.id, "version": person.version, "as_of": person.now, "task_id": task.id}
    whose = task.tenant, task.user_id
    if connection.execute(sql("hold_person"), which).fetchone() is None:
        raise LeaseLost("the user was erased")
    connection.execute(sql("prune_forgotten"), which)
    for view in views:
        etag = f"{task.id}-{person.version}"
        body = codec.save(view.body, places.view(*whose, view.kind))
        side = codec.save(view.side, places.side(*whose, view.kind))
        what = {"kind": view.kind, "body": body, "side": side, "etag": etag}
        done = connection.execute(sql("put_view"), {**which, **what})
        if done.rowcount != 1:
            raise LeaseLost("a newer view is there")
    connection.execute(sql("prune_placed"), which)
    connection.execute(sql("settle_person"), {**which, "cost": cost, "pause": pause})
    events = []
    for happening in happenings:
        sealed = codec.save(happening["body"], places.event(*whose, happening["kind"], happening["key"]))
        new = connection.execute(sql("insert_happening"), {**which, **happening, "body": sealed}).fetchone()
        if new is None:
            continue
        events.append(event_of({**new, "kind": happening["kind"], "task_id": task.id, "user_id": task.user_id}))
        if url := person.settings.get("callback_url"):
            connection.execute(sql("insert_happening_webhook"), event_webhook(codec, task.tenant, new["id"], url))
    return events


def event_webhook(codec: Codec, tenant: str, happening: int, url: str) -> dict[str, Any]:
    """What ``insert_happening_webhook`` is given."""
    sealed = codec.save(url.encode(), places.callback(tenant, f"evt_{happening}"))
    return {"happening": happening, "tenant": tenant, "url": sealed, "hash": url_names(codec, tenant, url)[0]}

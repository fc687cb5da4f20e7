"""What is written of stored memories: adds in groups or batch by batch, and changes of one person."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from reverie.store import places
from reverie.store.codec import Codec
from reverie.store.memory_rows import NEWEST, MemoryRow, NewRow, Person, ThemeMembers
from reverie.store.names import key_names
from reverie.store.sql import fetch_all, fetch_one, sql
from reverie.store.submissions import Connection, sealed_key

__all__ = [
    "AddOutcome",
    "AddRequest",
    "Answers",
    "Change",
    "Changing",
    "KeyTaken",
    "LongAdd",
    "add_new",
    "is_settled",
    "keep_answers",
    "lock_people",
    "put_memories",
]

_BIND = 1000
"""Rows in one statement: enough that their number costs nothing, few enough to hold the event loop for milliseconds."""

_FEW = 200
"""Memories that are sealed sooner than a thread is woken."""


class KeyTaken(Exception):
    """Another request took one of the idempotency keys this instant; look again."""


@dataclass(slots=True)
class AddRequest:
    """Memories of one user to be added in one transaction with others'."""

    tenant: str
    user_id: str
    rows: list[NewRow]
    upkeep: str | None = None
    idempotency_key: str | None = None
    body_hash: bytes = b""
    #: Most memories that the user may have afterwards.
    limit: int = 100_000


@dataclass(slots=True)
class AddOutcome:
    """What became of an ``AddRequest``."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    version: int = 0
    #: Stored answer of an earlier request with the same key; the rest is then zero.
    replayed: bytes | None = None
    #: The key belongs to another body.
    mismatch: bool = False
    #: The user would have more memories than the limit: how many there are now.
    full: int | None = None
    #: The person's row is held by a longer change.
    busy: bool = False
    #: The user has a view, in which what is new can be placed.
    viewed: bool = True
    #: ``(model, text key)`` of vectors that were removed, since their text is no more.
    vectors: list[tuple[str, bytes]] = field(default_factory=list)


@dataclass(slots=True)
class Change:
    """What a deletion removed."""

    ids: list[str]
    version: int
    vectors: list[tuple[str, bytes]]


Answers = Callable[[AddRequest, AddOutcome], bytes]
"""Makes what is kept under an idempotency key, from what became of its request."""


class Changing:
    """What may be done to a person whose row this transaction holds."""

    def __init__(self, connection: Connection, codec: Codec, person: Person) -> None:
        self.connection = connection
        self.person = person
        self._codec = codec

    async def memory(self, id: str) -> MemoryRow | None:  # noqa: A002 - the column's name
        """One memory."""
        row = await fetch_one(self.connection, "get_memory", person=self.person.id, id=id)
        return MemoryRow.of(row) if row else None

    async def patch(self, id: str, values: dict[str, Any], *, chars: int = 0) -> MemoryRow:  # noqa: A002
        """Write a memory anew (all of ``patch_memory``'s columns); ``chars``: by how much its text grew."""
        body = self._codec.save(values["body"], places.memory(self.person.tenant, self.person.user_id, id))
        more = {"person": self.person.id, "id": id, "version": self.person.version + 1}
        values = {**values, **more, "body": body}
        row = await fetch_one(self.connection, "patch_memory", **values)
        await self._count(chars=chars, changes=1)
        assert row is not None
        return MemoryRow.of(row)

    async def count_access(self, id: str) -> MemoryRow | None:  # noqa: A002 - the column's name
        """Count one access; views stay as they are."""
        row = await fetch_one(self.connection, "count_access", person=self.person.id, id=id)
        if row is None:
            return None
        await self._count(changes=0)
        return MemoryRow.of(row)

    async def there_are(self, ids: Sequence[str]) -> set[str]:
        """Those of ``ids`` that name a memory."""
        rows = await fetch_all(self.connection, "there_are", person=self.person.id, ids=list(ids))
        return {row["id"] for row in rows}

    async def ids_before(self, moment: datetime | None) -> list[str]:
        """Memories older than ``moment``; all without one."""
        asked = {"person": self.person.id, "before": moment or NEWEST}
        return [row["id"] for row in await fetch_all(self.connection, "ids_before", **asked)]

    async def ids_of_theme(self, theme: ThemeMembers) -> list[str]:
        """Memories of a theme."""
        asked = {"person": self.person.id, "view": theme.version, "members": theme.members, "theme": theme.id}
        return [row["id"] for row in await fetch_all(self.connection, "ids_of_theme", **asked)]

    async def delete(self, ids: Sequence[str]) -> Change:
        """Delete memories, and the vectors of texts that no other memory has."""
        gone: list[str] = []
        keys: list[bytes] = []
        chars = 0
        for start in range(0, len(ids), 10 * _BIND):
            asked = {
                "person": self.person.id,
                "ids": list(ids[start : start + 10 * _BIND]),
                "version": self.person.version + 1,
            }
            for row in await fetch_all(self.connection, "delete_memories", **asked):
                gone.append(row["id"])
                keys.append(row["text_key"])
                chars += row["chars"]
        if not gone:
            return Change([], self.person.version, [])
        released = {"person": self.person.id, "ids": gone}
        await self.connection.execute(sql("release_superseded"), released)
        vectors = await self.delete_vectors(keys)
        await self._count(memories=-len(gone), chars=-chars, changes=len(gone))
        return Change(gone, self.person.version, vectors)

    async def delete_vectors(self, keys: Sequence[bytes]) -> list[tuple[str, bytes]]:
        """Delete the vectors of those texts that no memory has any more: ``(model, text key)``."""
        return await _delete_vectors(self.connection, self.person, keys)

    async def set_settings(self, settings: bytes, upkeep: str | None) -> None:
        """Replace what is kept besides memories, JSON."""
        sealed = self._codec.save(settings, places.settings(self.person.tenant, self.person.user_id))
        values = {"person": self.person.id, "settings": sealed, "upkeep": upkeep}
        await self.connection.execute(sql("set_settings"), values)

    async def set_digest(self, at: datetime | None) -> None:
        """When the next digest is due; it tells of what happens from now on."""
        values = {"person": self.person.id, "at": at, "version": self.person.version}
        await self.connection.execute(sql("set_digest"), values)

    async def _count(self, *, memories: int = 0, chars: int = 0, changes: int) -> None:
        values = {"person": self.person.id, "memories": memories, "chars": chars, "changes": changes}
        await self.connection.execute(sql("change_person"), values)
        self.person.version += 1


class LongAdd:
    """An add that comes batch by batch. ``outcome`` is final from the start when nothing is to be stored."""

    def __init__(
        self, connection: Connection, codec: Codec, request: AddRequest, person: Person, outcome: AddOutcome
    ) -> None:
        self._connection = connection
        self._codec = codec
        self._request = request
        self._person = person
        self.outcome = outcome
        self.settled = is_settled(outcome)

    async def put(self, rows: Sequence[NewRow]) -> None:
        """Add a batch. Once ``outcome.full`` is set nothing may be committed."""
        version = self._person.version + 1
        done = await _put_rows(self._connection, self._codec, [(self._person, version, row) for row in rows])
        self.outcome.added += sum(row["new"] for row in done)
        self.outcome.updated += sum(not row["new"] for row in done)
        self.outcome.unchanged += len(rows) - len(done)
        replaced = [row["old_text_key"] for row in done if row["old_text_key"] is not None]
        self.outcome.vectors += await _delete_vectors(self._connection, self._person, replaced)
        if self._person.memories + self.outcome.added > self._request.limit:
            self.outcome.full = self._person.memories

    async def end(self, answers: Answers) -> None:
        """Keep the answer under the request's key."""
        changes = self.outcome.added + self.outcome.updated
        self.outcome.version = self._person.version + bool(changes)
        await _set_upkeep(self._connection, [(self._person, self._request)])
        people = {(self._person.tenant, self._person.user_id): self._person}
        await keep_answers(self._connection, self._codec, [(self._request, self.outcome)], people, answers)


async def lock_people(
    connection: Connection, tenants: list[str], users: list[str]
) -> tuple[dict[tuple[str, str], Person], set[int]]:
    """The people whose rows are held from now on, and which of them have a view."""
    rows = await fetch_all(connection, "lock_people", tenants=tenants, users=users)
    return {(row["tenant"], row["user_id"]): Person.of(row) for row in rows}, {
        row["id"] for row in rows if row["viewed"]
    }


def is_settled(outcome: AddOutcome) -> bool:
    return outcome.busy or outcome.mismatch or outcome.replayed is not None or outcome.full is not None


_COLUMNS = ("ids", "bodies", "text_keys", "contents", "chars", "created", "accessed", "counts", "pinned")


def _columns(rows: Iterable[NewRow]) -> dict[str, list[Any]]:
    """Rows as a statement takes them, column by column."""
    return dict(zip(_COLUMNS, map(list, zip(*rows, strict=True)), strict=True))


async def add_new(connection: Connection, codec: Codec, requests: Sequence[AddRequest]) -> list[AddOutcome | None]:
    """Store those of ``requests`` that are usual, in one statement: a transaction by itself unless in another.

    None for each that is not: nothing of it is stored, and ``put_memories`` finds out what it is.
    """
    out: list[AddOutcome | None] = [None] * len(requests)
    usual = [(n, r) for n, r in enumerate(requests) if r.idempotency_key is None and r.upkeep is None]
    rows = [(n, r, row) for n, r in usual for row in r.rows]
    if not 0 < len(rows) <= _FEW:
        return out
    people: dict[tuple[str, str], int] = {}  # and their numbers, from 1
    whose = [people.setdefault((r.tenant, r.user_id), len(people) + 1) for _, r, _ in rows]
    limits = dict(zip(whose, (r.limit for _, r, _ in rows), strict=True))
    columns = _columns(row for _, _, row in rows)
    columns["bodies"] = [codec.save(row.body, places.memory(r.tenant, r.user_id, row.id)) for _, r, row in rows]
    for row in await fetch_all(
        connection,
        "add_new",
        tenants=[tenant for tenant, _ in people],
        users=[user for _, user in people],
        limits=list(limits.values()),
        requests=[n for n, _, _ in rows],
        whose=whose,
        **columns,
    ):
        out[row["request"]] = AddOutcome(
            added=row["added"], unchanged=row["unchanged"], version=row["version"], viewed=row["viewed"]
        )
    return out


async def put_memories(
    connection: Connection,
    codec: Codec,
    open_: Sequence[tuple[AddRequest, AddOutcome]],
    people: dict[tuple[str, str], Person],
) -> None:
    """Store the rows of those requests that are not settled, and fill in their outcomes."""
    wanted = [(people[r.tenant, r.user_id], r, o) for r, o in open_]
    await _set_upkeep(connection, [(person, r) for person, r, _ in wanted])
    room = {person.id: r.limit - person.memories for person, r, _ in wanted}
    for person, r, outcome in wanted:
        if len(r.rows) <= room[person.id]:
            room[person.id] -= len(r.rows)
            continue
        # Only now it matters which of them are there already.
        asked = {"person": person.id, "ids": [row.id for row in r.rows]}
        there = len(await fetch_all(connection, "there_are", **asked))
        if len(r.rows) - there > room[person.id]:
            outcome.full = person.memories
        else:
            room[person.id] -= len(r.rows) - there
    going = [(person, r, o) for person, r, o in wanted if o.full is None]
    rows = [(person, person.version + 1, row) for person, r, _ in going for row in r.rows]
    owner = [number for number, (_, r, _) in enumerate(going) for _ in r.rows]
    changed: set[int] = set()
    replaced: dict[int, list[bytes]] = defaultdict(list)
    for row in await _put_rows(connection, codec, rows):
        person, _, outcome = going[owner[row["n"] - 1]]
        outcome.added += row["new"]
        outcome.updated += not row["new"]
        changed.add(person.id)
        if row["old_text_key"] is not None:
            replaced[person.id].append(row["old_text_key"])
    for person, r, outcome in going:
        outcome.unchanged = len(r.rows) - outcome.added - outcome.updated
        outcome.version = person.version + (person.id in changed)
        outcome.vectors = await _delete_vectors(connection, person, replaced.pop(person.id, []))


async def _put_rows(
    connection: Connection, codec: Codec, rows: Sequence[tuple[Person, int, NewRow]]
) -> list[dict[str, Any]]:
    def sealed(part: Sequence[tuple[Person, int, NewRow]]) -> list[bytes]:
        return [codec.save(row.body, places.memory(person.tenant, person.user_id, row.id)) for person, _, row in part]

    out: list[dict[str, Any]] = []
    for start in range(0, len(rows), _BIND):
        part = rows[start : start + _BIND]
        columns = _columns(row for _, _, row in part)
        columns["bodies"] = sealed(part) if len(part) <= _FEW else await asyncio.to_thread(sealed, part)
        for row in await fetch_all(
            connection,
            "put_memories",
            persons=[person.id for person, _, _ in part],
            versions=[version for _, version, _ in part],
            **columns,
        ):
            row["n"] += start
            out.append(row)
    return out


async def _set_upkeep(connection: Connection, wanted: Sequence[tuple[Person, AddRequest]]) -> None:
    told = {person.id: r.upkeep for person, r in wanted if r.upkeep is not None}
    if told:
        await connection.execute(sql("set_upkeep"), {"persons": list(told), "upkeep": list(told.values())})


async def _delete_vectors(connection: Connection, person: Person, keys: Sequence[bytes]) -> list[tuple[str, bytes]]:
    if not keys:
        return []
    asked = {"tenant": person.tenant, "user_id": person.user_id, "person": person.id, "keys": list(keys)}
    rows = await fetch_all(connection, "delete_unused_vectors", **asked)
    return [(row["model"], bytes(row["text_key"])) for row in rows]


async def keep_answers(
    connection: Connection,
    codec: Codec,
    open_: Sequence[tuple[AddRequest, AddOutcome]],
    people: dict[tuple[str, str], Person],
    answers: Answers,
) -> None:
    keyed = [(r, o) for r, o in open_ if r.idempotency_key is not None and o.full is None]
    if not keyed:
        return
    given = [(r.tenant, r.idempotency_key or "") for r, _ in keyed]
    names = [key_names(codec, *one)[0] for one in given]
    kept = await fetch_all(
        connection,
        "insert_answers",
        tenants=[r.tenant for r, _ in keyed],
        keys=names,
        sealed=[sealed_key(codec, *one, name) for one, name in zip(given, names, strict=True)],
        hashes=[r.body_hash for r, _ in keyed],
        persons=[people[r.tenant, r.user_id].id for r, _ in keyed],
        answers=[codec.save(answers(r, o), places.kept_answer(*one)) for one, (r, o) in zip(given, keyed, strict=True)],
    )
    if len(kept) < len(keyed):
        raise KeyTaken

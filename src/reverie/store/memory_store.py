"""Stored memories: the gateway's side. Every change locks the person's row, moves the version on and counts itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from reverie.store import places
from reverie.store.gateway_store import GatewayStore
from reverie.store.memory_changes import (
    AddOutcome,
    AddRequest,
    Answers,
    Changing,
    KeyTaken,
    LongAdd,
    add_new,
    is_settled,
    keep_answers,
    lock_people,
    put_memories,
)
from reverie.store.memory_rows import MemoryRow, Page, Person, ThemeMembers
from reverie.store.names import key_names
from reverie.store.sql import fetch_all, fetch_one, sql
from reverie.store.submissions import Connection

__all__ = ["MemoryStore"]


class MemoryStore:
    """All the gateway asks of PostgreSQL about stored memories. Raises ``ServiceUnavailable`` like ``GatewayStore``."""

    def __init__(self, store: GatewayStore) -> None:
        self._store = store
        self.codec = store.codec

    # -- adding ------------------------------------------------------------------------------------

    async def add_new(self, requests: Sequence[AddRequest]) -> list[AddOutcome | None]:
        """Store those of a group that are usual: new memories of people who are there. Durable when this returns.

        None for each that ``add`` must see to: nothing of it is stored. ``requests`` as for ``add``.
        """
        async with self._store.connection() as connection:
            return await add_new(connection, self.codec, requests)

    async def add(self, requests: Sequence[AddRequest], answers: Answers) -> list[AddOutcome]:
        """Store a group in one transaction; durable when this returns.

        No two of ``requests`` may name the same memory, or the same idempotency key. ``answers`` makes what is kept
        under an idempotency key. Raises ``KeyTaken`` when a key was taken meanwhile: nothing is stored then.
        """
        tenants, users = [r.tenant for r in requests], [r.user_id for r in requests]
        # In a pipeline what needs no answer first travels together. It ends after the transaction, and not before the
        # server has confirmed all of it, the commit too.
        async with self._store.connection() as connection, connection.pipeline(), connection.transaction():
            people, viewed = await lock_people(connection, tenants, users)
            if len(people) < len(set(zip(tenants, users, strict=True))):
                # Most are there. Who is not is new, or held by somebody else.
                await connection.execute(sql("add_people"), {"tenants": tenants, "users": users})
                people, viewed = await lock_people(connection, tenants, users)
            outcomes = await self._known(connection, requests, people)
            open_ = [(r, o) for r, o in zip(requests, outcomes, strict=True) if not is_settled(o)]
            await put_memories(connection, self.codec, open_, people)
            await keep_answers(connection, self.codec, open_, people, answers)
            for r, outcome in open_:
                # Whoever makes the first view takes the row's lock too, so it is not there before this is through.
                outcome.viewed = people[r.tenant, r.user_id].id in viewed
        return outcomes

    async def _known(
        self, connection: Connection, requests: Sequence[AddRequest], people: dict[tuple[str, str], Person]
    ) -> list[AddOutcome]:
        """An outcome for each request, final for those that store nothing."""
        keyed = [r for r in requests if r.idempotency_key is not None]
        known: dict[tuple[str, str | None], dict[str, Any]] = {}
        if keyed:
            names = [
                (number, r.tenant, name)
                for number, r in enumerate(keyed)
                for name in key_names(self.codec, r.tenant, r.idempotency_key or "")
            ]
            numbers, tenants, keys = (list(column) for column in zip(*names, strict=True))
            rows = await fetch_all(connection, "get_answers", numbers=numbers, tenants=tenants, keys=keys)
            known = {(keyed[row["n"]].tenant, keyed[row["n"]].idempotency_key): row for row in rows}
        out = []
        for r in requests:
            person = people.get((r.tenant, r.user_id))
            before = known.get((r.tenant, r.idempotency_key))
            if before is not None:
                same = before["body_hash"] == r.body_hash and before["answer"] is not None
                kept = places.kept_answer(r.tenant, r.idempotency_key or "")
                replayed = self.codec.load(bytes(before["answer"]), kept) if same else None
                out.append(AddOutcome(replayed=replayed, mismatch=not same))
            else:
                out.append(AddOutcome(busy=person is None, version=person.version if person else 0))
        return out

    @asynccontextmanager
    async def adding(self, request: AddRequest) -> AsyncIterator[LongAdd]:
        """One transaction that adds many memories of one user, batch by batch; durable when the block has ended.

        ``request.rows`` are not looked at. The user's other changes wait meanwhile.
        """
        who = {"tenants": [request.tenant], "users": [request.user_id]}
        async with self._store.connection() as connection:
            # In a transaction of its own: a writer of the same user would wait for all of this.
            await connection.execute(sql("add_people"), who)
            async with connection.transaction():
                asked = {"tenant": request.tenant, "user_id": request.user_id}
                row = await fetch_one(connection, "lock_person", **asked)
                if row is None:
                    raise KeyTaken  # erased this instant
                person = Person.of(row)
                outcome = (await self._known(connection, [request], {(person.tenant, person.user_id): person}))[0]
                yield LongAdd(connection, self.codec, request, person, outcome)

    # -- reading -----------------------------------------------------------------------------------

    async def person(self, tenant: str, user_id: str) -> Person | None:
        """A user who keeps, or kept, memories."""
        row = await self._store.row("get_person", tenant=tenant, user_id=user_id)
        return Person.of(row) if row else None

    async def memory(self, person: int, id: str) -> MemoryRow | None:  # noqa: A002 - the column's name
        """One memory."""
        row = await self._store.row("get_memory", person=person, id=id)
        return MemoryRow.of(row) if row else None

    async def page(self, person: int, page: Page, theme: ThemeMembers | None = None) -> list[MemoryRow]:
        """Memories, newest first; of one theme if there is one."""
        asked: dict[str, Any] = {
            "person": person,
            "limit": page.limit,
            "before": page.before[0],
            "before_id": page.before[1],
            "since": page.since,
            "until": page.until,
        }
        if theme is None:
            return [MemoryRow.of(row) for row in await self._store.rows("list_memories", **asked)]
        asked |= {"view": theme.version, "members": theme.members, "theme": theme.id}
        return [MemoryRow.of(row) for row in await self._store.rows("list_theme", **asked)]

    async def view(self, person: int, kind: str) -> dict[str, Any] | None:
        """The current view of a kind, a row of ``views``."""
        return await self._store.row("get_view", person=person, kind=kind)

    async def views(self, person: int) -> list[dict[str, Any]]:
        """All current views, rows of ``views``."""
        return await self._store.rows("get_views", person=person)

    async def forgotten(self, person: int) -> list[dict[str, Any]]:
        """Deleted memories that are still remembered as such: ``{id, at}``."""
        return await self._store.rows("list_forgotten", person=person)

    async def people(self, tenant: str, *, after: str, stale: bool, limit: int) -> list[Person]:
        """Users by id, after ``after``; only those whose views are behind if ``stale``."""
        rows = await self._store.rows("list_people", tenant=tenant, after=after, stale=stale, limit=limit)
        return [Person.of(row) for row in rows]

    async def tenant_memories(self, tenant: str) -> int:
        """Memories of all users of a tenant."""
        row = await self._store.row("tenant_memories", tenant=tenant)
        return int(row["memories"]) if row else 0

    # -- changing ----------------------------------------------------------------------------------

    @asynccontextmanager
    async def changing(self, tenant: str, user_id: str, *, make: bool = False) -> AsyncIterator[Changing | None]:
        """One transaction on a person whose row is locked; None where there is none, unless ``make``."""
        async with self._store.connection() as connection:
            if make:
                await connection.execute(sql("add_people"), {"tenants": [tenant], "users": [user_id]})
            async with connection.transaction():
                row = await fetch_one(connection, "lock_person", tenant=tenant, user_id=user_id)
                yield Changing(connection, self.codec, Person.of(row)) if row else None

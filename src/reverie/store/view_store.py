"""The gateway's side of views and upkeep: what a view looks like now, who is due, and the one task each gets."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reverie.errors import ServiceUnavailable
from reverie.store import places
from reverie.store.gateway_store import GatewayStore
from reverie.store.rows import TASK_CONTRACT, TaskRow
from reverie.store.sql import fetch_all, fetch_one
from reverie.store.submissions import Connection

__all__ = ["DueUser", "Since", "StoredView", "ViewFacts", "ViewStore"]

_HELD = 0.02
"""Seconds until a person is looked at again whose row somebody else holds."""

_TRIES = 250


@dataclass(frozen=True, slots=True)
class ViewFacts:
    """All that decides what a view looks like, without its body."""

    person: int
    #: The person's, now.
    version: int
    memories: int
    changes: int
    first_change_at: datetime | None
    last_change_at: datetime | None
    not_before: datetime | None
    #: ``auto``, ``manual`` or None, as the service is set.
    upkeep: str | None
    #: Grows with every placing.
    placed: int
    #: None before the first view.
    view_version: int | None
    as_of: datetime | None
    etag: str | None


@dataclass(frozen=True, slots=True)
class StoredView:
    """A view as it is stored, sealed."""

    version: int
    body: bytes
    side: bytes | None


@dataclass(frozen=True, slots=True)
class Since:
    """What changed after a view was made."""

    #: Memories that are not as the view knows them, or are no more.
    gone: frozenset[str]
    #: Memories that were placed since, and in which theme (None: in none).
    placed: dict[str, str | None]


@dataclass(frozen=True, slots=True)
class DueUser:
    """A user whose views are to be brought up to date."""

    tenant: str
    person: int
    memories: int
    chars: int
    changes: int
    #: CPU seconds of the last upkeep; None before the first.
    cost: float | None


class ViewStore:
    """All the gateway asks of PostgreSQL about views. Raises ``ServiceUnavailable`` like ``GatewayStore``."""

    def __init__(self, store: GatewayStore) -> None:
        self._store = store

    async def facts(self, tenant: str, user_id: str, kind: str) -> ViewFacts | None:
        """What decides the view of a kind; None for a user who keeps nothing."""
        return (await self.facts_of(tenant, user_id, [kind])).get(kind)

    async def facts_of(self, tenant: str, user_id: str, kinds: Sequence[str]) -> dict[str, ViewFacts]:
        """The same of several kinds at one moment, by kind; empty for a user who keeps nothing."""
        rows = await self._store.rows("get_view_facts", tenant=tenant, user_id=user_id, kinds=list(kinds))
        names = ("version", "memories", "changes", "first_change_at", "last_change_at", "not_before", "upkeep")
        more = ("placed", "view_version", "as_of", "etag")
        return {row["kind"]: ViewFacts(row["id"], *(row[name] for name in (*names, *more))) for row in rows}

    async def view(self, person: int, kind: str) -> StoredView | None:
        """The stored view."""
        row = await self._store.row("get_stored_view", person=person, kind=kind)
        return StoredView(row["version"], bytes(row["body"]), row["side"] and bytes(row["side"])) if row else None

    async def since(self, person: int, version: int) -> Since:
        """What changed after ``version``."""
        rows = await self._store.rows("get_since", person=person, version=version)
        placed = {row["id"]: row["theme_id"] for row in rows if row["placed"]}
        return Since(frozenset(row["id"] for row in rows), placed)

    async def due(
        self,
        connection: Connection,
        *,
        auto: bool,
        quiet: float,
        max_wait: float,
        most: int,
        others: Sequence[str] = (),
    ) -> list[DueUser]:
        """Users who are due, tenants in turn, at most ``most`` and no more than leaves that many in flight.

        ``auto``: whether upkeep starts by itself where a user has no own say; of the tenants in ``others`` the opposite
        is true.
        """
        row = await fetch_one(connection, "upkeeps_in_flight")
        free = most - (row["n"] if row else 0)
        if free <= 0:
            return []
        asked = {"auto": auto, "others": list(others), "quiet": quiet, "max_wait": max_wait, "limit": free}
        rows = await fetch_all(connection, "find_due", **asked)
        return [DueUser(r["tenant"], r["id"], r["memories"], r["chars"], r["changes"], r["upkeep_cost"]) for r in rows]

    async def plan(
        self, connection: Connection, people: Sequence[tuple[str, int]], ids: Sequence[str], estimates: Sequence[float]
    ) -> list[TaskRow]:
        """A new upkeep task for each of ``people``, ``(tenant, person)``, who has none; those that were made."""
        bodies = [self._nothing(tenant, task_id) for (tenant, _), task_id in zip(people, ids, strict=True)]
        asked = {"people": [person for _, person in people], "ids": list(ids), "estimates": list(estimates)}
        asked["bodies"] = bodies
        return [TaskRow.of(row) for row in await fetch_all(connection, "plan_upkeep", **asked, contract=TASK_CONTRACT)]

    def _nothing(self, tenant: str, task_id: str) -> bytes:
        """The request of a task that reads from the tables what it needs when it runs."""
        return self._store.codec.save(b"{}", places.payload(tenant, task_id))

    async def plan_one(self, tenant: str, person: int, task_id: str, estimate: float) -> tuple[TaskRow | None, bool]:
        """``(the person's upkeep in flight, whether it is new)``; None for a person who was erased meanwhile.

        Raises ``ServiceUnavailable`` when others change the person all the time.
        """
        for _ in range(_TRIES):
            async with self._store.connection() as connection:
                new = await self.plan(connection, [(tenant, person)], [task_id], [estimate])
                if new:
                    return new[0], True
                row: dict[str, Any] | None = await fetch_one(connection, "find_upkeep", person=person)
                if row is not None:
                    return TaskRow.of(row), False
                if await fetch_one(connection, "has_person", person=person) is None:
                    return None, False
            await asyncio.sleep(_HELD)  # somebody else holds the person's row, for a moment
        raise ServiceUnavailable("The user is being changed at this moment.", retry_after=1.0)

    async def find_place(self, tenant: str, user_id: str) -> TaskRow | None:
        """The task in flight that places a user's new memories."""
        return await self._store.task_row("find_place", tenant=tenant, user_id=user_id)

    async def plan_place(self, tenant: str, user_id: str, task_id: str) -> TaskRow | None:
        """A new task that places a user's new memories; None when one is queued or running, or there is no view."""
        asked = {"tenant": tenant, "user_id": user_id, "id": task_id, "operation": "place"}
        body = self._nothing(tenant, task_id)
        return await self._store.task_row("plan_place", contract=TASK_CONTRACT, body=body, **asked)

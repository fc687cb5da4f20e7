"""Removes stored memories by age, where the operator asks for that. Runs in the gateway that sweeps."""

from __future__ import annotations

import logging
import time
from typing import Any

import psycopg

from reverie.gateway.submissions.result_cache import ResultCache
from reverie.store import Codec
from reverie.store.memory_changes import Changing
from reverie.store.memory_rows import Person
from reverie.store.sql import fetch_all, fetch_one

__all__ = ["MemoryRetention"]

log = logging.getLogger(__name__)

_PEOPLE = 500
"""Users who are looked at in one round."""
_BITE = 1000
"""Memories that one round deletes, so that it stays short."""
_EVERY = 60.0
"""Seconds from the last user to the first one again."""


class MemoryRetention:
    """Deletes memories whose date, or the day they were added where they have none, is more than ``days`` ago.

    They are deleted as a client deletes them: their vectors go too, views show them no more and learn of it. Pinned
    ones are no exception. 0 days: nothing is ever removed by age.
    """

    def __init__(self, cache: ResultCache, days: float, codec: Codec | None = None) -> None:
        self._codec = codec or Codec()
        self._cache = cache
        self._days = days
        self._after = 0
        self._next = 0.0
        #: Memories removed since the start.
        self.removed = 0

    async def round(self, connection: psycopg.AsyncConnection[dict[str, Any]]) -> None:
        """Look at the next users; on the sweeper's connection, so that one gateway does it."""
        if not self._days or time.monotonic() < self._next:
            return
        asked = {"after": self._after, "days": self._days, "limit": _PEOPLE}
        people = await fetch_all(connection, "aged_people", **asked)
        left = _BITE
        for person in people:
            if person["aged"]:
                left -= await self._remove(connection, person, left)
            if left <= 0:
                return  # the next round goes on with this user
            self._after = person["id"]
        if len(people) < _PEOPLE:
            self._after, self._next = 0, time.monotonic() + _EVERY

    async def _remove(self, connection: psycopg.AsyncConnection[dict[str, Any]], who: dict[str, Any], most: int) -> int:
        names = {"tenants": [who["tenant"]], "users": [who["user_id"]]}
        async with connection.transaction():
            row = await fetch_one(connection, "lock_people", **names)
            if row is None:
                return 0  # erased, or being changed: there is another day
            asked = {"person": row["id"], "days": self._days, "limit": most}
            aged = [one["id"] for one in await fetch_all(connection, "aged_memories", **asked)]
            change = await Changing(connection, self._codec, Person.of(row)).delete(aged)
        if change.vectors:
            await self._cache.forget_vectors(who["tenant"], who["user_id"], change.vectors)
        self.removed += len(change.ids)
        log.info("%d memories of a user were removed by their age", len(change.ids))
        return len(change.ids)

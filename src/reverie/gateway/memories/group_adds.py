"""Group commit of added memories: concurrent adds of all users share one transaction and one flush to disk."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

import orjson
import psycopg

from reverie.aio.background import Background
from reverie.aio.deadline import ends_within
from reverie.errors import ServiceUnavailable
from reverie.store.memory_changes import AddOutcome, AddRequest, KeyTaken
from reverie.store.memory_store import MemoryStore

__all__ = ["GroupAdds", "answer_of"]

log = logging.getLogger(__name__)

_MOST_ROWS = 2000
"""Memories in one transaction; a group is closed once it has as many."""

_DEADLINE = 2.0
"""Seconds until an add that PostgreSQL does not confirm is answered with 503."""

_BUSY = 0.02
"""Seconds until an add is tried again whose user is being changed by somebody else."""


@dataclass(slots=True, eq=False)
class _Waiting:
    request: AddRequest
    #: JSON array of the ids, for the answer that is kept under an idempotency key.
    ids: bytes
    future: asyncio.Future[AddOutcome] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


def answer_of(ids: bytes, outcome: AddOutcome) -> bytes:
    """The contract's Added, as JSON."""
    counts = {"added": outcome.added, "updated": outcome.updated, "unchanged": outcome.unchanged}
    return orjson.dumps({**counts, "ids": orjson.Fragment(ids), "version": outcome.version})


class GroupAdds:
    """Collects adds that arrive while the group before is being written."""

    def __init__(self, memories: MemoryStore) -> None:
        self._memories = memories
        self._waiting: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._background = Background()

    def start(self) -> None:
        """Start the writer."""
        self._background.run(self._run, "group-adds")

    async def stop(self) -> None:
        """Stop the writer; what still waits is answered with 503."""
        await self._background.stop()
        self._refuse(self._waiting)
        self._waiting = []

    async def add(self, request: AddRequest, ids: bytes) -> AddOutcome:
        """Add memories durably.

        Raises ``ServiceUnavailable`` when that cannot be confirmed in time. They may be stored all the same: a retry
        with the same ids, or the same idempotency key, finds them.
        """
        if len(self._waiting) >= 5000:
            raise ServiceUnavailable("Too many changes of memories at this moment.", retry_after=1.0)
        waiting = _Waiting(request, ids)
        self._waiting.append(waiting)
        self._wake.set()
        if not await ends_within(_DEADLINE, waiting.future):
            waiting.future.cancel()
            raise ServiceUnavailable("The memories could not be confirmed in time; send them again.", retry_after=2.0)
        return waiting.future.result()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while group := self._next_group():
                try:
                    await self._store(group)
                except asyncio.CancelledError:
                    self._refuse(group)
                    raise
                except Exception:
                    log.exception("a group of memories could not be stored")
                    self._refuse(group)

    def _next_group(self) -> list[_Waiting]:
        """Adds that can go together: no memory and no idempotency key twice; the others keep their turn."""
        group: list[_Waiting] = []
        left: list[_Waiting] = []
        names: set[tuple[str, ...]] = set()
        rows = 0
        for waiting in self._waiting:
            request = waiting.request
            if waiting.future.done():
                continue
            own: set[tuple[str, ...]] = {(request.tenant, request.user_id, row.id) for row in request.rows}
            if request.idempotency_key is not None:
                own.add((request.tenant, request.idempotency_key))
            if rows < _MOST_ROWS and names.isdisjoint(own):
                group.append(waiting)
                rows += len(request.rows)
            else:
                left.append(waiting)
            # Also of those that wait: a later one must not overtake an earlier one of the same memory.
            names |= own
        self._waiting = left
        return group

    async def _store(self, group: list[_Waiting]) -> None:
        try:
            quick = await self._memories.add_new([waiting.request for waiting in group])
        except ServiceUnavailable as error:
            self._refuse(group, error)
            return
        except psycopg.Error:  # nothing was stored; what is wrong is found out below
            quick = [None] * len(group)
        left = []
        for waiting, outcome in zip(group, quick, strict=True):
            if outcome is None:
                left.append(waiting)
            elif not waiting.future.done():
                waiting.future.set_result(outcome)
        if left:
            await self._store_any(left)

    async def _store_any(self, group: list[_Waiting]) -> None:
        ids = {id(waiting.request): waiting.ids for waiting in group}

        def kept(request: AddRequest, outcome: AddOutcome) -> bytes:
            return answer_of(ids[id(request)], outcome)

        try:
            outcomes = await self._memories.add([waiting.request for waiting in group], kept)
        except ServiceUnavailable as error:
            self._refuse(group, error)
            return
        except (psycopg.Error, KeyTaken) as error:
            if len(group) > 1:
                for waiting in group:  # one bad row must not refuse its neighbours
                    await self._store_any([waiting])
            elif isinstance(error, KeyTaken):  # by another gateway, this instant: now its answer is there
                self._later(group)
            else:
                log.exception("memories could not be stored")
                self._refuse(group)
            return
        busy = []
        for waiting, outcome in zip(group, outcomes, strict=True):
            if outcome.busy:
                busy.append(waiting)
            elif not waiting.future.done():
                waiting.future.set_result(outcome)
        if busy:
            self._later(busy)

    def _later(self, group: list[_Waiting]) -> None:
        asyncio.get_running_loop().call_later(_BUSY, self._again, group)

    def _again(self, busy: list[_Waiting]) -> None:
        self._waiting = [*busy, *self._waiting]
        self._wake.set()

    @staticmethod
    def _refuse(group: list[_Waiting], error: ServiceUnavailable | None = None) -> None:
        for waiting in group:
            if not waiting.future.done():
                why = error or ServiceUnavailable("The memories could not be stored.", retry_after=2.0)
                waiting.future.set_exception(why)

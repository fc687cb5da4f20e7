"""Group commit of added memories: concurrent adds of all users share one transaction and one flush to disk."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence

import orjson
import psycopg

from reverie.aio.batcher import Batcher
from reverie.aio.deadline import ends_within
from reverie.errors import ServiceUnavailable
from reverie.store.memory_changes import AddOutcome, AddRequest, KeyTaken
from reverie.store.memory_store import MemoryStore

__all__ = ["GroupAdds", "answer_of"]

log = logging.getLogger(__name__)

_MOST_ROWS = 2000
"""Memories in one transaction; a group is closed once it has as many."""

_WAITING = 5000

_DEADLINE = 2.0
"""Seconds until an add that PostgreSQL does not confirm is answered with 503."""

_BUSY = 0.02
"""Seconds until an add is tried again whose user is being changed by somebody else."""


Waiting = tuple[AddRequest, bytes]
"""An add, and a JSON array of its ids for the answer that is kept under an idempotency key."""


def answer_of(ids: bytes, outcome: AddOutcome) -> bytes:
    """The contract's Added, as JSON."""
    counts = {"added": outcome.added, "updated": outcome.updated, "unchanged": outcome.unchanged}
    return orjson.dumps({**counts, "ids": orjson.Fragment(ids), "version": outcome.version})


class GroupAdds:
    """Collects adds that arrive while the group before is being written."""

    def __init__(self, memories: MemoryStore) -> None:
        self._memories = memories
        self._groups = Batcher(self._store, capacity=_WAITING, together=_go_together)

    async def stop(self) -> None:
        """Stop writing; what still waits is answered with 503."""
        await self._groups.stop(_not_stored())

    async def add(self, request: AddRequest, ids: bytes) -> AddOutcome:
        """Add memories durably.

        Raises ``ServiceUnavailable`` when that cannot be confirmed in time. They may be stored all the same: a retry
        with the same ids, or the same idempotency key, finds them.
        """
        adding = asyncio.create_task(self._until_stored((request, ids)))
        try:
            if not await ends_within(_DEADLINE, adding):
                late = "The memories could not be confirmed in time; send them again."
                raise ServiceUnavailable(late, retry_after=2.0)
            return adding.result()
        except asyncio.QueueFull:
            raise ServiceUnavailable("Too many changes of memories at this moment.", retry_after=1.0) from None
        finally:
            adding.cancel()

    async def _until_stored(self, waiting: Waiting) -> AddOutcome:
        while True:
            # A key taken by another gateway, this instant: now its answer is there.
            with contextlib.suppress(KeyTaken):
                outcome = await self._groups.get(waiting)
                if not outcome.busy:
                    return outcome
            await asyncio.sleep(_BUSY)

    async def _store(self, group: Sequence[Waiting]) -> list[AddOutcome | Exception]:
        quick: Sequence[AddOutcome | None] = [None] * len(group)
        with contextlib.suppress(psycopg.Error):  # nothing was stored; what is wrong is found out below
            quick = await self._memories.add_new([request for request, _ in group])
        for number, outcome in enumerate(quick):
            if outcome is not None:
                self._groups.answer_now(number, outcome)
        left = [waiting for waiting, outcome in zip(group, quick, strict=True) if outcome is None]
        others = iter(await self._store_any(left) if left else [])
        return [outcome or next(others) for outcome in quick]

    async def _store_any(self, group: Sequence[Waiting]) -> list[AddOutcome | Exception]:
        ids = {id(request): ids for request, ids in group}

        def kept(request: AddRequest, outcome: AddOutcome) -> bytes:
            return answer_of(ids[id(request)], outcome)

        try:
            return list(await self._memories.add([request for request, _ in group], kept))
        except ServiceUnavailable as error:
            return [error] * len(group)
        except Exception as error:
            if len(group) > 1 and isinstance(error, psycopg.Error | KeyTaken):
                # One bad row must not refuse its neighbours.
                return [answer for waiting in group for answer in await self._store_any([waiting])]
            if isinstance(error, KeyTaken):
                return [error]
            log.exception("memories could not be stored")
            return [_not_stored()] * len(group)


def _go_together(waiting: Sequence[Waiting]) -> list[bool]:
    """Adds that can: no memory and no idempotency key twice; the others keep their turn."""
    chosen = []
    names: set[tuple[str, ...]] = set()
    rows = 0
    for request, _ in waiting:
        own: set[tuple[str, ...]] = {(request.tenant, request.user_id, row.id) for row in request.rows}
        if request.idempotency_key is not None:
            own.add((request.tenant, request.idempotency_key))
        chosen.append(rows < _MOST_ROWS and names.isdisjoint(own))
        rows += len(request.rows) if chosen[-1] else 0
        # Also of those that wait: a later one must not overtake an earlier one of the same memory.
        names |= own
    return chosen


def _not_stored() -> ServiceUnavailable:
    return ServiceUnavailable("The memories could not be stored.", retry_after=2.0)

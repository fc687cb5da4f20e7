"""Group commit: concurrent submissions share one transaction and one flush to disk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import psycopg

from reverie.aio.batcher import Batcher
from reverie.aio.deadline import ends_within
from reverie.errors import ServiceUnavailable
from reverie.store import GatewayStore, NewTask, Submitted

__all__ = ["GroupCommit"]

log = logging.getLogger(__name__)

_GROUP = 64
_WAITING = 5000

_DEADLINE = 0.7
"""Seconds until a submission that PostgreSQL does not confirm is answered with 503."""


class GroupCommit:
    """Collects what arrives while the previous group is being written."""

    def __init__(self, store: GatewayStore) -> None:
        self._store = store
        self._groups = Batcher(self._store_group, most=_GROUP, capacity=_WAITING)

    async def stop(self) -> None:
        """Stop writing; what still waits is answered with 503."""
        await self._groups.stop(_not_stored())

    async def submit(self, new: NewTask) -> Submitted:
        """Store a submission durably.

        Raises ``ServiceUnavailable`` when that cannot be confirmed in time. It may have been stored all the same:
        a retry with the same idempotency key, or the same content, finds it.
        """
        try:
            future = self._groups.soon(new)
        except asyncio.QueueFull:
            raise ServiceUnavailable("Too many submissions at this moment.", retry_after=1.0) from None
        if not await ends_within(_DEADLINE, future):
            future.cancel()
            raise ServiceUnavailable("The database did not confirm in time.", retry_after=2.0)
        return future.result()

    async def _store_group(self, group: Sequence[NewTask]) -> list[Submitted | Exception]:
        # One order for all writers everywhere: two groups with common content wait for each other, never in a circle.
        ordered = sorted(group, key=lambda new: new.content_hash)
        try:
            stored = await self._store.submit(ordered)
        except ServiceUnavailable as error:
            return [error] * len(group)
        except Exception as error:
            if len(group) > 1 and isinstance(error, psycopg.Error):
                # One bad row must not refuse its neighbours.
                return [answer for new in group for answer in await self._store_group([new])]
            log.exception("a group of submissions could not be stored")
            return [_not_stored()] * len(group)
        answers = {new.id: answer for new, answer in zip(ordered, stored, strict=True)}
        return [answers[new.id] for new in group]


def _not_stored() -> ServiceUnavailable:
    return ServiceUnavailable("The submission could not be stored.", retry_after=2.0)

"""Group commit: concurrent submissions share one transaction and one flush to disk."""

from __future__ import annotations

import asyncio
import logging

import psycopg

from reverie.aio.background import Background
from reverie.aio.deadline import ends_within
from reverie.errors import ServiceUnavailable
from reverie.store import GatewayStore, NewTask, Submitted

__all__ = ["GroupCommit"]

log = logging.getLogger(__name__)

_GROUP = 64

_DEADLINE = 0.7
"""Seconds until a submission that PostgreSQL does not confirm is answered with 503."""


class GroupCommit:
    """Collects what arrives while the previous group is being written."""

    def __init__(self, store: GatewayStore, *, writers: int = 1) -> None:
        self._store = store
        self._waiting: asyncio.Queue[tuple[NewTask, asyncio.Future[Submitted]]] = asyncio.Queue(maxsize=5000)
        self._writers = writers
        self._background = Background()

    def start(self) -> None:
        """Start the writers."""
        for number in range(self._writers):
            self._background.run(self._write, f"accept-{number}")

    async def stop(self) -> None:
        """Stop the writers; what still waits is answered with 503."""
        await self._background.stop()
        while not self._waiting.empty():
            self._refuse(self._waiting.get_nowait()[1])

    async def submit(self, new: NewTask) -> Submitted:
        """Store a submission durably.

        Raises ``ServiceUnavailable`` when that cannot be confirmed in time. It may have been stored all the same:
        a retry with the same idempotency key, or the same content, finds it.
        """
        future: asyncio.Future[Submitted] = asyncio.get_running_loop().create_future()
        try:
            self._waiting.put_nowait((new, future))
        except asyncio.QueueFull:
            raise ServiceUnavailable("Too many submissions at this moment.", retry_after=1.0) from None
        if not await ends_within(_DEADLINE, future):
            future.cancel()
            raise ServiceUnavailable("The database did not confirm in time.", retry_after=2.0)
        return future.result()

    async def _write(self) -> None:
        while True:
            group = [await self._waiting.get()]
            while len(group) < _GROUP and not self._waiting.empty():
                group.append(self._waiting.get_nowait())
            group = [(new, future) for new, future in group if not future.done()]
            try:
                await self._store_group(group)
            except asyncio.CancelledError:
                for _, future in group:
                    self._refuse(future)
                raise
            except Exception:
                log.exception("a group of submissions could not be stored")
                for _, future in group:
                    self._refuse(future)

    async def _store_group(self, group: list[tuple[NewTask, asyncio.Future[Submitted]]]) -> None:
        # One order for all writers everywhere: two groups with common content wait for each other, never in a circle.
        group = sorted(group, key=lambda pair: pair[0].content_hash)
        try:
            answers = await self._store.submit([new for new, _ in group])
        except ServiceUnavailable as error:
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
            return
        except psycopg.Error:
            if len(group) == 1:
                raise
            for pair in group:  # one bad row must not refuse its neighbours
                await self._store_group([pair])
            return
        for (_, future), answer in zip(group, answers, strict=True):
            if not future.done():
                future.set_result(answer)

    @staticmethod
    def _refuse(future: asyncio.Future[Submitted]) -> None:
        if not future.done():
            future.set_exception(ServiceUnavailable("The submission could not be stored.", retry_after=2.0))

"""Telling the service to forget people, until it has: a wish survives an outage and a restart."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict

from reverie import AsyncReverie
from reverie.bot.store import MemoryStore
from reverie.contracts import Receipt
from reverie.errors import ReverieError

__all__ = ["Eraser"]

_log = logging.getLogger(__name__)

_LONGEST_PAUSE = 60.0
"""Seconds between two tries while the service is away."""


class Eraser:
    """Carries out the erasures that the store lists."""

    def __init__(self, ai: AsyncReverie, store: MemoryStore) -> None:
        self._ai = ai
        self._store = store
        self._wake = asyncio.Event()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Work in the background."""
        self._wake.set()
        self._loop = asyncio.create_task(self._run(), name="erasures")

    async def close(self) -> None:
        """Stop; what is left is done after the next start."""
        if self._loop is not None:
            self._loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._loop

    def wake(self) -> None:
        """There is a new wish."""
        self._wake.set()

    async def settle(self, user_id: str) -> Receipt | None:
        """Carry out a person's erasure now; None when there is none. Raises what the service raises.

        Called before anything of a person is sent, so that an old wish cannot remove new work.
        """
        async with self._locks[user_id]:
            requested_at = await self._store.erasure(user_id)
            if requested_at is None:
                return None
            receipt = await self._ai.forget_user(user_id)
            await self._store.erased(user_id, requested_at)
            return receipt

    async def _run(self) -> None:
        pause = 1.0
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                for user_id, _ in await self._store.erasures():
                    await self.settle(user_id)
            except ReverieError as error:
                _log.warning("erasures wait for the service: %s", error)
                self._wake.set()
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            except Exception:
                _log.exception("erasures wait for the store")
                self._wake.set()
                await asyncio.sleep(_LONGEST_PAUSE)
            else:
                pause = 1.0

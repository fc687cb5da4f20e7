"""What the bot still has to send to Reverie: erasures, deletions, memories. Each survives an outage and a restart.

A store from before memories lived in Reverie is one with much to bring: it empties itself in the background.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reverie import AsyncReverie
from reverie.bot.settings import BotSettings
from reverie.bot.store import MemoryStore, Remembered, Waiting
from reverie.contracts import Deleted, Receipt
from reverie.errors import InvalidInput, ReverieError, ServiceUnavailable

__all__ = ["Brought", "Courier", "for_service"]

_log = logging.getLogger(__name__)

_LONGEST_PAUSE = 60.0
"""Seconds between two tries while the service is away."""
_BATCH = 500
"""Memories brought at once: few enough to be marked in one transaction."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What Reverie answered to an erasure, or to deletions; None where there were none."""

    receipt: Receipt | None = None
    deleted: Deleted | None = None


def for_service(memory: Remembered) -> dict[str, Any]:
    """What Reverie needs of a memory, and nothing else: no names, no servers, no channels."""
    wanted = {"id": memory.id, "text": memory.full_text, "created_at": memory.created_at, "kind": memory.source}
    return wanted | ({"metadata": {"note": memory.note}} if memory.note else {})


class Courier:
    """Carries out what the store lists."""

    def __init__(self, ai: AsyncReverie, store: MemoryStore, settings: BotSettings) -> None:
        self._ai = ai
        self._store = store
        self._settings = settings
        self._wake = asyncio.Event()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._loop: asyncio.Task[None] | None = None
        self._zoned: set[str] = set()
        self._refused: set[str] = set()

    def start(self) -> None:
        """Work in the background."""
        self._wake.set()
        self._loop = asyncio.create_task(self._run(), name="courier")

    async def close(self) -> None:
        """Stop; what is left is done after the next start."""
        if self._loop is not None:
            self._loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._loop

    def wake(self) -> None:
        """There is something new."""
        self._wake.set()

    async def settle(self, user_id: str) -> Brought:
        """Bring all there is of a person now. Raises what the service raises; the rest is tried again later.

        Called before anything of a person is asked, so that no answer knows too little or too much.
        """
        async with self._locks[user_id]:
            receipt = deleted = None
            requested_at = await self._store.erasure(user_id)
            if requested_at is not None:
                receipt = await self._ai.forget_user(user_id)
                await self._store.erased(user_id, requested_at)
            if doomed := await self._store.deletions(user_id):
                deleted = await self._ai.user(user_id).forget_many(doomed)
                await self._store.deleted(user_id, doomed)
            person = await self._store.person(user_id)
            if person is not None and person.consented_at is not None:
                await self._bring(user_id)
            return Brought(receipt, deleted)

    async def _bring(self, user_id: str) -> None:
        while waiting := await self._unrefused(user_id):
            await self._tell_zone(user_id)
            try:
                await self._send(user_id, waiting)
            except InvalidInput:
                # One of them is the cause; the others must not wait for it.
                for one in waiting:
                    await self._send_alone(user_id, one)

    async def _unrefused(self, user_id: str) -> list[Waiting]:
        waiting = await self._store.waiting(user_id, _BATCH + len(self._refused))
        return [one for one in waiting if one.memory.id not in self._refused][:_BATCH]

    async def _send(self, user_id: str, waiting: Sequence[Waiting]) -> None:
        # The key names the content: after a kill between the two steps, nothing that was changed since is overwritten.
        content = b"\0".join(part for one in waiting for part in (one.memory.id.encode(), one.seal))
        key = "bot-" + hashlib.sha256(content).hexdigest()
        memories = [for_service(one.memory) for one in waiting]
        await self._ai.user(user_id).remember_many(memories, idempotency_key=key)
        await self._store.moved(user_id, waiting)

    async def _send_alone(self, user_id: str, one: Waiting) -> None:
        try:
            await self._send(user_id, [one])
        except InvalidInput as error:
            self._refused.add(one.memory.id)
            _log.error("a memory is not taken by the service and stays here: %s", type(error).__name__)

    async def _tell_zone(self, user_id: str) -> None:
        """Rhythms go by the operator's time zone until the person has one."""
        if self._settings.timezone == "UTC" or user_id in self._zoned:
            return
        person = self._ai.user(user_id)
        known = await person.settings()
        if known.timezone is None:
            kept = known.model_dump(mode="json", exclude_none=True)
            await person.set_settings(**kept | {"timezone": self._settings.timezone})
        self._zoned.add(user_id)

    async def _run(self) -> None:
        pause = 1.0
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._round()
            except ReverieError as error:
                _log.warning("erasures and memories wait for the service: %s", type(error).__name__)
                self._wake.set()
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            except Exception:
                _log.exception("erasures and memories wait for the store")
                self._wake.set()
                await asyncio.sleep(_LONGEST_PAUSE)
            else:
                pause = 1.0

    async def _round(self) -> None:
        failed: ReverieError | None = None
        for user_id in await self._people():
            try:
                await self.settle(user_id)
            except ServiceUnavailable:
                raise
            except ReverieError as error:
                # What is refused to one person is no reason for the next to wait.
                failed = error
        if failed is not None:
            raise failed

    async def _people(self) -> list[str]:
        erased = [user_id for user_id, _ in await self._store.erasures()]
        others = [*await self._store.deletion_people(), *await self._store.waiting_people()]
        return list(dict.fromkeys([*erased, *others]))

"""Adding memories: small bodies in groups with others', large ones batch by batch in a transaction of their own."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import orjson
from cachetools import LRUCache

from reverie.errors import IdempotencyMismatch, InvalidInput, ServiceUnavailable, TooLarge
from reverie.gateway.memories.group_adds import GroupAdds, answer_of
from reverie.gateway.memories.parse import LINES, ParsedMemories, parse_memories, parse_memories_file, read_batches
from reverie.gateway.submissions.parse import ParseLimits
from reverie.gateway.submissions.read_body import SpooledBody, media_type
from reverie.gateway.submissions.result_cache import ResultCache
from reverie.settings import Limits
from reverie.store import Key
from reverie.store.memory_changes import AddOutcome, AddRequest, KeyTaken
from reverie.store.memory_rows import NewRow
from reverie.store.memory_store import MemoryStore

__all__ = ["Memories", "idempotency_key_of"]

_INLINE_BYTES = 128 * 1024
"""Bodies up to this size are parsed on the event loop (a few milliseconds), larger ones in another process."""

_FEW = 1000
"""Memories up to which an add goes in a group with others."""

_FRESH = 10.0
"""Seconds for which a tenant's count of memories is good; what is added in between is added by hand."""

_LONGEST, _FASTEST = 600.0, 10_000
"""The count reads a row of each user: while there is room, it is good for as long as all gateways together, at so many
memories a second, would need to fill it, or so many seconds."""

_LONG = 2
"""Large adds at the same time; each holds a connection for seconds."""

_PATIENCE = 30.0
"""Seconds that a large add waits for its turn."""

Elsewhere = Callable[..., Awaitable[Any]]
"""Runs a picklable function in the process that parses large bodies."""


class Memories:
    """What the gateway does with stored memories beyond a single query."""

    def __init__(
        self,
        store: MemoryStore,
        cache: ResultCache,
        limits: Limits,
        *,
        on_change: Callable[[str, str], None] = lambda tenant, user_id: None,
    ) -> None:
        #: Called with every user with a view who got new or other memories.
        self.on_change = on_change
        self.store = store
        self.cache = cache
        self.groups = GroupAdds(store)
        self._limits = limits
        self._long = asyncio.Semaphore(_LONG)
        self._counted: LRUCache[str, tuple[float, int]] = LRUCache(10_000)

    @property
    def parse_limits(self) -> ParseLimits:
        """Limits that need the parsed body."""
        return ParseLimits(self._limits.memories, self._limits.text_chars)

    async def add_body(
        self, elsewhere: Elsewhere, key: Key, user_id: str, headers: Mapping[str, str], body: bytes | SpooledBody
    ) -> bytes:
        """Add the memories of a body, parsed by ``elsewhere`` if it is large; the contract's Added as JSON.

        A spooled body is closed. Raises whatever refuses them, as a whole: of a body all memories are stored or none.
        """
        lines = media_type(headers) in LINES
        spool = body if isinstance(body, SpooledBody) else None
        rows_file: SpooledBody | None = None
        try:
            idempotency_key = idempotency_key_of(headers)
            if isinstance(body, SpooledBody):
                rows_file = SpooledBody()
                parsed = await elsewhere(parse_memories_file, body.path, rows_file.path, lines, self.parse_limits)
                body.close()
            elif len(body) <= _INLINE_BYTES:
                parsed = parse_memories(body, lines, self.parse_limits)
            else:
                parsed = await elsewhere(parse_memories, body, lines, self.parse_limits)
            await self._check_tenant(key.tenant, parsed.count)
            request = AddRequest(
                tenant=key.tenant,
                user_id=user_id,
                rows=parsed.rows,
                upkeep=parsed.upkeep,
                idempotency_key=idempotency_key,
                body_hash=_body_hash(user_id, parsed),
                limit=self._limits.user_memories,
            )
            if rows_file is None and parsed.count <= _FEW:
                outcome = await self.add(request, parsed.ids)
            else:
                outcome = await self._add_long(request, parsed, rows_file)
        finally:
            for file in (spool, rows_file):
                if file is not None:
                    file.close()
        await self._after(request, outcome)
        return outcome.replayed if outcome.replayed is not None else answer_of(parsed.ids, outcome)

    async def add_row(self, key: Key, user_id: str, row: NewRow) -> AddOutcome:
        """Add or change one memory whose id is known."""
        await self._check_tenant(key.tenant, 1)
        request = AddRequest(key.tenant, user_id, [row], limit=self._limits.user_memories)
        outcome = await self.add(request, orjson.dumps([row.id]))
        await self._after(request, outcome)
        return outcome

    async def add(self, request: AddRequest, ids: bytes) -> AddOutcome:
        """Add memories in a group with others'."""
        return await self.groups.add(request, ids)

    async def _add_long(self, request: AddRequest, parsed: ParsedMemories, rows_file: SpooledBody | None) -> AddOutcome:
        def kept(_: AddRequest, outcome: AddOutcome) -> bytes:
            return answer_of(parsed.ids, outcome)

        try:
            async with asyncio.timeout(_PATIENCE):
                await self._long.acquire()
        except TimeoutError:
            raise ServiceUnavailable("Other large additions are under way.", retry_after=10.0) from None
        try:
            async with self.store.adding(request) as adding:
                if adding.settled:
                    return adding.outcome
                for batch in _batches(parsed, rows_file):
                    await adding.put(batch)
                    if adding.outcome.full is not None:
                        self._refuse_full(request, adding.outcome)
                await adding.end(kept)
                return adding.outcome
        except KeyTaken:
            raise ServiceUnavailable("The user met an erasure, or the key another request.", retry_after=1.0) from None
        finally:
            self._long.release()

    async def _after(self, request: AddRequest, outcome: AddOutcome) -> None:
        """Refuse what was not stored; otherwise see to what depends on it."""
        if outcome.mismatch:
            raise IdempotencyMismatch
        if outcome.full is not None:
            self._refuse_full(request, outcome)
        if outcome.added and request.tenant in self._counted:
            at, count = self._counted[request.tenant]
            self._counted[request.tenant] = (at, count + outcome.added)
        if outcome.viewed and (outcome.added or outcome.updated):
            self.on_change(request.tenant, request.user_id)
        if outcome.vectors:
            await self.cache.forget_vectors(request.tenant, request.user_id, outcome.vectors)

    def _refuse_full(self, request: AddRequest, outcome: AddOutcome) -> None:
        raise TooLarge(
            f"{outcome.full:,} memories of this user are kept; at most {request.limit:,} may be. Delete some first."
        )

    async def _check_tenant(self, tenant: str, more: int) -> None:
        known = self._counted.get(tenant)
        if known is None or time.monotonic() - known[0] > good_for(self._limits.tenant_memories - known[1]):
            known = self._counted[tenant] = (time.monotonic(), await self.store.tenant_memories(tenant))
        if known[1] + more > self._limits.tenant_memories:
            raise TooLarge(
                f"{known[1]:,} memories of all users are kept; at most {self._limits.tenant_memories:,} may be."
            )


def good_for(room: int) -> float:
    """Seconds for which a count is good that leaves room for so many memories."""
    return max(_FRESH, min(_LONGEST, room / _FASTEST))


def _batches(parsed: ParsedMemories, rows_file: SpooledBody | None) -> Iterator[list[NewRow]]:
    if rows_file is None:
        for start in range(0, len(parsed.rows), 1000):
            yield parsed.rows[start : start + 1000]
        return
    with open(rows_file.path, "rb") as file:  # in memory, not on a disk: reading waits for nothing
        yield from read_batches(file)


def idempotency_key_of(headers: Mapping[str, str]) -> str | None:
    """The Idempotency-Key. Raises ``InvalidInput`` for one that cannot be."""
    key = headers.get("idempotency-key")
    if key is not None and (not 1 <= len(key) <= 255 or not key.isprintable()):
        raise InvalidInput("Idempotency-Key: 1 to 255 printable characters")
    return key


def _body_hash(user_id: str, parsed: ParsedMemories) -> bytes:
    # The user too: one key for two users is a mistake that the caller should see. Cut to what a submission's hash has.
    return hashlib.blake2b(user_id.encode() + b"\x00" + parsed.content_hash, digest_size=16, person=b"add").digest()

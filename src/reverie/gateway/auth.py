"""Who asks: API keys by header, tickets for browsers' sockets."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time

from cachetools import LRUCache

from reverie.aio.batcher import Batcher
from reverie.aio.deadline import within
from reverie.errors import Forbidden, ReverieError, Unauthorized
from reverie.store import GatewayStore, Key, hash_key, key_id

__all__ = ["Auth", "bearer"]

_TRUST = 2.0
"""Seconds a checked key is trusted without asking again; a revocation is broadcast and cuts that short."""

_KNOWN, _UNKNOWN = 0.1, 0.8
"""Seconds to wait for the database when the key was good a moment ago, and when it was never seen."""

_TICKET_SECONDS = 60.0


def bearer(header: str | None) -> str | None:
    """The secret in ``Authorization: Bearer SECRET``."""
    if header is None:
        return None
    scheme, _, value = header.partition(" ")
    return value.strip() or None if scheme.lower() == "bearer" else None


class Auth:
    """Checks keys with a small, short-lived cache."""

    def __init__(self, store: GatewayStore, *, size: int = 10_000) -> None:
        self._store = store
        self._keys = Batcher(store.keys)
        self._seen: LRUCache[bytes, tuple[float, Key | None]] = LRUCache(size)
        self._used: set[str] = set()

    async def check(self, secret: str | None, scope: str) -> Key:
        """The key behind ``secret``.

        Raises ``Unauthorized`` for a missing, wrong or revoked key, ``Forbidden`` when it lacks ``scope``.
        """
        if secret is None:
            raise Unauthorized("Send your API key as: Authorization: Bearer KEY")
        hashed = hash_key(secret)
        known = self._seen.get(hashed)
        if known is not None and time.monotonic() - known[0] < _TRUST:
            key = known[1]
        else:
            try:
                patience = _UNKNOWN if known is None else _KNOWN
                late = "The database did not answer in time."
                key = await within(patience, self._look_up(secret, hashed), otherwise=late)
            except ReverieError:
                # While the database is away, a key that was good a moment ago stays good, so that reads from the
                # cache and honest 503s go on; a key never seen is not let in.
                if known is None or known[1] is None or time.monotonic() - known[0] > 60:
                    raise
                key = known[1]
        if key is None:
            raise Unauthorized("This API key is not valid.")
        self._used.add(key.id)
        return allow(key, scope)

    async def _look_up(self, secret: str, hashed: bytes) -> Key | None:
        # Many unknown keys at once are one question: guessing must not cost everybody a query each.
        found = await self._keys.get(key_id(secret))
        key = None
        if found is not None and hmac.compare_digest(found[1], hashed) and found[0].revoked_at is None:
            key = found[0]
        self._seen[hashed] = (time.monotonic(), key)
        return key

    def forget(self) -> None:
        """Ask the database again for every key: one was revoked."""
        self._seen.clear()

    async def issue_ticket(self, key: Key) -> tuple[str, float]:
        """A single-use pass for one socket and its life in seconds."""
        ticket = secrets.token_urlsafe(24)
        await self._store.put_ticket(_ticket_hash(ticket), key.id, _TICKET_SECONDS)
        return ticket, _TICKET_SECONDS

    async def use_ticket(self, ticket: str, scope: str) -> Key:
        """The key behind a ticket. Raises like ``check``."""
        key = await self._store.use_ticket(_ticket_hash(ticket))
        if key is None:
            raise Unauthorized("This ticket is not valid any more.")
        return allow(key, scope)

    async def note_use(self) -> None:
        """Write down, now and then, which keys were used."""
        while True:
            await asyncio.sleep(10)
            used, self._used = list(self._used), set()
            if used:
                try:
                    await self._store.touch_keys(used)
                except ReverieError:
                    self._used.update(used)


def allow(key: Key, scope: str) -> Key:
    """``key`` if it has ``scope``; ``admin`` includes all others."""
    if scope not in key.scopes and "admin" not in key.scopes:
        raise Forbidden(f"This key lacks the scope {scope!r}; it has: {', '.join(sorted(key.scopes))}.")
    return key


def _ticket_hash(ticket: str) -> bytes:
    return hashlib.sha256(b"reverie ticket\x00" + ticket.encode()).digest()

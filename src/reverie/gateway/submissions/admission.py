"""Who may submit now: tasks in flight per tenant, queued in all, submissions per minute per key."""

from __future__ import annotations

import time
from dataclasses import dataclass

from cachetools import LRUCache, TTLCache

from reverie.errors import ServiceUnavailable, TooManyRequests
from reverie.gateway.http.headers import rate_headers
from reverie.settings import Limits
from reverie.store import GatewayStore, Key

__all__ = ["Admission"]

_FRESH = 1.0
"""Seconds for which counts from the database are good; submissions in between are added by hand."""

_WINDOW = 30.0
"""Seconds over which the drain rate is measured."""

_LONGEST = 300.0
"""Most seconds that a client is asked to wait."""

_KEPT = 10_000
"""Tenants, and keys, of which something is remembered."""


@dataclass(slots=True)
class _Load:
    in_flight: int


class Admission:
    """Refuses what would only wait, with the time after which it is likely to be taken."""

    def __init__(self, store: GatewayStore, limits: Limits) -> None:
        self._store = store
        self._limits = limits
        self._loads: TTLCache[str, _Load] = TTLCache(_KEPT, _FRESH)
        self._minutes: LRUCache[str, tuple[float, float]] = LRUCache(_KEPT)
        #: Queued tasks of all tenants as last counted, with those taken since.
        self._queued = 0
        #: By tenant: how many tasks a second ended: of all tenants, of this one.
        self._rates: TTLCache[str, tuple[float, float]] = TTLCache(_KEPT, _FRESH)
        #: By tenant (empty: all): until when the places that become free are promised to those refused before.
        self._promised: LRUCache[str, float] = LRUCache(_KEPT)

    async def drain_rate(self, tenant: str) -> tuple[float, float]:
        """Tasks that ended per second over the last half minute: ``(of all tenants, of this one)``.

        At least one in ten seconds, so that a service that stands still asks for patience and not for ever.
        """
        known = self._rates.get(tenant)
        if known is None:
            everybody, own = await self._store.ended_lately(tenant, _WINDOW)
            known = self._rates[tenant] = max(0.1, everybody / _WINDOW), max(0.1, own / _WINDOW)
        return known

    def spend(self, key: Key) -> tuple[int, int, float]:
        """Take one submission from the key's bucket: ``(limit, remaining, seconds until full)``.

        Raises ``TooManyRequests`` when the bucket is empty.
        """
        limit = self._limits.per_minute
        return self._spend(key.id, limit, f"This key may submit {limit} tasks a minute.")

    def spend_change(self, key: Key) -> tuple[int, int, float]:
        """The same for a request that changes stored memories, however many."""
        limit = self._limits.changes_per_minute
        return self._spend("changes " + key.id, limit, f"This key may change stored memories {limit} times a minute.")

    def _spend(self, bucket: str, limit: int, refusal: str) -> tuple[int, int, float]:
        now = time.monotonic()
        level, at = self._minutes.get(bucket, (float(limit), now))
        level = min(float(limit), level + (now - at) * limit / 60)
        if level < 1:
            self._minutes[bucket] = (level, now)
            error = TooManyRequests(refusal, retry_after=(1 - level) * 60 / limit)
            error.headers = rate_headers(limit, 0, (limit - level) * 60 / limit)
            raise error
        self._minutes[bucket] = (level - 1, now)
        return limit, int(level - 1), (limit - level + 1) * 60 / limit

    async def admit(self, tenant: str) -> None:
        """Raises ``TooManyRequests`` or ``ServiceUnavailable`` when the queue is full."""
        load = self._loads.get(tenant)
        if load is None:
            self._queued, in_flight = await self._store.load_counts(tenant)
            load = self._loads[tenant] = _Load(in_flight)
        if load.in_flight >= self._limits.in_flight:
            over = load.in_flight - self._limits.in_flight + 1
            _, own = await self.drain_rate(tenant)
            raise TooManyRequests(
                f"{load.in_flight} tasks are in flight; at most {self._limits.in_flight} may be.",
                retry_after=self._next_place(tenant, over / own, own),
            )
        if self._queued >= self._limits.queued_total:
            everybody, _ = await self.drain_rate(tenant)
            over = self._queued - self._limits.queued_total + 1
            raise ServiceUnavailable(
                "The queue is full.", retry_after=self._next_place("", over / everybody, everybody)
            )
        self._queued += 1
        load.in_flight += 1

    def _next_place(self, whose: str, soonest: float, rate: float) -> float:
        """Seconds until a place is free that no other caller was given, so that they do not all return at once."""
        now = time.monotonic()
        at = max(now + soonest, self._promised.get(whose, 0.0) + 1 / rate)
        at = min(at, now + _LONGEST)
        self._promised[whose] = at
        return max(1.0, at - now)

"""Who may submit now: tasks in flight per tenant, queued in all, submissions per minute per key."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass

from reverie.errors import ServiceUnavailable, TooManyRequests
from reverie.settings import Limits
from reverie.store import GatewayStore, Key

__all__ = ["Admission"]

_FRESH = 1.0
"""Seconds for which counts from the database are good; submissions in between are added by hand."""


@dataclass(slots=True)
class _Load:
    at: float
    queued: int
    in_flight: int


class Admission:
    """Refuses what would only wait, with the time after which it is likely to be taken."""

    def __init__(self, store: GatewayStore, limits: Limits) -> None:
        self._store = store
        self._limits = limits
        self._loads: dict[str, _Load] = {}
        self._minutes: dict[str, tuple[float, float]] = {}
        self._ended: deque[tuple[float, int]] = deque(maxlen=120)

    def saw_ended(self, count: int) -> None:
        """Note tasks that ended: the drain rate behind an honest Retry-After."""
        self._ended.append((time.monotonic(), count))

    def drain_rate(self) -> float:
        """Tasks ended per second over the last minute; at least one in ten seconds."""
        now = time.monotonic()
        recent = [(at, n) for at, n in self._ended if now - at < 60]
        if not recent:
            return 0.1
        return max(0.1, sum(n for _, n in recent) / max(1.0, now - recent[0][0]))

    def spend(self, key: Key) -> tuple[int, int, float]:
        """Take one submission from the key's bucket: ``(limit, remaining, seconds until full)``.

        Raises ``TooManyRequests`` when the bucket is empty.
        """
        limit = self._limits.per_minute
        now = time.monotonic()
        level, at = self._minutes.get(key.id, (float(limit), now))
        level = min(float(limit), level + (now - at) * limit / 60)
        if level < 1:
            self._minutes[key.id] = (level, now)
            raise TooManyRequests(f"This key may submit {limit} tasks a minute.", retry_after=(1 - level) * 60 / limit)
        self._minutes[key.id] = (level - 1, now)
        return limit, int(level - 1), (limit - level + 1) * 60 / limit

    async def admit(self, tenant: str) -> None:
        """Raises ``TooManyRequests`` or ``ServiceUnavailable`` when the queue is full."""
        load = self._loads.get(tenant)
        if load is None or time.monotonic() - load.at > _FRESH:
            queued, in_flight = await self._store.load(tenant)
            load = self._loads[tenant] = _Load(time.monotonic(), queued, in_flight)
            if len(self._loads) > 10_000:
                self._loads.pop(next(iter(self._loads)))
        if load.in_flight >= self._limits.in_flight:
            over = load.in_flight - self._limits.in_flight + 1
            raise TooManyRequests(
                f"{load.in_flight} tasks are in flight; at most {self._limits.in_flight} may be.",
                retry_after=min(300.0, over / self.drain_rate()),
            )
        if load.queued >= self._limits.queued_total:
            raise ServiceUnavailable(
                "The queue is full.", retry_after=min(300.0, max(1.0, load.queued * 0.01 / self.drain_rate()))
            )
        load.queued += 1
        load.in_flight += 1

"""Events over Redis pub/sub: workers and gateways publish, every gateway process subscribes once.

An event says what changed, never the result itself: that is read from PostgreSQL, once a process.
Losing an event is harmless, since sockets also look at the stored state.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import orjson
import redis

from reverie.queue.redis_connection import open_sync
from reverie.store.rows import TaskRow

__all__ = ["CONTROL", "EVENTS", "EventPublisher", "encode_event"]

EVENTS = "reverie:events"
"""Channel of task events."""

CONTROL = "reverie:control"
"""Channel of commands to all processes (a key was revoked)."""

log = logging.getLogger(__name__)


def encode_event(row: TaskRow, event: dict[str, Any] | None = None) -> bytes:
    """An event with its tenant, as published."""
    return orjson.dumps({"tenant": row.tenant, "event": event or row.event()})


class EventPublisher:
    """The worker's publisher. Never raises and never waits long: after a failure it stays quiet for a second."""

    def __init__(self, redis_url: str | None) -> None:
        self._redis = open_sync(redis_url, seconds=0.5, check_every=5)
        self._quiet_until = 0.0

    def publish(self, row: TaskRow, event: dict[str, Any] | None = None) -> bool:
        """Send an event; False when it could not be sent."""
        if self._redis is None or time.monotonic() < self._quiet_until:
            return False
        try:
            self._redis.publish(EVENTS, encode_event(row, event))
        except redis.RedisError as error:
            self._quiet_until = time.monotonic() + 1.0
            log.debug("event not published: %s", error)
            return False
        return True

    def close(self) -> None:
        """Close the connection."""
        if self._redis is not None:
            self._redis.close()

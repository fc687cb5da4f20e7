"""Pushes events to sockets: one Redis subscriber per process, one bounded queue per socket.

Pub/sub may lose events, so the hub also looks at the stored state of the tasks that somebody waits for: at once
after a reconnect, every second while Redis is away, and now and then while it is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from cachetools import LRUCache
from redis.exceptions import RedisError

from reverie.aio.background import Background
from reverie.aio.batcher import Batcher
from reverie.contracts import INTERNAL_OPERATIONS, TERMINAL, Status
from reverie.errors import ReverieError, TaskErased
from reverie.queue.bus import CONTROL, EVENTS
from reverie.queue.redis_connection import RedisConnection, open_async
from reverie.store import GatewayStore, TaskRow
from reverie.store.happenings import event_of, stream_name

__all__ = ["Hub", "Subscription"]

log = logging.getLogger(__name__)

_QUEUE = 256
"""Events a socket may be behind before it is dropped."""


@dataclass(eq=False, slots=True)
class Subscription:
    """One listener: a task's, or (without a task) a tenant's."""

    tenant: str
    task_id: str | None = None
    #: The key that listens; its open streams are counted.
    key_id: str | None = None
    user_id: str | None = None
    operation: str | None = None
    events: asyncio.Queue[dict[str, Any] | None] = field(default_factory=lambda: asyncio.Queue(_QUEUE))
    #: The listener was too slow and got None as its last item.
    overrun: bool = False
    #: Its key was revoked, and it got None as its last item.
    revoked: bool = False
    seen: LRUCache[str, int] = field(default_factory=lambda: LRUCache(10_000))

    def wants(self, event: dict[str, Any]) -> bool:
        """Whether the filters let the event through."""
        return (self.user_id is None or event.get("user_id") == self.user_id) and (
            self.operation is None or event.get("operation") == self.operation
        )

    def offer(self, event: dict[str, Any]) -> None:
        """Queue an event unless it is old; a full queue drops the listener, never the event's other readers."""
        task_id, seq = stream_name(event), event["seq"]
        if self.overrun or self.revoked or seq <= self.seen.get(task_id, -1):
            return
        self.seen[task_id] = seq
        if self.events.qsize() >= _QUEUE - 1:
            self.overrun = True
            with contextlib.suppress(asyncio.QueueFull):
                self.events.put_nowait(None)
            return
        self.events.put_nowait(event)


def _erased_event(task_id: str, operation: str | None, user_id: str | None) -> dict[str, Any]:
    """The last event of a task that was erased. Its seq is above all others, so that nothing follows it."""
    return {
        "seq": 2**53 - 1,
        "type": Status.CANCELLED,
        "task_id": task_id,
        "at": datetime.now(UTC),
        "operation": operation,
        "user_id": user_id,
        "error": TaskErased().problem(),
    }


class Hub:
    """All listeners of this process."""

    def __init__(
        self,
        store: GatewayStore,
        redis_url: str | None,
        *,
        on_control: Callable[[dict[str, Any]], None],
        on_end: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._redis = open_async(redis_url, seconds=1.0, wait_for_ever=True)
        self._publisher = RedisConnection(redis_url, seconds=0.5) if redis_url else None
        self._on_control = on_control
        self._on_end = on_end
        self._by_task: defaultdict[str, set[Subscription]] = defaultdict(set)
        self._by_tenant: defaultdict[str, set[Subscription]] = defaultdict(set)
        self._open: Counter[str | None] = Counter()
        self._origin = f"{os.getpid()}-{id(self)}"
        self._own = b'{"origin":"' + self._origin.encode() + b'"'
        self._background = Background()
        self._look = asyncio.Event()
        self._looked_at = time.monotonic()
        self._outgoing = Batcher(self._send_events, capacity=10_000)
        self.connected = False
        #: Events handed to listeners since the start.
        self.delivered = 0

    def start(self) -> None:
        """Start listening to Redis and looking at the database."""
        self._background.run(self._watch, "hub-watch")
        if self._redis is not None:
            self._background.run(self._listen, "hub-listen")

    async def stop(self) -> None:
        """Stop, and wake every listener with None."""
        await self._background.stop()
        for subscription in self.subscriptions():
            subscription.overrun = True
            with contextlib.suppress(asyncio.QueueFull):
                subscription.events.put_nowait(None)
        await self._outgoing.stop(ConnectionError("the gateway ends"))
        if self._publisher is not None:
            await self._publisher.close()
        if self._redis is not None:
            with contextlib.suppress(RedisError, OSError):
                await self._redis.aclose()

    def look(self) -> None:
        """Compare all listeners with the database now: a key was revoked, or events may be lost."""
        self._look.set()

    def subscriptions(self) -> list[Subscription]:
        """All listeners."""
        return [s for group in (*self._by_task.values(), *self._by_tenant.values()) for s in group]

    @contextlib.contextmanager
    def subscribe(self, subscription: Subscription) -> Any:
        """Listen for the length of the block. Subscribe first, read the stored state second: nothing falls between."""
        groups = self._by_tenant if subscription.task_id is None else self._by_task
        key = subscription.tenant if subscription.task_id is None else subscription.task_id
        groups[key].add(subscription)
        self._open[subscription.key_id] += 1
        try:
            yield subscription
        finally:
            groups[key].discard(subscription)
            if not groups[key]:
                del groups[key]
            self._open[subscription.key_id] -= 1
            if not self._open[subscription.key_id]:
                del self._open[subscription.key_id]

    def open_streams(self, key_id: str | None = None) -> int:
        """Open streams of a key, or of all."""
        return self._open[key_id] if key_id is not None else self._open.total()

    def publish(self, row: TaskRow) -> None:
        """Tell everybody about a change made by this gateway: here at once, elsewhere through Redis."""
        self._announce(row.tenant, row.event())

    def publish_event(self, tenant: str, event: dict[str, Any]) -> None:
        """Tell everybody about something that happened to a user's memories."""
        self._announce(tenant, event)

    def _announce(self, tenant: str, event: dict[str, Any]) -> None:
        self._deliver(tenant, event)
        if self._publisher is not None and self.connected:
            self._outgoing.put((tenant, event))

    def publish_erased(self, tenant: str, user_id: str, tasks: Sequence[tuple[str, str]]) -> None:
        """Tell those who wait for erased tasks, ``(id, operation)``, that there is nothing more to come."""
        for task_id, operation in tasks:
            self._announce(tenant, _erased_event(task_id, operation, user_id))

    async def close_revoked(self) -> None:
        """Close the streams whose key is revoked. Raises ``ServiceUnavailable`` when the database cannot be asked."""
        ids = sorted({s.key_id for s in self.subscriptions() if s.key_id is not None})
        live = await self._store.live_keys(ids) if ids else set()
        for subscription in self.subscriptions():
            if subscription.key_id is not None and subscription.key_id not in live and not subscription.revoked:
                subscription.revoked = True
                while not subscription.events.empty():  # what waits there is not for this key any more
                    subscription.events.get_nowait()
                subscription.events.put_nowait(None)

    async def control(self, message: dict[str, Any]) -> None:
        """Tell every gateway process something (and this one at once)."""
        self._on_control(message)
        if self._publisher is not None:
            await self._send(CONTROL, message)

    async def _send(self, channel: str, message: dict[str, Any]) -> None:
        assert self._publisher is not None
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            await self._publisher.ask([("PUBLISH", channel, orjson.dumps({"origin": self._origin, **message}))])

    async def _send_events(self, events: Sequence[tuple[str, dict[str, Any]]]) -> list[None]:
        """Many events in a message. Losing some is harmless: listeners also look at stored states."""
        (tenant, event), *more = events
        await self._send(EVENTS, {"tenant": tenant, "event": event, **({"more": more} if more else {})})
        return [None] * len(events)

    def _deliver(self, tenant: str, event: dict[str, Any]) -> None:
        if event["type"] in TERMINAL:
            self._on_end(event["task_id"])
        of_task = () if "event_id" in event else tuple(self._by_task.get(event["task_id"], ()))
        for subscription in of_task:
            if subscription.tenant == tenant:
                subscription.offer(event)
                self.delivered += 1
        if event.get("operation") in INTERNAL_OPERATIONS:
            return
        for subscription in tuple(self._by_tenant.get(tenant, ())):
            if subscription.wants(event):
                subscription.offer(event)
                self.delivered += 1

    async def _listen(self) -> None:
        assert self._redis is not None
        wait = 0.05
        while True:
            pubsub = self._redis.pubsub()
            try:
                await pubsub.subscribe(EVENTS, CONTROL)
                self.connected = True
                wait = 0.05
                self._look.set()
                while True:
                    # A half-open connection says nothing for ever; a ping that is not answered ends it.
                    message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=5.0)
                    if message is None:
                        async with asyncio.timeout(3.0):
                            await pubsub.ping()
                            while (await pubsub.parse_response(block=True)) is None:
                                pass
                        continue
                    if message["type"] == "message":
                        self._receive(message)
            except (RedisError, OSError, TimeoutError) as error:
                if self.connected:
                    log.warning("events from Redis interrupted: %s", type(error).__name__)
                self.connected = False
                self._look.set()
            finally:
                with contextlib.suppress(RedisError, OSError, TimeoutError):
                    await pubsub.aclose()  # type: ignore[no-untyped-call]
            await asyncio.sleep(wait)
            wait = min(wait * 2, 1.0)

    def _receive(self, message: dict[str, Any]) -> None:
        if message["data"].startswith(self._own):
            return  # not even read: under load half of what comes is one's own
        try:
            data = orjson.loads(message["data"])
            if message["channel"] == CONTROL.encode():
                self._on_control(data)
            else:
                self._deliver(data["tenant"], data["event"])
                for tenant, event in data.get("more", ()):
                    self._deliver(tenant, event)
        except (ValueError, KeyError, TypeError):
            log.warning("a message on %s could not be read", message["channel"])

    async def _watch(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(5.0 if self.connected else 1.0):
                    await self._look.wait()
            self._look.clear()
            now = time.monotonic()
            with contextlib.suppress(ReverieError):  # the database is away
                await self._find_missed(now - self._looked_at + 2.0)
                self._looked_at = now

    async def _find_missed(self, age: float) -> None:
        """Deliver what changed in the last ``age`` seconds to those who listen and did not hear of it."""
        await self.close_revoked()
        waited_for = {task_id: next(iter(group)).tenant for task_id, group in self._by_task.items()}
        ids = list(waited_for)
        for start in range(0, len(ids), 1000):
            for row in await self._store.states(ids[start : start + 1000]):
                self._deliver(row.tenant, row.event())
                waited_for.pop(row.id, None)
        for task_id, tenant in waited_for.items():  # erased, and the event of the erasure was lost
            self._deliver(tenant, _erased_event(task_id, None, None))
        if self._by_tenant:
            for row in await self._store.recent_endings(list(self._by_tenant), age):
                self._deliver(row.tenant, row.event())
            for one in await self._store.rows("recent_happenings", tenants=list(self._by_tenant), age=age):
                self._deliver(one["tenant"], event_of(one))

"""Publishes task ids. What cannot be published is dropped: the row stays, and the sweeper sends it again."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence

from celery import Celery
from kombu.connection import Connection
from redis.exceptions import RedisError

from reverie.aio.batcher import Batcher
from reverie.queue.celery_app import broker_name, plain_redis, send_task
from reverie.queue.celery_messages import CeleryMessages
from reverie.queue.redis_connection import RedisConnection
from reverie.settings import Settings

__all__ = ["Dispatcher", "RedisDispatcher", "ThreadDispatcher", "make_dispatcher"]

log = logging.getLogger(__name__)

_SECONDS = 1.0
"""Seconds that Redis may take for a group before it counts as away."""

Message = tuple[str, str]
"""A task's id and its queue."""


class Dispatcher(ABC):
    """Hands tasks to the broker; ``put`` never blocks."""

    def __init__(self) -> None:
        #: Messages sent, and messages given up, since the start.
        self.sent = 0
        self.dropped = 0
        #: Whether the last try failed; readiness looks at it.
        self.broken = False

    @abstractmethod
    async def start(self) -> None:
        """Be ready to send."""

    @abstractmethod
    async def stop(self, timeout: float = 2.0) -> None:
        """Publish what waits, for at most ``timeout`` seconds."""

    @abstractmethod
    def put(self, task_id: str, queue_name: str) -> bool:
        """Hand over a task for publication; False when too many wait already."""

    def _succeeded(self, group: Sequence[Message]) -> None:
        self.sent += len(group)
        self.broken = False

    def _failed(self, group: Sequence[Message], error: Exception) -> None:
        self.dropped += len(group)
        if not self.broken:
            log.warning("broker not reachable, the sweeper will send again: %s", type(error).__name__)
        self.broken = True


def make_dispatcher(app: Celery, settings: Settings, *, capacity: int = 10_000) -> Dispatcher:
    """The dispatcher for the broker in ``settings``; at most ``capacity`` messages wait."""
    url = plain_redis(settings)
    return RedisDispatcher(app, url, capacity=capacity) if url else ThreadDispatcher(app, capacity=capacity)


class RedisDispatcher(Dispatcher):
    """Sends over one connection from the event loop: a thread would contend with it for the interpreter."""

    def __init__(self, app: Celery, redis_url: str, *, capacity: int) -> None:
        super().__init__()
        self._app = app
        self._line = RedisConnection(redis_url, seconds=_SECONDS)
        self._messages = Batcher(self._send, capacity=capacity)
        self._envelopes: CeleryMessages | None = None

    async def start(self) -> None:
        """Have Celery make the message that all others are made after."""
        self._envelopes = await asyncio.to_thread(CeleryMessages, self._app)

    async def stop(self, timeout: float = 2.0) -> None:
        """Publish what waits, for at most ``timeout`` seconds."""
        await self._messages.stop(ConnectionError("the gateway ends"), seconds=timeout)
        await self._line.close()

    def put(self, task_id: str, queue_name: str) -> bool:
        """Hand over a task for publication, in the event loop; False when too many wait already."""
        handed_over = self._messages.put((task_id, queue_name))
        self.dropped += not handed_over
        return handed_over

    async def _send(self, group: Sequence[Message]) -> list[None]:
        assert self._envelopes is not None
        message = self._envelopes.message
        commands = [
            ("LPUSH", broker_name(name), *(message(task_id, name) for task_id, _ in tasks))
            for name, tasks in itertools.groupby(group, key=lambda task: task[1])
        ]
        try:
            await self._line.ask(commands)
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(group, error)
            # Each group would wait for its own timeout; rows are safe in PostgreSQL.
            self.dropped += self._messages.drop(error)
        else:
            self._succeeded(group)
        return [None] * len(group)


class ThreadDispatcher(Dispatcher):
    """Sends with Celery, whatever the broker, from a thread of its own: that may block for seconds.

    So what waits is the thread's queue, and not `Batcher`, which belongs to an event loop.
    """

    def __init__(self, app: Celery, *, capacity: int) -> None:
        super().__init__()
        self._app = app
        self._waiting: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._capacity = capacity
        self._thread: threading.Thread | None = None

    async def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)
        self._thread.start()

    async def stop(self, timeout: float = 2.0) -> None:
        """Publish what waits, for at most ``timeout`` seconds."""
        self._waiting.put(None)
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, timeout)

    def put(self, task_id: str, queue_name: str) -> bool:
        """Hand over a task for publication; False when too many wait already."""
        if self._waiting.qsize() >= self._capacity:
            self.dropped += 1
            return False
        self._waiting.put((task_id, queue_name))
        return True

    def _run(self) -> None:
        connection: Connection | None = None
        while (item := self._waiting.get()) is not None:
            try:
                if connection is None:
                    connection = self._app.connection_for_write()
                producer = self._app.amqp.Producer(connection.default_channel, auto_declare=False)
                send_task(self._app, producer, *item)
                self._succeeded([item])
            except Exception as error:
                # Any broker's error class: the cure is the same for all, a new connection and the sweeper.
                self._failed([item], error)
                if connection is not None:
                    with contextlib.suppress(Exception):
                        connection.collect()
                connection = None
                self._drop_waiting()

    def _drop_waiting(self) -> None:
        # With the broker away, each publish would wait for its own timeout; rows are safe in PostgreSQL.
        with contextlib.suppress(queue.Empty):
            while True:
                if self._waiting.get_nowait() is None:
                    self._waiting.put(None)
                    return
                self.dropped += 1

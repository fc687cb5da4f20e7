"""Publishes task ids from a thread of its own: Celery's publish may block for seconds, the event loop may not."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time

from celery import Celery
from kombu.connection import Connection
from kombu.transport.redis import Channel

from reverie.queue.celery_app import send_task
from reverie.queue.envelope import Envelopes

__all__ = ["Dispatcher"]

log = logging.getLogger(__name__)

_GROUP = 128
"""Most messages sent in one round trip."""


class Dispatcher:
    """``put`` never blocks. What cannot be published is dropped: the row stays, and the sweeper sends it again."""

    def __init__(self, app: Celery, *, capacity: int = 10_000) -> None:
        self._app = app
        self._waiting: queue.SimpleQueue[tuple[str, str] | None] = queue.SimpleQueue()
        self._capacity = capacity
        self._envelopes: Envelopes | None = None
        self._thread: threading.Thread | None = None
        #: Messages sent, and messages given up, since the start.
        self.sent = 0
        self.dropped = 0
        #: Monotonic time of the last success; readiness looks at it.
        self.healthy_at = time.monotonic()
        self.broken = False

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """Publish what waits, for at most ``timeout`` seconds."""
        self._waiting.put(None)
        if self._thread is not None:
            self._thread.join(timeout)

    def put(self, task_id: str, queue_name: str) -> bool:
        """Hand over a task for publication; False when too many wait already."""
        if self._waiting.qsize() >= self._capacity:
            self.dropped += 1
            return False
        self._waiting.put((task_id, queue_name))
        return True

    def _run(self) -> None:
        connection = None
        while True:
            group = self._next()
            if not group:
                return
            try:
                if connection is None:
                    connection = self._app.connection_for_write()
                self._send(connection, group)
                self.sent += len(group)
                self.healthy_at = time.monotonic()
                self.broken = False
            except Exception as error:
                # Any broker's error class: the cure is the same for all, a new connection and the sweeper.
                self.dropped += len(group)
                if not self.broken:
                    log.warning("broker not reachable, the sweeper will send again: %s", type(error).__name__)
                self.broken = True
                if connection is not None:
                    with contextlib.suppress(Exception):
                        connection.collect()
                connection = None
                self._drop_waiting()

    def _next(self) -> list[tuple[str, str]]:
        """What waits, at least one; empty when it is time to stop."""
        item = self._waiting.get()
        group = []
        while item is not None:
            group.append(item)
            if len(group) >= _GROUP:
                break
            try:
                item = self._waiting.get_nowait()
            except queue.Empty:
                break
        else:
            if group:
                self._waiting.put(None)
        return group

    def _send(self, connection: Connection, group: list[tuple[str, str]]) -> None:
        channel = connection.default_channel
        if isinstance(channel, Channel):
            if self._envelopes is None:
                self._envelopes = Envelopes(self._app)
            self._envelopes.send(channel, group)
            return
        producer = self._app.amqp.Producer(channel, auto_declare=False)
        for task_id, queue_name in group:
            send_task(self._app, producer, task_id, queue_name)

    def _drop_waiting(self) -> None:
        # With the broker away, each publish would wait for its own timeout; rows are safe in PostgreSQL.
        with contextlib.suppress(queue.Empty):
            while True:
                if self._waiting.get_nowait() is None:
                    self._waiting.put(None)
                    return
                self.dropped += 1

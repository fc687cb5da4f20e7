"""What keeps a Celery worker working: it looks for forgotten work by itself, and it comes back to a broker soon.

A message may be lost between broker and worker, and Celery's own reconnection waits up to 30 seconds. So a worker
with a free child sends it, every two seconds, to look into PostgreSQL for tasks whose message is overdue.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from celery.bootsteps import StartStopStep
from celery.worker.consumer import Consumer
from celery.worker.state import maybe_shutdown, reserved_requests

__all__ = ["OVERDUE", "Pulse", "steady_consumer", "waker"]

log = logging.getLogger(__name__)

OVERDUE = 2.0
"""Seconds after which a queued task's message counts as lost for a child that has nothing else to do."""

_TICK = 0.5
_LOOK_EVERY = 2.0
_HELD = 3.0
"""Seconds after which messages that nobody works on, and that keep others from coming, count as stuck."""

_STALE = 15.0
"""Seconds without a turn of the loop, or an answer of the database, after which no progress is possible."""


class Pulse:
    """What a worker knows about its own health; written by its main thread, read by the health server's."""

    def __init__(self) -> None:
        #: Last turn of Celery's loop, which stops turning while the broker is away.
        self.turned_at = -math.inf
        #: Last time a child reached the database, or was busy with a task it had got from there; never at the start.
        self.worked_at = -math.inf
        #: The broker was reached, and the children are up.
        self.consuming = False
        self.draining = False
        #: Tasks found without a message.
        self.found = 0

    def checks(self) -> dict[str, str]:
        """Readiness by part; ``ok`` everywhere means that a task can be worked on."""
        now = time.monotonic()
        turning = self.consuming and now - self.turned_at < _STALE
        return {
            "broker": "ok" if turning else "unreachable",
            "database": "ok" if now - self.worked_at < _STALE else "unreachable",
            "state": "draining" if self.draining else "ok",
        }

    @property
    def ready(self) -> bool:
        """Whether work would be taken and done."""
        return all(value == "ok" for value in self.checks().values())


def steady_consumer(pulse: Pulse) -> type[Consumer]:
    """Celery's consumer, which tries a broker that is away again every second and not every thirty."""

    class SteadyConsumer(Consumer):  # type: ignore[misc]
        def ensure_connected(self, conn: Any) -> Any:
            def failed(error: Exception, _: float) -> None:
                self.broker_connection_retry_attempt += 1
                if self.broker_connection_retry_attempt == 1:
                    log.warning("broker not reachable, trying again every second: %s", type(error).__name__)

            pulse.consuming = False
            conn.ensure_connection(
                failed, None, interval_start=0.2, interval_step=0.2, interval_max=1.0, callback=maybe_shutdown
            )
            self.first_connection_attempt = False
            self.broker_connection_retry_attempt = 0
            return conn

    return SteadyConsumer


def _held_by_nobody(consumer: Any) -> bool:
    """Whether the broker sends nothing more because of messages that are done.

    Over Redis an acknowledgement uses a connection of its own. When that one times out, Celery logs it and goes on;
    the message stays counted, and with a child for each message none is ever fetched again.
    """
    qos = getattr(consumer.task_consumer.channel, "qos", None)  # AMQP's channels have none
    return qos is not None and not qos.can_consume() and not reserved_requests


def waker(pulse: Pulse, queues: Sequence[str], look: Callable[[list[str]], str | None]) -> type[StartStopStep]:
    """A part of Celery's consumer that sends free children to look for overdue tasks.

    ``look`` runs in a child and must be importable there by name.
    """

    class Waker(StartStopStep):  # type: ignore[misc]
        requires = {"celery.worker.consumer.tasks:Tasks"}

        def __init__(self, consumer: Any, **options: Any) -> None:
            super().__init__(consumer, **options)
            self._looking = 0
            self._look_at = 0.0
            self._free_at = time.monotonic()

        def start(self, consumer: Any) -> None:
            # Celery clears its timer with every lost connection, and starts all parts again after it.
            pulse.consuming = True
            consumer.timer.call_repeatedly(_TICK, self._tick, (consumer,))

        def _tick(self, consumer: Any) -> None:
            now = time.monotonic()
            pulse.turned_at = now
            if not _held_by_nobody(consumer):
                self._free_at = now
            elif now - self._free_at > _HELD:
                # Caught by Celery's loop as what it is, which connects again.
                raise ConnectionResetError("an acknowledgement was lost, and no message comes any more")
            outstanding = len(consumer.pool._pool._cache)
            if outstanding > self._looking and pulse.worked_at > 0:
                pulse.worked_at = now
            if now < self._look_at or outstanding >= consumer.pool.num_processes:
                return
            self._look_at = now + _LOOK_EVERY
            self._looking += 1
            consumer.pool.apply_async(look, (list(queues),), callback=self._looked, error_callback=self._failed)

        def _looked(self, found: str | None) -> None:
            self._looking -= 1
            pulse.worked_at = time.monotonic()
            if found is not None:
                pulse.found += 1
                self._look_at = 0.0  # where one was forgotten, there may be more

        def _failed(self, *_: Any) -> None:
            # The database was away, or the child died; the lease and the next look take care of the task.
            self._looking -= 1

    return Waker

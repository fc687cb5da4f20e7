"""One attempt at a task: its lease, its progress and its end.

A thread of its own renews the lease, so that long work in C code does not look like death; where such code keeps the
interpreter to itself, the keeper does it (``keeper``). It also watches for the
four reasons to stop: the attempt lost its task (cancelled, erased, taken over), it ran too long, its client's deadline
passed, or the worker is asked to leave. Work is asked to stop at its next progress call, and killed when it does not
listen.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg

from reverie._tracing import Stages
from reverie.contracts import OPERATIONS, Status
from reverie.errors import DeadlinePassed, LeaseLost, TimeLimit
from reverie.queue import EventPublisher
from reverie.settings import QueueSettings
from reverie.store import TaskRow, WorkerStore
from reverie.worker.keeper import Board
from reverie.worker.stages import overall

__all__ = ["Attempt", "Stopped", "TryAgain"]

log = logging.getLogger(__name__)

_PUBLISH_EVERY = 0.1
"""Seconds between progress events."""

_STOP_GRACE = 2.0
"""Seconds that work has to notice it should stop, before its process is killed."""

_MAX_SEQ = 999_990


def _unheard(operation: str) -> float:
    """Seconds for which an operation's progress is of no use to anybody."""
    spec = OPERATIONS[operation]
    return float("inf") if not spec.public else _PUBLISH_EVERY if spec.waits else 0.0


class Stopped(LeaseLost):
    """The attempt was asked to stop."""


class TryAgain(Exception):
    """More is to be done than one attempt does, or it was overtaken: the task is handed back, and runs again."""


class Attempt:
    """A claimed task, to be used as a context manager around the work."""

    def __init__(
        self,
        row: TaskRow,
        *,
        heartbeat_store: WorkerStore,
        events: EventPublisher,
        settings: QueueSettings,
        drain_at: Callable[[], float],
        kill: Callable[[], None] | None = None,
        board: Board | None = None,
    ) -> None:
        self.row = row
        self._store = heartbeat_store
        self._events = events
        self._settings = settings
        self._drain_at = drain_at
        self._kill = kill or _kill_this_process
        self._board = board
        self._stage: tuple[str, int, int] = ("starting", 0, 0)
        self._stages = Stages()
        #: Stages of which it was told that all is done.
        self._done: set[str] = set()
        self._fraction = 0.0
        self._counter = 0
        self._published_at = 0.0
        self._stop: str | None = None
        self._over = threading.Event()
        self._settled = False
        self._lock = threading.Lock()
        self._started = time.monotonic()
        #: Until when progress is not told: of an answer that comes at once nobody needs it, and telling takes its time.
        self._quiet_until = self._started + _unheard(row.operation)
        self._late_at = float("inf")
        if row.deadline_at is not None and row.lease_until is not None:
            # Both are the database's clock, and the lease began with the claim; this machine's may be anything.
            left = (row.deadline_at - row.lease_until).total_seconds() + settings.lease_seconds
            self._late_at = self._started + left
        self._thread = threading.Thread(target=self._beat, name=f"lease-{row.id}", daemon=True)

    def __enter__(self) -> Attempt:
        self._events.publish(self.row, self._event(Status.RUNNING))
        self._tell_keeper()
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stages.end()
        self._over.set()
        # The next attempt uses the same connection; a database that is away ends this wait by its own time limits.
        self._thread.join()
        if self._board is not None:
            self._board.end()

    @property
    def stopped(self) -> str | None:
        """Why the work must stop: ``lost``, ``time``, ``late`` or ``drain``; None while it may go on."""
        return self._stop

    def progress(self, stage: str, done: int, total: int) -> None:
        """The engines' progress callback. Raises ``Stopped`` when the work must end."""
        if self._stop is not None:
            raise Stopped(self._stop)
        fraction = overall(self.row.operation, stage, done, total)
        if fraction is not None:
            self._fraction = max(self._fraction, fraction)
        new_stage = stage != self._stage[0]
        if new_stage:
            self._stages.enter(stage)
        self._stage = (stage, done, total)
        now = time.monotonic()
        if now < self._quiet_until:
            return
        # Some steps tell of each small part that all is done; the stage's end is told once.
        whole = bool(total) and done >= total and stage not in self._done
        if new_stage or whole or now - self._published_at >= _PUBLISH_EVERY:
            self._published_at = now
            if total and done >= total:
                self._done.add(stage)
            self._events.publish(self.row, self._event("progress"))

    def settle(self) -> None:
        """Call before the final write: from here on the lease is still renewed, but nothing stops or kills the work.

        Raises ``Stopped`` when it was asked to stop just before.
        """
        with self._lock:
            if self._stop is not None:
                raise Stopped(self._stop)
            self._settled = True

    def _event(self, kind: str) -> dict[str, Any]:
        stage, done, total = self._stage
        return {
            "seq": self._next_seq() if kind == "progress" else self.row.seq,
            "type": str(kind),
            "task_id": self.row.id,
            "at": datetime.now(UTC),
            "operation": self.row.operation,
            "user_id": self.row.user_id,
            "progress": {"stage": stage, "done": done, "total": total, "fraction": round(self._fraction, 4)},
        }

    def _next_seq(self) -> int:
        self._counter = min(self._counter + 1, _MAX_SEQ)
        return self.row.token * 1_000_000 + self._counter

    def _beat(self) -> None:
        settings = self._settings
        while not self._over.wait(settings.heartbeat_seconds):
            if self._board is not None:
                self._board.beat()
            reason = None if self._settled else self._due()
            if reason == "late" and self._has_more_time():
                continue
            if reason is not None:
                self._end(reason)
                return
            stage, done, total = self._stage
            seq = self.row.token * 1_000_000 + self._counter
            try:
                alive = self._store.heartbeat(
                    self.row, settings.lease_seconds, seq, (stage, done, total, self._fraction)
                )
            except psycopg.Error:
                continue  # the next beat may reach the database; if none does, the final write is fenced
            if not alive:
                self._end("lost")
                return

    def _has_more_time(self) -> bool:
        """Whether somebody joined the task meanwhile who waits for longer."""
        try:
            left = self._store.deadline_left(self.row)
        except psycopg.Error:
            return False
        self._late_at = float("inf") if left is None else time.monotonic() + left
        self._tell_keeper()
        return left is None or left > 0

    def _tell_keeper(self) -> None:
        if self._board is not None:
            until = min(self._started + self._settings.task_time_limit, self._late_at)
            self._board.begin(self.row.id, self.row.token, until)

    def _due(self) -> str | None:
        now = time.monotonic()
        if now - self._started > self._settings.task_time_limit:
            return "time"
        if now > self._late_at:
            return "late"
        return "drain" if now > self._drain_at() else None

    def _end(self, reason: str) -> None:
        with self._lock:
            if self._settled or self._over.is_set():
                return
            self._stop = reason
        # Whoever waits for the task hears at once; the process follows when the work does not listen.
        with contextlib.suppress(psycopg.Error, LeaseLost):
            if reason == "time":
                limit = self._settings.task_time_limit
                problem = TimeLimit(f"It was stopped after {limit:g} s (REVERIE_TASK_TIME_LIMIT).").problem()
                self._events.publish(self._store.fail(self.row, problem))
            elif reason == "late":
                self._events.publish(self._store.fail(self.row, DeadlinePassed().problem()))
            elif reason == "drain":
                released = self._store.release(self.row)
                if released is not None:
                    self._events.publish(released)
        if not self._over.wait(_STOP_GRACE):
            log.warning("task %s did not stop (%s); its process is killed", self.row.id, reason)
            self._kill()


def _kill_this_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)

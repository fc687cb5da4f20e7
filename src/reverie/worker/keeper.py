"""A process beside each worker process that keeps its lease where no text can stop it.

An attempt's own thread renews the lease, and shares the interpreter with the work. Code in C that does not let go of
the interpreter's lock (a search, a pattern, a decoder) stops that thread as long as it lasts, and after some seconds
the task would run twice. The keeper sees through shared memory when the thread was last alive. When it is late, but the
worker uses the processor, the keeper renews the lease in its place; and it kills a worker that has run beyond its time
or has lost its task, and does not listen. A worker that is stopped or waits for ever uses no processor: its lease runs
out.

Linux alone: elsewhere nobody can tell whether another process works.
"""

from __future__ import annotations

import ctypes
import logging
import mmap
import os
import signal
import struct
import sys
import time
from dataclasses import dataclass

import psycopg

from reverie.settings import QueueSettings
from reverie.store import WorkerStore

__all__ = ["Board", "Keeper", "Watched", "start_keeper"]

log = logging.getLogger(__name__)

_LAYOUT = struct.Struct("<qddq64s")
_PR_SET_PDEATHSIG = 1
_GRACE = 4.0
"""Seconds beyond the limits after which a worker that does not listen is killed; its own thread needs two."""


@dataclass(frozen=True, slots=True)
class Watched:
    """The attempt under way."""

    task_id: str
    token: int
    #: ``time.monotonic()``: when it must be over, and when its thread was last alive.
    until: float
    alive_at: float


class Board:
    """Some bytes of shared memory on which a worker writes what it is at. One writer, one reader."""

    def __init__(self) -> None:
        self._bytes = mmap.mmap(-1, mmap.PAGESIZE)
        self._write(0, 0.0, 0.0, 0, "")

    def begin(self, task_id: str, token: int, until: float) -> None:
        """An attempt begins; it must be over at ``until`` (``time.monotonic()``)."""
        self._write(self._number() + 2, until, time.monotonic(), token, task_id)

    def beat(self) -> None:
        """The attempt's thread is alive."""
        number, until, _, token, name = _LAYOUT.unpack_from(self._bytes)
        if name.rstrip(b"\0"):
            self._write(number, until, time.monotonic(), token, name.rstrip(b"\0").decode())

    def end(self) -> None:
        """The attempt is over."""
        self._write(self._number() + 2, 0.0, 0.0, 0, "")

    def read(self) -> Watched | None:
        """The attempt under way; None when there is none, or it is being written."""
        first = _LAYOUT.unpack_from(self._bytes)
        number, until, alive_at, token, name = first
        task_id = name.rstrip(b"\0").decode("ascii", "replace")
        if number % 2 or not task_id or _LAYOUT.unpack_from(self._bytes) != first:
            return None
        return Watched(task_id, token, until, alive_at)

    def _number(self) -> int:
        return int(_LAYOUT.unpack_from(self._bytes)[0])

    def _write(self, number: int, until: float, alive_at: float, token: int, task_id: str) -> None:
        # An odd number while it is being written.
        struct.pack_into("<q", self._bytes, 0, number + 1)
        struct.pack_into("<ddq64s", self._bytes, 8, until, alive_at, token, task_id.encode("ascii", "replace")[:64])
        struct.pack_into("<q", self._bytes, 0, number)


class Keeper:
    """What the process does: looks at the board once in a heartbeat."""

    def __init__(self, board: Board, worker: int, store: WorkerStore, settings: QueueSettings) -> None:
        self._board = board
        self._worker = worker
        self._store = store
        self._settings = settings
        self._used = 0.0
        self._lost: tuple[str, int, float] | None = None

    def look(self) -> None:
        """Renew the lease of a worker whose thread is late; kill one that does not end when it must."""
        now = time.monotonic()
        watched = self._board.read()
        used = processor_seconds(self._worker)
        works, self._used = used > self._used, used
        if watched is None or now - watched.alive_at < 1.5 * self._settings.heartbeat_seconds:
            self._lost = None
            return
        if now > watched.until + _GRACE:
            self._kill(watched, "ran beyond its time")
            return
        if not works:
            return
        try:
            kept = self._store.renew(watched.task_id, watched.token, self._settings.lease_seconds)
        except psycopg.Error:
            return  # the next look may reach the database
        lost = (watched.task_id, watched.token)
        if kept:
            self._lost = None
        elif self._lost is None or self._lost[:2] != lost:
            self._lost = (*lost, now)
        elif now - self._lost[2] > _GRACE:
            self._kill(watched, "has lost its task")

    def _kill(self, watched: Watched, why: str) -> None:
        if self._board.read() == watched:  # not one that has ended since
            log.warning("task %s %s and does not listen; its process is killed", watched.task_id, why)
            os.kill(self._worker, signal.SIGKILL)


def processor_seconds(process: int) -> float:
    """Processor time that a process has used so far; 0 when it is gone or stopped."""
    try:
        with open(f"/proc/{process}/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
    except OSError:
        return 0.0
    if fields[0] in (b"T", b"t", b"Z", b"X"):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def start_keeper(database_url: str, settings: QueueSettings) -> Board | None:
    """Fork the keeper of this process; None where there is none. Call it before threads start."""
    if sys.platform != "linux":
        return None
    board, worker = Board(), os.getpid()
    if os.fork():
        return board
    try:
        _run(board, worker, database_url, settings)
    finally:
        os._exit(0)


def _run(board: Board, worker: int, database_url: str, settings: QueueSettings) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(ignored, signal.SIG_IGN)
    # The worker's pipes and sockets must end with the worker.
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    keeper = Keeper(board, worker, WorkerStore(database_url, statement_timeout=settings.lease_seconds), settings)
    while os.getppid() == worker:
        time.sleep(settings.heartbeat_seconds)
        keeper.look()

"""Runs the roles as children and starts them again when they crash."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reverie.embedded import logs
from reverie.embedded.children import spawn

__all__ = ["Role", "Supervisor", "write_run_file"]

_BACKOFF = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_STABLE = 30.0
"""Seconds after which a role counts as healthy, and its next crash as the first."""
_TRIM_EVERY = 30.0
"""Seconds between looks at the size of logs."""


@dataclass(slots=True)
class Role:
    """A process to keep running: ``python -m reverie ARGUMENTS``."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    #: Seconds it has to stop by itself on SIGTERM.
    grace: float = 10.0


@dataclass(slots=True)
class _Child:
    role: Role
    process: subprocess.Popen[bytes]
    started: float
    crashes: int = 0
    restart_at: float | None = None


class Supervisor:
    """Starts roles, watches them, stops them. To be used from one thread, which must outlive the children."""

    def __init__(self, roles: Sequence[Role], log_folder: Path, *, say: Callable[[str], None] = print) -> None:
        self._roles = roles
        self._logs = log_folder
        self._say = say
        self._trim_at = 0.0
        self._children: list[_Child] = []
        self._stopping = threading.Event()

    def start(self) -> None:
        """Start every role."""
        self._children = [_Child(role, self._spawn(role), time.monotonic()) for role in self._roles]

    def add(self, role: Role) -> None:
        """Start one more role."""
        self._children.append(_Child(role, self._spawn(role), time.monotonic()))

    def _spawn(self, role: Role) -> subprocess.Popen[bytes]:
        with open(logs.prepare(self._logs, role.name), "ab") as out:
            return spawn(
                [sys.executable, "-m", "reverie", *role.arguments],
                log=out,
                env={**os.environ, **role.environment},
                cwd=Path.cwd(),
                # An owner that was killed takes its roles with it at once; PostgreSQL has what they accepted.
                death_signal=signal.SIGKILL,
            )

    def pids(self) -> dict[str, int]:
        """Process ids by role."""
        return {child.role.name: child.process.pid for child in self._children}

    def crashes(self, name: str) -> int:
        """How often a role has crashed in a row."""
        return next((child.crashes for child in self._children if child.role.name == name), 0)

    def check(self) -> None:
        """Start again what crashed, with growing pauses, and keep logs small; call about ten times a second."""
        now = time.monotonic()
        if now >= self._trim_at:
            logs.trim(self._logs)
            self._trim_at = now + _TRIM_EVERY
        for child in self._children:
            if child.restart_at is not None:
                if now >= child.restart_at:
                    child.process, child.started, child.restart_at = self._spawn(child.role), now, None
                continue
            status = child.process.poll()
            if status is None:
                continue
            if now - child.started > _STABLE:
                child.crashes = 0
            pause = _BACKOFF[min(child.crashes, len(_BACKOFF) - 1)]
            child.crashes += 1
            child.restart_at = now + pause
            log = self._logs / f"{child.role.name}.log"
            self._say(f"{child.role.name} stopped ({_reason(status)}); it starts again in {pause:g} s - see {log}")

    def run(self, beside: Callable[[], None] | None = None) -> None:
        """Watch until ``request_stop`` is called; ``beside`` is called with every look."""
        while not self._stopping.wait(0.1):
            if beside is not None:
                beside()
            self.check()

    def request_stop(self) -> None:
        """Make ``run`` return; safe in a signal handler."""
        self._stopping.set()

    def stop(self) -> None:
        """Stop every role: SIGTERM, then SIGKILL when its grace is over."""
        alive = [c for c in self._children if c.restart_at is None and c.process.poll() is None]
        for child in alive:
            child.process.send_signal(signal.SIGTERM)
        end = time.monotonic()
        for child in alive:
            try:
                child.process.wait(timeout=max(0.1, end + child.role.grace - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        self._children.clear()


def _reason(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def write_run_file(data_dir: Path, url: str, **servers: str) -> Path:
    """Tell clients of the same user where the service is: ``data_dir/run.json``.

    ``servers`` are addresses of embedded servers, for commands that work on the database itself.
    """
    path = data_dir / "run.json"
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    running = {"url": url, "pid": os.getpid(), "started_at": int(time.time()), **servers}
    fresh.write_text(json.dumps(running), encoding="utf-8")
    fresh.replace(path)
    return path

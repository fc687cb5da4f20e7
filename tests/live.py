"""A real gateway and real Celery workers as child processes of the test, and what tests ask of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import psycopg
from psycopg.rows import dict_row

from reverie.embedded.children import spawn
from tests.invariants import INVARIANTS, broken_rules
from tests.ports import free_port

__all__ = ["INVARIANTS", "LiveService"]


class LiveService:
    """Starts on entry, stops on exit; processes can be killed and started by name in between."""

    def __init__(
        self,
        database_url: str,
        redis_url: str,
        *,
        environment: Mapping[str, str] | None = None,
        workers: Mapping[str, tuple[str, int]] | None = None,
        gateways: int = 1,
    ) -> None:
        self.database_url, self.redis_url = database_url, redis_url
        self.key = "test-" + secrets.token_hex(16)
        self.data_dir = Path(tempfile.mkdtemp(prefix="reverie-live-"))
        self.environment = {
            **os.environ,
            "REVERIE_DATABASE_URL": database_url,
            "REVERIE_REDIS_URL": redis_url,
            "REVERIE_API_KEY": self.key,
            "REVERIE_DATA_DIR": str(self.data_dir),
            "REVERIE_EMBEDDER": "hash",
            "PYTHONFAULTHANDLER": "1",  # a crash leaves its stack in the log
            **(environment or {}),
        }
        self._workers = dict(workers if workers is not None else {"worker": ("fast,clustering,analysis,upkeep", 2)})
        self.ports = [free_port() for _ in range(gateways)]
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._sent_away: set[str] = set()

    @property
    def url(self) -> str:
        """The first gateway. Fails when a process ended that nobody sent away."""
        self._check_alive()
        return f"http://127.0.0.1:{self.ports[0]}"

    def __enter__(self) -> LiveService:
        try:
            for index in range(len(self.ports)):
                self.start_gateway(index)
            for name in self._workers:
                self.start_worker(name)
            for index in range(len(self.ports)):
                self.wait_ready(index)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self._check_alive()
        finally:
            self.stop()

    def _check_alive(self) -> None:
        for name, process in self.processes.items():
            if name not in self._sent_away and process.poll() is not None:
                raise AssertionError(f"{name} ended by itself, status {process.returncode}:\n{self.log(name)}")

    def _spawn(self, name: str, arguments: list[str]) -> None:
        self._sent_away.discard(name)
        with open(self.data_dir / f"{name}.log", "ab") as log:
            self.processes[name] = spawn(
                [sys.executable, "-m", "reverie", *arguments],
                log=log,
                env=self.environment,
                cwd=Path.cwd(),
                death_signal=signal.SIGKILL,
            )

    def start_gateway(self, index: int = 0) -> None:
        """Start gateway number ``index``; its process is called ``gateway0`` and so on."""
        self._spawn(f"gateway{index}", ["gateway", "--host", "127.0.0.1", "--port", str(self.ports[index])])

    def start_worker(self, name: str = "worker") -> None:
        """Start a worker by the name it was given."""
        queues, concurrency = self._workers[name]
        self._spawn(name, ["worker", "--queues", queues, "--concurrency", str(concurrency)])

    def kill(self, name: str, signum: int = signal.SIGKILL) -> None:
        """Send a signal to a process; SIGKILL also waits for its end."""
        if signum in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
            self._sent_away.add(name)
        self.processes[name].send_signal(signum)
        if signum == signal.SIGKILL:
            self.processes[name].wait()

    def wait_ready(self, index: int = 0, seconds: float = 60.0) -> None:
        """Until the gateway says it is ready."""
        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"http://127.0.0.1:{self.ports[index]}/readyz", timeout=5).status_code == 200:
                    return
            if self.processes[f"gateway{index}"].poll() is not None or time.monotonic() > end:
                raise AssertionError(f"gateway {index} is not ready:\n{self.log(f'gateway{index}')}")
            time.sleep(0.05)

    def log(self, name: str) -> str:
        """The end of a process's log."""
        path = self.data_dir / f"{name}.log"
        return path.read_text(errors="replace")[-5000:] if path.exists() else ""

    def stop(self) -> None:
        """Stop all processes and remove their folder."""
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.data_dir, ignore_errors=True)

    # -- what tests ask -----------------------------------------------------------------------------

    @property
    def headers(self) -> dict[str, str]:
        """The first key, all scopes."""
        return {"authorization": f"Bearer {self.key}"}

    @contextlib.contextmanager
    def client(self, **headers: str) -> Iterator[httpx.Client]:
        """A synchronous HTTP client with the key."""
        with httpx.Client(base_url=self.url, headers={**self.headers, **headers}, timeout=60) as client:
            yield client

    def session(self, **headers: str) -> aiohttp.ClientSession:
        """An asynchronous HTTP session with the key and further headers."""
        return aiohttp.ClientSession(self.url, headers={**self.headers, **headers})

    async def follow(self, session: aiohttp.ClientSession, task_id: str, seconds: float = 60.0) -> list[dict[str, Any]]:
        """All events of a task until the socket closes with 1000."""
        events: list[dict[str, Any]] = []
        async with asyncio.timeout(seconds), session.ws_connect(f"/results/{task_id}") as socket_:
            async for message in socket_:
                events.append(message.json())
            assert socket_.close_code == 1000, (socket_.close_code, events)
        return events

    def rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        """What a query finds in the database."""
        with psycopg.connect(self.database_url, row_factory=dict_row, autocommit=True) as connection:
            return connection.execute(query.encode(), parameters or None).fetchall()

    def check_invariants(self) -> None:
        """Fail on any row that breaks a rule which must always hold."""
        broken = broken_rules(self.database_url)
        assert not broken, broken

"""The whole service on one machine: servers, gateway and workers as children of this process."""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from reverie._cpus import processors
from reverie._listen import check_address, free_port
from reverie._secrets import read_secret
from reverie.embedded.servers import RunningServers, start_servers
from reverie.embedded.supervisor import Role, Supervisor, write_run_file
from reverie.errors import StartupError

__all__ = ["Service"]

_HEAD_START = 1.0
"""Seconds for which a gateway that starts has a machine of two or three cores for itself and its parser: the workers
take as much time to read their code, and nobody can send them anything before it is there."""

_CRASHES_AT_START = 3
"""Crashes of the gateway after which a start has failed: its settings are wrong, and more tries change nothing."""


@dataclass(slots=True)
class _Address:
    host: str
    port: int

    @property
    def url(self) -> str:
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::", "") else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


class Service:
    """Everything ``reverie up`` runs; a context manager. Use it from one thread that stays."""

    def __init__(
        self,
        data_dir: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        workers: int | None = None,
        environment: dict[str, str] | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        self.data_dir = data_dir.expanduser().absolute()
        self._address = _Address(host, port or free_port(host))
        cores = processors()
        self._workers = workers or max(min(2, cores), cores - 1)
        self._head_start = _HEAD_START if cores < 4 else 0.0
        #: What starts after the gateway, in order.
        self._later: list[Role] = []
        self._environment = environment or {}
        self._say = say
        self._servers: RunningServers | None = None
        self.supervisor: Supervisor | None = None
        self.api_key: str | None = None

    @property
    def url(self) -> str:
        """Where the gateway answers."""
        return self._address.url

    def __enter__(self) -> Service:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self) -> None:
        database, redis = read_secret("REVERIE_DATABASE_URL"), read_secret("REVERIE_REDIS_URL")
        check_address(self._address.host, self._address.port)
        self._servers = start_servers(
            self.data_dir, database_url=database, redis_url=redis, meanwhile=self._start_roles
        )
        self._wait_ready()
        self._start_later(len(self._later))
        self.api_key = read_secret("REVERIE_API_KEY") or _read_key(self.data_dir)
        # Addresses that were given may hold passwords and are in the environment anyway.
        own = {} if database else {"database_url": self._servers.database_url}
        own |= {} if redis else {"redis_url": self._servers.redis_url}
        write_run_file(self.data_dir, self.url, **own)

    def _start_roles(self, servers: RunningServers) -> None:
        """Start the gateway, and the workers in its wake. They read their code while the database starts."""
        environment = {
            # Somebody waits at the keyboard: long work is handed back soon, and goes on at the next start.
            "REVERIE_DRAIN_SECONDS": os.environ.get("REVERIE_DRAIN_SECONDS") or "3",
            **self._environment,
            "REVERIE_DATA_DIR": str(self.data_dir),
            "REVERIE_DATABASE_URL": servers.database_url,
            "REVERIE_DATABASE_WAIT": os.environ.get("REVERIE_DATABASE_WAIT") or "60",
            "REVERIE_REDIS_URL": servers.redis_url,
        }
        gateway = ["gateway", "--host", self._address.host, "--port", str(self._address.port)]
        heavy = ["worker", "--queues", "clustering,analysis", "--concurrency", str(self._workers)]
        self._later = [
            Role("worker-fast", ["worker", "--queues", "fast"], environment, grace=25),
            Role("worker-heavy", heavy, environment, grace=25),
            # Last: nothing is due in its first seconds, which belong to those that somebody waits for.
            Role("worker-upkeep", ["worker", "--queues", "upkeep", "--concurrency", "3"], environment, grace=25),
        ]
        self.supervisor = Supervisor([Role("gateway", gateway, environment)], self.data_dir / "logs", say=self._say)
        self.supervisor.start()
        self._workers_at = time.monotonic() + self._head_start
        if not self._head_start:
            self._start_later(len(self._later) - 1)

    def _start_later(self, count: int) -> None:
        assert self.supervisor is not None
        for role in self._later[:count]:
            self.supervisor.add(role)
        del self._later[:count]

    def _wait_ready(self) -> None:
        assert self.supervisor is not None
        end = time.monotonic() + 60
        # The system's proxy has no business with a service on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while True:
            if time.monotonic() >= self._workers_at:
                self._start_later(len(self._later) - 1)
            self.supervisor.check()
            gives_up = self.supervisor.crashes("gateway") >= _CRASHES_AT_START
            try:
                with opener.open(self.url + "/readyz", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            if gives_up or time.monotonic() > end:
                log = self.data_dir / "logs" / "gateway.log"
                tail = log.read_text(errors="replace")[-1500:] if log.exists() else ""
                raise StartupError(f"The gateway did not come up; the end of {log}:\n{tail}")
            time.sleep(0.05)

    def run(self) -> None:
        """Watch over everything until ``request_stop`` is called."""
        servers, say = self._servers, self._say
        assert self.supervisor is not None
        assert servers is not None
        self.supervisor.run(beside=lambda: servers.check(say))

    def request_stop(self) -> None:
        """Make ``run`` return; safe in a signal handler."""
        if self.supervisor is not None:
            self.supervisor.request_stop()

    def stop(self) -> None:
        """Stop everything; nothing accepted is lost."""
        run_file = self.data_dir / "run.json"
        if self.supervisor is not None:
            run_file.unlink(missing_ok=True)
            self.supervisor.stop()
            self.supervisor = None
        if self._servers is not None:
            self._servers.stop()
            self._servers = None


def _read_key(data_dir: Path) -> str | None:
    try:
        return (data_dir / "key").read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None

"""The service under test: PostgreSQL, Valkey, two gateways, three workers, supervised as ``reverie up`` does it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from reverie.embedded import RunningServers, start_servers
from reverie.embedded.children import nobody
from reverie.embedded.supervisor import Role, Supervisor
from reverie.store import KeyStore, migrate
from tests.chaos.labels import Labels
from tests.chaos.processes import children
from tests.ports import free_port

__all__ = ["MAX_WAIT", "QUIET", "TENANTS", "World"]

TENANTS = ("north", "south", "west")
QUIET, MAX_WAIT = 2.0, 15.0
"""Seconds without a change until a user's upkeep is due, and the age of a change that makes it due."""

_HERE = Path(__file__).parent


class World:
    """A context manager. ``watch`` must be called from the thread that entered; all else from anywhere."""

    def __init__(self, *, workers: int = 3, concurrency: int = 2, environment: dict[str, str] | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="reverie-chaos-"))
        self.folder.chmod(0o711)
        self._labels = Labels()
        self._workers, self._concurrency = workers, concurrency
        self._environment = environment or {}
        self.ports = [free_port(), free_port()]
        self.worker_ports = [free_port() for _ in range(workers)]
        self.keys = {tenant: "chaos-" + secrets.token_hex(16) for tenant in TENANTS}
        #: Ends by role that the supervisor saw and started again, and those that a fault caused.
        self.ended: list[str] = []
        self.caused: list[str] = []
        self.said: list[str] = []
        #: What could not be injected on this machine, and why.
        self.left_out: list[str] = []
        self._supervise = threading.Lock()
        self._stopping = threading.Event()
        self.servers: RunningServers
        self.supervisor: Supervisor
        self._connection: psycopg.Connection[dict[str, Any]] | None = None
        self._sql_lock = threading.Lock()
        self.full = self.folder / "results"
        self._clock = self.folder / "clock"
        self._mounted = False

    # -- life -----------------------------------------------------------------------------------------

    def __enter__(self) -> World:
        self._labels.__enter__()
        try:
            self.servers = start_servers(self.folder / "data")
            migrate(self.database_url)
            self.rows((_HERE / "audit.sql").read_text())
            for tenant, key in self.keys.items():
                KeyStore(self.database_url).create(tenant, tenant=tenant, secret=key)
            self._small_disk()
            self.supervisor = Supervisor(self._roles(), self.folder / "logs", say=self._heard)
            self.supervisor.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if hasattr(self, "supervisor"):
            self.supervisor.stop()
        self._forget_connection()
        if hasattr(self, "servers"):
            self.servers.stop()
        if self._mounted:
            subprocess.run(["umount", str(self.full)], check=False)
        self._labels.__exit__()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _roles(self) -> list[Role]:
        common = {
            "REVERIE_DATABASE_URL": self.database_url,
            "REVERIE_REDIS_URL": self.redis_url,
            "REVERIE_API_KEY": self.keys[TENANTS[0]],
            "REVERIE_DATA_DIR": str(self.folder / "home"),
            "REVERIE_EMBEDDER": "hash",
            "REVERIE_LABEL_URL": self._labels.url,
            "REVERIE_LABEL_TIMEOUT": "3600",
            "REVERIE_TASK_TIME_LIMIT": "45",
            "REVERIE_DRAIN_SECONDS": "5",
            "REVERIE_UPKEEP_QUIET": str(QUIET),
            "REVERIE_UPKEEP_MAX_WAIT": str(MAX_WAIT),
            "REVERIE_UPKEEP_PAUSE": "1",
            "OMP_NUM_THREADS": "1",
            **self._environment,
        }
        roles = [
            Role(f"gateway-{i}", ["gateway", "--host", "127.0.0.1", "--port", str(port)], common)
            for i, port in enumerate(self.ports)
        ]
        work = ["worker", "--queues", "fast,clustering,analysis,upkeep", "--concurrency", str(self._concurrency)]
        for i in range(self._workers):
            last = i == self._workers - 1
            own = {"REVERIE_WORKER_PORT": str(self.worker_ports[i]), **(self._moving_clock() if last else {})}
            roles.append(Role(f"worker-{i}", work, {**common, **own}, grace=15))
        return roles

    def _heard(self, line: str) -> None:
        self.said.append(line)
        self.ended.append(line.split()[0])

    def watch(self) -> None:
        """Supervise until ``stop``."""
        while not self._stopping.wait(0.05):
            with self._supervise:
                self.servers.check(self.said.append)
                self.supervisor.check()

    def stop(self) -> None:
        """Make ``watch`` return."""
        self._stopping.set()

    @contextlib.contextmanager
    def unsupervised(self) -> Iterator[None]:
        """Nothing that ends is started again within the block."""
        with self._supervise:
            yield

    # -- servers --------------------------------------------------------------------------------------

    @property
    def database_url(self) -> str:
        return self.servers.database_url

    @property
    def redis_url(self) -> str:
        return self.servers.redis_url

    @property
    def valkey(self) -> int:
        """Process id of Valkey."""
        return self.servers.pids["valkey"]

    @property
    def postgres(self) -> int:
        """Process id of PostgreSQL's first process."""
        return self.servers.pids["postgres"]

    def rows(self, query: str, *parameters: object, patience: float = 60.0) -> list[dict[str, Any]]:
        """What a query finds; tried again while the database is away."""
        end = time.monotonic() + patience
        while True:
            try:
                with self._sql_lock:
                    if self._connection is None:
                        self._connection = psycopg.connect(
                            self.database_url,
                            autocommit=True,
                            row_factory=dict_row,
                            connect_timeout=3,
                            application_name="chaos",
                        )
                    cursor = self._connection.execute(query.encode(), parameters or None)
                    return cursor.fetchall() if cursor.description else []
            except psycopg.OperationalError:
                self._forget_connection()
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def _forget_connection(self) -> None:
        with self._sql_lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    async def ask(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        """``rows`` without holding up the event loop."""
        return await asyncio.to_thread(self.rows, query, *parameters)

    async def until(self, query: str, *parameters: object, seconds: float = 60.0) -> dict[str, Any] | None:
        """The first row of a query as soon as there is one; None after ``seconds``."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := await self.ask(query, *parameters):
                return found[0]
            await asyncio.sleep(0.03)
        return None

    def now(self) -> Any:
        """The database's clock, by which the log of transitions goes."""
        return self.rows("SELECT clock_timestamp() AS at")[0]["at"]

    # -- roles ----------------------------------------------------------------------------------------

    def pids(self, prefix: str) -> dict[str, int]:
        """Running roles of a kind and their process ids."""
        return {name: pid for name, pid in self.supervisor.pids().items() if name.startswith(prefix)}

    def worker_of(self, child: int) -> tuple[str, int]:
        """Name and process id of the worker that a child belongs to."""
        for name, pid in self.pids("worker").items():
            if child in children(pid):
                return name, pid
        raise LookupError(f"no worker has a child {child}")

    def url(self, index: int) -> str:
        """Address of a gateway."""
        return f"http://127.0.0.1:{self.ports[index]}"

    @property
    def readiness(self) -> list[str]:
        """Where every gateway and every worker says whether it is ready."""
        return [f"http://127.0.0.1:{port}/readyz" for port in (*self.ports, *self.worker_ports)]

    # -- prepared trouble -------------------------------------------------------------------------------

    def _small_disk(self) -> None:
        """Results on a disk of their own, 160 MB small, so that it alone can be filled."""
        self.full.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(self.full)]
        if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
            self.left_out.append(
                "disk_full: mounting a small disk needs root; PostgreSQL's error is raised by a trigger"
            )
            return
        self._mounted = True
        space = self.full / "space"
        space.mkdir(mode=0o700)
        nobody().own(space)
        self.rows(f"CREATE TABLESPACE small LOCATION '{space}'")
        self.rows("ALTER TABLE results SET TABLESPACE small")

    @contextlib.contextmanager
    def disk_full(self) -> Iterator[None]:
        """No result can be stored within the block."""
        if self._mounted:
            filler = self.full / "filler"
            try:
                with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
                    while True:
                        file.write(bytes(4096))
                yield
            finally:
                filler.unlink(missing_ok=True)
            return
        self.rows(
            "CREATE FUNCTION chaos_full() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$"
        )
        self.rows("CREATE TRIGGER chaos_full BEFORE INSERT ON results EXECUTE FUNCTION chaos_full()")
        try:
            yield
        finally:
            self.rows("DROP FUNCTION chaos_full CASCADE")

    def _moving_clock(self) -> dict[str, str]:
        """Environment in which the wall clock can be moved."""
        compiler = next((path for name in ("cc", "gcc", "clang") if (path := shutil.which(name))), None)
        library = self.folder / "clock.so"
        command = [compiler or "", "-shared", "-fPIC", "-O2", "-o", str(library), str(_HERE / "clock.c"), "-lm"]
        if compiler is None or subprocess.run(command, check=False, capture_output=True).returncode != 0:
            self.left_out.append("clock_jump: needs a C compiler for a clock that can be moved")
            return {}
        self.set_clock(0.0)
        return {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(self._clock)}

    def set_clock(self, seconds: float) -> None:
        """Move the wall clock of the last worker by so much from the true time."""
        exists = self._clock.exists()
        with open(self._clock, "r+b" if exists else "wb") as file:
            file.write(struct.pack("d", seconds))

    @property
    def last_worker(self) -> str:
        """The worker whose clock can be moved."""
        return f"worker-{self._workers - 1}"

    def say(self) -> Callable[[str], None]:
        return self.said.append

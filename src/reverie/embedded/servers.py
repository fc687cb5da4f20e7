"""Starts PostgreSQL and Valkey on a data folder, as children on Unix sockets."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from reverie.embedded import logs
from reverie.embedded.binaries import find_postgres, find_valkey, runnable
from reverie.embedded.children import Identity, environment, nobody, spawn
from reverie.embedded.lock import FolderLock
from reverie.embedded.postgres_folder import initializing, let_through
from reverie.errors import StartupError

__all__ = ["RunningServers", "start_servers"]

log = logging.getLogger(__name__)

_LONGEST_SOCKET = 90
"""Longest usable path of a Unix socket's folder; the kernel's limit for the whole path is 108 (macOS: 104)."""

_STABLE = 30.0
"""Seconds after which a server counts as healthy, and its next crash as the first."""

_POSTGRES_OPTIONS = {
    "listen_addresses": "",
    "shared_buffers": "64MB",
    "max_connections": "100",
    "synchronous_commit": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "log_min_messages": "warning",
    "timezone": "UTC",
}


@dataclass(slots=True)
class _Server:
    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    stop_signal: int
    child: subprocess.Popen[bytes]
    crashes: int = 0
    started: float = field(default_factory=time.monotonic)
    restart_at: float | None = None


class RunningServers:
    """PostgreSQL and Valkey while they run; a context manager that stops them. To be used from one thread."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.database_url = ""
        self.redis_url = ""
        #: Process ids of the servers started here, by name.
        self.pids: dict[str, int] = {}
        self._lock = FolderLock(data_dir)
        self._servers: list[_Server] = []
        self._sockets: Path | None = None

    def __enter__(self) -> RunningServers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, name: str, start: Callable[[], subprocess.Popen[bytes]], stop_signal: int) -> None:
        child = start()
        self._servers.append(_Server(name, start, stop_signal, child))
        self.pids[name] = child.pid

    def check(self, say: Callable[[str], None] = print) -> None:
        """Start a server again that has died, at the same address and on the same data; call it now and then."""
        now = time.monotonic()
        for server in self._servers:
            if server.restart_at is None:
                if (status := server.child.poll()) is None:
                    continue
                if now - server.started > _STABLE:
                    server.crashes = 0
                say(f"{server.name} stopped (status {status}); it starts again - see {self.data_dir / 'logs'}")
            elif now < server.restart_at:
                continue
            try:
                server.child, server.started, server.restart_at = server.start(), now, None
                self.pids[server.name] = server.child.pid
            except StartupError as error:
                server.restart_at = now + min(10.0, 0.5 * 2**server.crashes)
                say(error.message)
            server.crashes += 1

    def stop(self) -> None:
        """Stop the servers in the reverse order of their start, and give the folder back."""
        for server in reversed(self._servers):
            if server.child.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    server.child.send_signal(server.stop_signal)
        for server in reversed(self._servers):
            try:
                server.child.wait(timeout=15)
            except subprocess.TimeoutExpired:
                server.child.kill()
                server.child.wait()
        self._servers.clear()
        self.pids.clear()
        if self._sockets is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
            self._sockets = None
        self._lock.release()


def start_servers(
    data_dir: Path,
    *,
    database_url: str | None = None,
    redis_url: str | None = None,
    meanwhile: Callable[[RunningServers], None] = lambda running: None,
) -> RunningServers:
    """Start what is not given by URL, on ``data_dir``; ready when this returns.

    ``meanwhile`` is called once, when all addresses are known; PostgreSQL need not answer yet.
    Raises ``StartupError`` when the folder is in use or a server does not come up, ``MissingExtra`` when there are
    no server programs.
    """
    if os.name != "posix":
        raise StartupError(
            "The embedded servers need Linux or macOS. On Windows use WSL 2 or Docker (docker compose up), "
            "or set REVERIE_DATABASE_URL and REVERIE_REDIS_URL to servers of your own."
        )
    data_dir = data_dir.expanduser().absolute()
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartupError(f"The data folder {data_dir} cannot be made: {error.strerror}.") from None
    running = RunningServers(data_dir)
    running.database_url, running.redis_url = database_url or "", redis_url or ""
    if database_url and redis_url:
        meanwhile(running)
        return running
    running._lock.acquire()
    try:
        if not redis_url:
            _start_valkey(running)
        if database_url:
            meanwhile(running)
        else:
            _start_postgres(running, meanwhile)
    except BaseException:
        running.stop()
        raise
    return running


def _socket_folder(running: RunningServers, wanted: Path, identity: Identity) -> Path:
    """``wanted``, or a short folder elsewhere when the path would be too long for a socket."""
    if len(os.fsencode(wanted)) <= _LONGEST_SOCKET:
        wanted.mkdir(exist_ok=True, mode=0o700)
        identity.own(wanted)
        return wanted
    if running._sockets is None:
        tag = hashlib.blake2b(os.fsencode(running.data_dir), digest_size=6).hexdigest()
        for left in Path("/tmp").glob(f"reverie-{tag}-*"):  # by an owner that was killed; its lock is ours now
            if left.stat().st_uid == os.getuid():
                shutil.rmtree(left, ignore_errors=True)
        # Not os.environ's TMPDIR, which may be what made the path long.
        running._sockets = Path(tempfile.mkdtemp(prefix=f"reverie-{tag}-", dir="/tmp"))
        running._sockets.chmod(0o711)
    folder = running._sockets / wanted.name
    folder.mkdir(exist_ok=True, mode=0o700)
    identity.own(folder)
    return folder


def _wait(child: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path, what: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    try:
        while not ready():
            if child.poll() is not None:
                raise StartupError(f"{what} stopped at its start; the end of {log}:\n{logs.tail(log)}")
            if time.monotonic() > end:
                raise StartupError(f"{what} was not ready within {seconds:g} s; the end of {log}:\n{logs.tail(log)}")
            time.sleep(0.01)
    except BaseException:
        child.kill()
        child.wait()
        raise


# -- Valkey --------------------------------------------------------------------------------------


def _start_valkey(running: RunningServers) -> None:
    program = find_valkey()
    folder = running.data_dir / "valkey"
    folder.mkdir(exist_ok=True, mode=0o700)
    path = _socket_folder(running, folder, Identity()) / "s"
    argv: list[str | Path] = [program, "--port", "0", "--unixsocket", path, "--unixsocketperm", "700", "--dir", folder,
            "--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction",
            "--daemonize", "no"]  # fmt: skip

    def start() -> subprocess.Popen[bytes]:
        path.unlink(missing_ok=True)
        log = logs.prepare(running.data_dir / "logs", "valkey")
        with open(log, "ab") as out:
            # Killed when the owner is: all that was sent to it is in the file already, and a slower end would take the
            # socket's name away from its successor.
            child = spawn(argv, log=out, env=environment(), death_signal=signal.SIGKILL)
        _wait(child, lambda: _pings(path), log, "Valkey", 60)
        return child

    try:
        running._run("valkey", start, signal.SIGTERM)
    except StartupError:
        # The truth is in PostgreSQL: caches fill again, and what was queued is sent again.
        aside = _set_aside(folder) if _cannot_read(running.data_dir / "logs" / "valkey.log") else None
        if aside is None:
            raise
        log.warning("%s was written by another version of Redis or Valkey, or is damaged: a new one begins", aside)
        running._run("valkey", start, signal.SIGTERM)
    running.redis_url = f"unix://{quote(str(path))}"


def _cannot_read(log: Path) -> bool:
    end = logs.tail(log)
    return any(words in end for words in ("Can't handle RDB format version", "Bad file format", "Wrong signature"))


def _set_aside(folder: Path) -> Path | None:
    """Rename the append-only files, of which one such set is kept; None when there are none."""
    files = folder / "appendonlydir"
    if not files.exists():
        return None
    aside = folder / "appendonlydir.unreadable"
    shutil.rmtree(aside, ignore_errors=True)
    return files.rename(aside)


def _pings(path: Path) -> bool:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as client:
        client.settimeout(1.0)
        try:
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            return client.recv(64).startswith(b"+PONG")
        except OSError:
            return False


# -- PostgreSQL ----------------------------------------------------------------------------------


def _start_postgres(running: RunningServers, meanwhile: Callable[[RunningServers], None]) -> None:
    identity = nobody()
    folder = running.data_dir / "postgres"
    version = folder / "PG_VERSION"
    postgres = find_postgres(int(version.read_text().split(".")[0]) if version.exists() else None)
    if identity.uid is not None:
        let_through(running.data_dir)
        postgres = runnable(postgres, identity, running.data_dir)
    sockets = _socket_folder(running, running.data_dir / "pg", identity)
    running.database_url = f"postgresql://postgres@/postgres?host={quote(str(sockets), safe='')}"
    if version.exists():
        meanwhile(running)
    else:
        with initializing(postgres, folder, _log_of_postgres(running, identity), identity):
            meanwhile(running)
    argv: list[str | Path] = [postgres.bin / "postgres", "-D", folder, "-k", sockets]
    for name, value in _POSTGRES_OPTIONS.items():
        argv += ["-c", f"{name}={value}"]

    def start() -> subprocess.Popen[bytes]:
        log = _log_of_postgres(running, identity)
        end = time.monotonic() + 20
        while True:
            with open(log, "ab") as out:
                # SIGINT is PostgreSQL's fast shutdown: sessions end, nothing committed is lost.
                child = spawn(argv, log=out, env=environment(), death_signal=signal.SIGINT, identity=identity)
            try:
                _wait(child, lambda: _accepts(sockets), log, "PostgreSQL", 60)
                return child
            except StartupError:
                # Its predecessor, killed a moment ago, may still be letting go of the data folder.
                if time.monotonic() > end or not _predecessor_lingers(log):
                    raise
                time.sleep(0.2)

    running._run("postgres", start, signal.SIGINT)


def _log_of_postgres(running: RunningServers, identity: Identity) -> Path:
    log = logs.prepare(running.data_dir / "logs", "postgres")
    log.touch()
    identity.own(log)
    return log


def _predecessor_lingers(log: Path) -> bool:
    end = logs.tail(log)[-1000:]
    return "another postmaster" in end or "pre-existing shared memory block" in end


def _accepts(sockets: Path) -> bool:
    import psycopg

    try:
        with psycopg.connect(host=str(sockets), user="postgres", dbname="postgres", connect_timeout=2) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True

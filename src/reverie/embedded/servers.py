"""Starts PostgreSQL and Valkey on a data folder, as children on Unix sockets."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from reverie.embedded.binaries import Postgres, find_postgres, find_valkey
from reverie.embedded.children import Identity, nobody, spawn
from reverie.embedded.lock import FolderLock
from reverie.errors import StartupError

__all__ = ["RunningServers", "start_servers"]

_LONGEST_SOCKET = 90
"""Longest usable path of a Unix socket's folder; the kernel's limit for the whole path is 108 (macOS: 104)."""

_LOG_BYTES = 10 * 2**20

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


class RunningServers:
    """PostgreSQL and Valkey while they run; a context manager that stops them."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.database_url = ""
        self.redis_url = ""
        #: Process ids of the servers started here, by name.
        self.pids: dict[str, int] = {}
        self._lock = FolderLock(data_dir)
        self._children: list[tuple[subprocess.Popen[bytes], int]] = []
        self._sockets: Path | None = None

    def __enter__(self) -> RunningServers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop the servers in the reverse order of their start, and give the folder back."""
        for child, signum in reversed(self._children):
            if child.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    child.send_signal(signum)
        for child, _ in reversed(self._children):
            try:
                child.wait(timeout=15)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._children.clear()
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
) -> RunningServers:
    """Start what is not given by URL, on ``data_dir``; ready when this returns.

    Raises ``StartupError`` when the folder is in use or a server does not come up, ``MissingExtra`` when there are
    no server programs.
    """
    if os.name != "posix":
        raise StartupError(
            "The embedded servers need Linux or macOS. On Windows use WSL 2 or Docker (docker compose up), "
            "or set REVERIE_DATABASE_URL and REVERIE_REDIS_URL to servers of your own."
        )
    data_dir = data_dir.expanduser().absolute()
    data_dir.mkdir(parents=True, exist_ok=True)
    running = RunningServers(data_dir)
    running.database_url, running.redis_url = database_url or "", redis_url or ""
    if database_url and redis_url:
        return running
    running._lock.acquire()
    try:
        if not redis_url:
            _start_valkey(running)
        if not database_url:
            _start_postgres(running)
    except BaseException:
        running.stop()
        raise
    return running


def _environment() -> dict[str, str]:
    # PG* variables of the user's shell must not reach our own server.
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    return {**kept, "LC_ALL": "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"}


def _open_log(running: RunningServers, name: str) -> Path:
    folder = running.data_dir / "logs"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.log"
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path


def _socket_folder(running: RunningServers, wanted: Path, identity: Identity) -> Path:
    """``wanted``, or a short folder elsewhere when the path would be too long for a socket."""
    if len(os.fsencode(wanted)) <= _LONGEST_SOCKET:
        wanted.mkdir(exist_ok=True, mode=0o700)
        identity.own(wanted)
        return wanted
    if running._sockets is None:
        tag = hashlib.blake2b(os.fsencode(running.data_dir), digest_size=6).hexdigest()
        # Not os.environ's TMPDIR, which may be what made the path long.
        running._sockets = Path(tempfile.mkdtemp(prefix=f"reverie-{tag}-", dir="/tmp"))
        running._sockets.chmod(0o711)
    folder = running._sockets / wanted.name
    folder.mkdir(exist_ok=True, mode=0o700)
    identity.own(folder)
    return folder


def _wait(child: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path, what: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if child.poll() is not None:
            raise StartupError(f"{what} stopped at its start; the end of {log}:\n{_tail(log)}")
        if time.monotonic() > end:
            child.kill()
            raise StartupError(f"{what} was not ready within {seconds:g} s; the end of {log}:\n{_tail(log)}")
        time.sleep(0.01)


def _tail(log: Path) -> str:
    try:
        return log.read_bytes()[-2000:].decode(errors="replace")
    except OSError:
        return "(no log)"


# -- Valkey --------------------------------------------------------------------------------------


def _start_valkey(running: RunningServers) -> None:
    program = find_valkey()
    folder = running.data_dir / "valkey"
    folder.mkdir(exist_ok=True, mode=0o700)
    path = _socket_folder(running, folder, Identity()) / "s"
    path.unlink(missing_ok=True)
    log = _open_log(running, "valkey")
    argv: list[str | Path] = [program, "--port", "0", "--unixsocket", path, "--unixsocketperm", "700", "--dir", folder,
            "--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction",
            "--daemonize", "no"]  # fmt: skip
    with open(log, "ab") as out:
        child = spawn(argv, log=out, env=_environment(), death_signal=signal.SIGTERM)
    running._children.append((child, signal.SIGTERM))
    _wait(child, lambda: _pings(path), log, "Valkey", 30)
    running.redis_url = f"unix://{quote(str(path))}"
    running.pids["valkey"] = child.pid


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


def _start_postgres(running: RunningServers) -> None:
    identity = nobody()
    folder = running.data_dir / "postgres"
    version = folder / "PG_VERSION"
    postgres = find_postgres(int(version.read_text()) if version.exists() else None)
    log = _open_log(running, "postgres")
    if identity.uid is not None:
        _let_through(running.data_dir)
        log.touch()
        identity.own(log)
    if not version.exists():
        _initialize(postgres, folder, log, identity)
    sockets = _socket_folder(running, running.data_dir / "pg", identity)
    argv: list[str | Path] = [postgres.bin / "postgres", "-D", folder, "-k", sockets]
    for name, value in _POSTGRES_OPTIONS.items():
        argv += ["-c", f"{name}={value}"]
    end = time.monotonic() + 20
    while True:
        with open(log, "ab") as out:
            # SIGINT is PostgreSQL's fast shutdown: sessions end, nothing committed is lost.
            child = spawn(argv, log=out, env=_environment(), death_signal=signal.SIGINT, identity=identity)
        try:
            _wait(child, lambda: _accepts(sockets), log, "PostgreSQL", 30)
            break
        except StartupError:
            # Its predecessor, killed a moment ago, may still be letting go of the data folder.
            if child.poll() is None or time.monotonic() > end or not _predecessor_lingers(log):
                raise
            time.sleep(0.2)
    running._children.append((child, signal.SIGINT))
    running.pids["postgres"] = child.pid
    running.database_url = f"postgresql://postgres@/postgres?host={quote(str(sockets), safe='')}"


def _predecessor_lingers(log: Path) -> bool:
    end = _tail(log)[-1000:]
    return "another postmaster" in end or "pre-existing shared memory block" in end


def _initialize(postgres: Postgres, folder: Path, log: Path, identity: Identity) -> None:
    # Into a folder beside it and then renamed: a start that is killed half-way leaves nothing that looks whole.
    fresh = folder.with_name("postgres.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    identity.own(fresh)
    argv = [postgres.bin / "initdb", "-D", fresh, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync",
            "--no-instructions", "--locale=C.UTF-8" if sys.platform == "linux" else "--locale=C"]  # fmt: skip
    with open(log, "ab") as out:
        done = subprocess.run(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=_environment(),
            cwd="/",
            check=False,
            **identity.popen(),
        )
    if done.returncode != 0:
        raise StartupError(f"PostgreSQL could not make its data folder; the end of {log}:\n{_tail(log)}")
    fresh.replace(folder)


def _let_through(folder: Path) -> None:
    """Let the user ``nobody`` pass through (not list) the folders above PostgreSQL's own."""
    for part in (folder, *folder.parents):
        mode = part.stat().st_mode
        if not mode & 0o001:
            try:
                part.chmod(mode | 0o011)
            except OSError as error:
                raise StartupError(
                    f"PostgreSQL runs as the user nobody, who cannot pass through {part} ({error.strerror}). "
                    "Give another --data-dir, or run as a normal user."
                ) from None


def _accepts(sockets: Path) -> bool:
    import psycopg

    try:
        with psycopg.connect(host=str(sockets), user="postgres", dbname="postgres", connect_timeout=2) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True

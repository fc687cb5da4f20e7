"""The embedded servers: one owner, no orphans, no lost rows - shown with a real owner that is really killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from reverie.embedded import RunningServers, logs, start_servers
from reverie.embedded.binaries import Postgres, find_postgres, find_valkey, runnable
from reverie.embedded.children import nobody
from reverie.errors import StartupError

_OWNER = """
import json, sys
from pathlib import Path
from reverie.embedded import start_servers
with start_servers(Path(sys.argv[1])) as servers:
    print(json.dumps({"database": servers.database_url, "redis": servers.redis_url, "pids": servers.pids}), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short folder that the user PostgreSQL runs as can reach."""
    path = Path(tempfile.mkdtemp(prefix="rv-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def own(folder: Path, code: str = _OWNER, more: Sequence[str] = ()) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """A process that owns servers on ``folder``, and what it says about them."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder), *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the owner did not start"
    return process, json.loads(line)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def test_a_second_start_is_refused_and_names_the_owner(folder: Path) -> None:
    with start_servers(folder), pytest.raises(StartupError) as refused:
        start_servers(folder)
    assert str(os.getpid()) in str(refused.value)
    assert str(folder) in str(refused.value)


def test_killing_the_owner_leaves_no_orphan_and_loses_no_row(folder: Path) -> None:
    owner, told = own(folder)
    with psycopg.connect(told["database"], autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        for n in range(50):
            connection.execute("INSERT INTO kept VALUES (%s)", (n,))
    owner.kill()
    owner.wait()
    until(lambda: not any(alive(pid) for pid in told["pids"].values()))
    with start_servers(folder) as again, psycopg.connect(again.database_url) as connection:
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert row == (50,)


_WITHOUT_DEATH_SIGNAL = """
import sys, types
import reverie.embedded.children as children
children.sys = types.SimpleNamespace(platform="darwin", executable=sys.executable)
"""


@pytest.mark.parametrize("signum", [signal.SIGKILL, None], ids=["killed", "stopped"])
def test_watchers_end_the_servers_where_the_kernel_has_no_death_signal(folder: Path, signum: int | None) -> None:
    owner, told = own(folder, code=_WITHOUT_DEATH_SIGNAL + _OWNER)
    watchers = set(told["pids"].values())
    servers = {int(child) for pid in watchers for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
    assert len(servers) == len(watchers) == 2
    with psycopg.connect(told["database"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    if signum is None:
        assert owner.stdin is not None
        owner.stdin.close()
    else:
        owner.send_signal(signum)
    owner.wait()
    until(lambda: not any(alive(pid) for pid in watchers | servers))


def test_killing_everything_at_once_keeps_the_data(folder: Path) -> None:
    owner, told = own(folder)
    with psycopg.connect(told["database"], autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (1)")
    for pid in (*told["pids"].values(), owner.pid):
        os.kill(pid, signal.SIGKILL)
    owner.wait()
    with start_servers(folder) as again, psycopg.connect(again.database_url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]


@pytest.mark.parametrize("name", ["with space and ünïcode", "deep/" * 25 + "end"], ids=["unicode", "long"])
def test_unusual_folders_work(folder: Path, name: str) -> None:
    with start_servers(folder / name) as servers:
        with psycopg.connect(servers.database_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        with redis.Redis.from_url(servers.redis_url) as client:
            assert client.ping()


def test_others_start_while_the_database_does(folder: Path) -> None:
    seen: list[tuple[str, str, bool]] = []

    def meanwhile(running: RunningServers) -> None:
        seen.append((running.database_url, running.redis_url, "postgres" in running.pids))

    with start_servers(folder, meanwhile=meanwhile) as running:
        assert seen == [(running.database_url, running.redis_url, False)]


def test_given_urls_start_nothing(folder: Path) -> None:
    with start_servers(folder, database_url="postgresql://a/b", redis_url="redis://c") as servers:
        assert (servers.database_url, servers.redis_url, servers.pids) == ("postgresql://a/b", "redis://c", {})


def test_a_data_folder_of_another_postgresql_is_refused_with_a_reason(folder: Path) -> None:
    (folder / "postgres").mkdir()
    (folder / "postgres" / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(StartupError, match="made by PostgreSQL 9"):
        start_servers(folder)
    # The refusal gave the folder back.
    (folder / "postgres" / "PG_VERSION").unlink()
    (folder / "postgres").rmdir()
    start_servers(folder).stop()


_BECOME_NOBODY = """
import os, sys
from pathlib import Path
from reverie.embedded import start_servers
folder = Path(sys.argv[1])
start_servers(folder.parent / "of root").stop()  # reads all code now: its files may be closed to the new user
os.environ["PATH"] = sys.argv[2]
os.setgroups([]); os.setgid(int(sys.argv[4])); os.setuid(int(sys.argv[3]))
"""


def test_a_queue_written_by_a_newer_program_is_set_aside(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with start_servers(folder) as running, redis.Redis.from_url(running.redis_url) as client:
        client.set("left", "behind")
    files = folder / "valkey" / "appendonlydir"
    (base,) = files.glob("*.base.rdb")
    base.write_bytes(b"REDIS9999" + base.read_bytes()[9:])
    with start_servers(folder) as running, redis.Redis.from_url(running.redis_url) as client:
        assert client.get("left") is None
        client.set("new", "kept")
    assert "another version" in caplog.text
    assert (folder / "valkey" / "appendonlydir.unreadable" / base.name).exists()
    with start_servers(folder) as running, redis.Redis.from_url(running.redis_url) as client:
        assert client.get("new") == b"kept"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_normal_user_runs_it_too(folder: Path) -> None:
    folder.chmod(0o777)
    user = nobody()
    # The programs lie where the new user can run them, whoever may see this checkout.
    programs = folder / "programs"
    programs.mkdir()
    shutil.copy(find_valkey(), programs / "valkey-server")
    for path in (programs, programs / "valkey-server"):
        path.chmod(0o755)
    on_path = os.pathsep.join([str(runnable(find_postgres(), user, folder).bin), str(programs)])
    owner, told = own(folder / "data", code=_BECOME_NOBODY + _OWNER, more=[on_path, str(user.uid), str(user.gid)])
    assert {os.stat(f"/proc/{pid}").st_uid for pid in (owner.pid, *told["pids"].values())} == {user.uid}
    assert owner.stdin is not None
    owner.stdin.close()
    assert owner.wait(timeout=20) == 0
    assert not any(alive(pid) for pid in told["pids"].values())


@pytest.mark.skipif(os.geteuid() != 0, reason="a normal user runs the programs where they are")
def test_programs_closed_to_the_database_user_are_copied(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")  # so it finds those of the wheel
    there = find_postgres()
    package = there.bin.parents[1]
    closed = folder / package.name / there.bin.parent.name
    for part in ("bin", "lib", "share"):
        shutil.copytree(there.bin.parent / part, closed / part)
    libraries = package.with_name(package.name + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    closed.parent.chmod(0o700)
    folder.chmod(0o711)
    copy = runnable(Postgres(closed / "bin", there.major), nobody(), folder)
    assert copy.bin.is_relative_to(folder / "programs")
    done = subprocess.run([copy.bin / "initdb", "--version"], capture_output=True, check=True, user="nobody", cwd="/")
    assert str(there.major) in done.stdout.decode()


@pytest.mark.parametrize("name", ["postgres", "valkey"])
def test_a_server_that_dies_is_started_again_on_its_data(folder: Path, name: str) -> None:
    with start_servers(folder) as servers:
        with psycopg.connect(servers.database_url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (n int)")
        with redis.Redis.from_url(servers.redis_url) as client:
            client.set("kept", 1)
        before = servers.pids[name]
        os.kill(before, signal.SIGKILL)
        said: list[str] = []

        def started_again() -> bool:
            servers.check(said.append)
            return servers.pids[name] != before

        until(started_again)
        assert name in said[0]
        with psycopg.connect(servers.database_url) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
        with redis.Redis.from_url(servers.redis_url) as client:
            assert client.get("kept") == b"1"


def test_a_large_log_is_cut_while_its_writer_goes_on(folder: Path) -> None:
    path = folder / "role.log"
    with open(path, "ab", buffering=0) as writer:
        writer.write(b"before\n" + b"." * logs.LARGEST)
        logs.trim(folder)
        writer.write(b"after\n")
    assert path.read_bytes() == b"after\n"
    assert (folder / "role.log.1").read_bytes().startswith(b"before\n")


def test_logs_are_kept_in_the_data_folder(folder: Path) -> None:
    start_servers(folder).stop()
    assert {"postgres.log", "valkey.log"} <= {path.name for path in (folder / "logs").iterdir()}

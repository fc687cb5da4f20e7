"""What ``scripts/backup`` keeps, ``scripts/restore`` brings back, and the service goes on with it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from reverie.embedded.binaries import find_postgres
from tests.live import LiveService

SCRIPTS = Path(__file__).parents[2] / "scripts"


def run(script: str, database_url: str, file: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "REVERIE_DATABASE_URL": database_url,
        "PATH": f"{find_postgres().bin}{os.pathsep}{os.environ['PATH']}",
    }
    return subprocess.run([SCRIPTS / script, file], capture_output=True, text=True, env=environment, timeout=120)


@pytest.fixture
def empty_url(database_url: str) -> Iterator[str]:
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    with psycopg.connect(database_url.replace(f"/{name}?", "/postgres?"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE restored")
        yield database_url.replace(f"/{name}?", "/restored?")
        connection.execute("DROP DATABASE restored WITH (FORCE)")


def contents(database_url: str) -> dict[str, list[str]]:
    """The rows that a user would miss."""
    with psycopg.connect(database_url) as connection:
        return {
            name: sorted(row[0] for row in connection.execute(f"SELECT t::text FROM {name} t".encode()))
            for name in ("tasks", "payloads", "results", "themes", "vectors", "idempotency")
        }


def test_a_restored_service_tells_the_old_results_and_does_the_work_that_waited(
    database_url: str, redis_url: str, empty_url: str, tmp_path: Path
) -> None:
    backup = tmp_path / "night.backup"
    memories = [f"{what} {when}" for when in ("today", "again", "at last") for what in ("climbing", "tea", "the cat")]
    with LiveService(database_url, redis_url) as live, live.client() as client:
        done = client.post("/cluster/submit", json={"user_id": "u", "memories": memories}).json()
        with client.stream("GET", f"/results/{done['id']}", timeout=120) as stream:
            stream.read()
        result = client.get(f"/tasks/{done['id']}").json()["result"]
        assert result["themes"]
        live.kill("worker")
        waiting = client.post("/analyze/submit", json={"user_id": "u", "memories": memories}).json()
        assert run("backup", database_url, backup).returncode == 0
        key = live.key
        kept = contents(database_url)
    said = run("restore", empty_url, backup)
    assert said.returncode == 0, said.stderr
    assert contents(empty_url) == kept
    # What Redis knew is not in the backup and is not needed.
    with LiveService(empty_url, redis_url) as live, live.client(authorization=f"Bearer {key}") as client:
        assert client.get(f"/tasks/{done['id']}").json()["result"] == result
        with client.stream("GET", f"/results/{waiting['id']}", timeout=120) as stream:
            stream.read()
        assert client.get(f"/tasks/{waiting['id']}").json()["status"] == "succeeded"


def test_a_backup_that_fails_leaves_no_file_that_looks_like_one(tmp_path: Path) -> None:
    file = tmp_path / "night.backup"
    done = run("backup", "postgresql://nobody@127.0.0.1:1/none", file)
    assert done.returncode != 0
    assert not file.exists()
    assert run("restore", "postgresql://nobody@127.0.0.1:1/none", file).returncode == 2

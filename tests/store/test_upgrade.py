"""Old and new versions side by side: what a worker leaves alone, and what a migration may do."""

from __future__ import annotations

import importlib
import re
import threading
from collections.abc import Iterator

import psycopg
import pytest

from reverie.store import WorkerStore, migrate
from reverie.store.migrate import _migrations
from reverie.store.rows import TASK_CONTRACT

_INSERT = """
INSERT INTO tasks (id, tenant, user_id, operation, lane, queue, content_hash, items, chars, contract)
VALUES (%s, %s, 'u', 'cluster', 'heavy', 'clustering', %s::text::bytea, 1, 1, %s)
"""

# What breaks a version that still runs: it reads the column, writes the row, or waits for the table.
_FORBIDDEN = {
    r"\bDROP\s+(TABLE|COLUMN)": "an old version still uses it",
    r"\bRENAME\b": "an old version knows the old name",
    r"\bALTER\s+COLUMN\s+\w+\s+(SET\s+DATA\s+)?TYPE\b": "rewrites the table while everybody waits",
    r"\bADD\s+COLUMN\s+(?![^,;]*\bDEFAULT\b)[^,;]*\bNOT\s+NULL": "an old version inserts without it",
}


@pytest.fixture
def store(database_url: str) -> Iterator[WorkerStore]:
    store = WorkerStore(database_url)
    yield store
    store.close()


def test_a_worker_leaves_tasks_of_a_newer_contract_to_newer_workers(database_url: str, store: WorkerStore) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(_INSERT, ("newer", "a", "1", TASK_CONTRACT + 1))
        connection.execute(_INSERT, ("known", "b", "2", TASK_CONTRACT))
        connection.execute("INSERT INTO payloads SELECT id, '' FROM tasks")
        claimed = store.claim("clustering", "old:1", 5.0)
        assert claimed is not None
        assert claimed.id == "known"
        assert store.claim("clustering", "old:1", 5.0) is None
        row = connection.execute("SELECT status, attempts FROM tasks WHERE id = 'newer'").fetchone()
        assert row == ("queued", 0), "nothing happened to it"


@pytest.mark.parametrize(("version", "script"), [m for m in _migrations() if m[0] > 1])
def test_a_migration_breaks_nobody_who_still_runs_the_version_before(version: int, script: str) -> None:
    statements = re.sub(r"--[^\n]*", "", script)
    for pattern, reason in _FORBIDDEN.items():
        found = re.search(pattern, statements, re.IGNORECASE)
        assert found is None, f"migration {version}: {found.group(0)!r}: {reason}"


def test_the_rules_for_migrations_find_what_they_forbid() -> None:
    for bad in (
        "ALTER TABLE tasks DROP COLUMN lane",
        "ALTER TABLE tasks RENAME lane TO way",
        "ALTER TABLE tasks ALTER COLUMN items TYPE bigint",
        "ALTER TABLE tasks ADD COLUMN x integer NOT NULL",
        "ALTER TABLE tasks ADD COLUMN y integer DEFAULT 1, ADD COLUMN x integer NOT NULL",
    ):
        assert any(re.search(pattern, bad, re.IGNORECASE) for pattern in _FORBIDDEN), bad


def test_a_migration_waits_for_a_table_in_use_without_making_everybody_wait(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = max(number for number, _ in _migrations())
    script = "ALTER TABLE tasks ADD COLUMN newer integer"
    # The package exports a function by the module's name.
    module = importlib.import_module("reverie.store.migrate")
    monkeypatch.setattr(module, "_migrations", lambda: [(newest + 1, script)])
    ran: list[list[int]] = []
    with psycopg.connect(database_url) as long_reader, psycopg.connect(database_url, autocommit=True) as other:
        long_reader.execute("SELECT count(*) FROM tasks")  # an open transaction that has read the table
        thread = threading.Thread(target=lambda: ran.append(migrate(database_url)))
        thread.start()
        other.execute("SET lock_timeout = '20s'")
        waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"
        while other.execute(waits).fetchone() == (0,):
            pass
        # The migration stands in line: a read behind it is served when it steps back, not when the reader is done.
        other.execute("SELECT count(*) FROM tasks")
        assert thread.is_alive()
        long_reader.rollback()
        thread.join(timeout=30)
        assert not thread.is_alive()
    assert ran == [[newest + 1]]


def test_a_database_newer_than_the_code_is_left_alone(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO reverie_migrations (version) VALUES (9999)")
    assert migrate(database_url) == []

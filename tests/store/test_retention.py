"""Retention: what is old goes, in bites and by an index, and nothing else."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.rows import dict_row

from reverie.store import sweeps
from reverie.store.sql import sql

_TASKS = """
INSERT INTO tasks (id, tenant, user_id, operation, lane, queue, status, content_hash, items, chars, created_at,
                   finished_at)
SELECT 't' || i, 'acme', 'u' || i % 50, 'cluster', 'fast', 'fast', 'succeeded', sha256(i::text::bytea), 4, 100,
       now() - interval '40 days',
       now() - CASE WHEN i <= 1200 THEN interval '31 days' ELSE interval '29 days' END
FROM generate_series(1, 4000) i;
INSERT INTO tasks (id, tenant, user_id, operation, lane, queue, content_hash, items, chars, created_at)
VALUES ('patient', 'acme', 'u', 'cluster', 'fast', 'fast', '\\x00', 1, 1, now() - interval '99 days');
INSERT INTO payloads SELECT id, 'p' FROM tasks;
INSERT INTO results SELECT id, 'r' FROM tasks WHERE finished_at IS NOT NULL;
ANALYZE tasks;
"""


@pytest.fixture(scope="module")
def filled(database_url: str) -> str:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(_TASKS)
    return database_url


def test_retention_looks_up_what_is_old_instead_of_reading_the_table(filled: str) -> None:
    with psycopg.connect(filled) as connection:
        plan = connection.execute(b"EXPLAIN " + sql("retire_tasks"), {"days": 30.0}).fetchall()
    assert any("tasks_finished" in line for (line,) in plan), plan


async def test_old_tasks_go_in_bites_with_all_that_is_theirs_and_others_stay(filled: str) -> None:
    connection = await psycopg.AsyncConnection.connect(filled, autocommit=True, row_factory=dict_row)
    async with connection:
        bites = [await sweeps.retire(connection, 30.0) for _ in range(4)]
        assert bites == [500, 500, 200, 0]
        for table, left in (("tasks", 2801), ("payloads", 2801), ("results", 2800)):
            row = await (await connection.execute(f"SELECT count(*) AS n FROM {table}".encode())).fetchone()
            assert row == {"n": left}, table
        row = await (await connection.execute("SELECT status FROM tasks WHERE id = 'patient'")).fetchone()
        assert row == {"status": "queued"}  # an unfinished task is never too old

"""Retention: what is old goes, in bites and by an index, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

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


def _kept(url: str) -> dict[str, str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT encode(text_key, 'escape'), CASE WHEN used_at = '9999-01-01Z' THEN 'no age' ELSE 'aged' END "
            "FROM vectors WHERE user_id = 'keeps'"
        )
        return dict(rows.fetchall())


async def test_old_vectors_go_but_those_of_memories_which_are_not_looked_at_again(filled: str) -> None:
    connection = await psycopg.AsyncConnection.connect(filled, autocommit=True, row_factory=dict_row)
    async with connection:
        await connection.execute(
            "INSERT INTO people (tenant, user_id, version, memories, chars) VALUES ('acme', 'keeps', 1, 1, 1)"
        )
        await connection.execute(
            "INSERT INTO memories (person, id, body, text_key, content, chars, version) "
            "SELECT id, 'm', '', 'kept', '', 1, 1 FROM people WHERE user_id = 'keeps'"
        )
        await connection.execute(
            "INSERT INTO vectors (tenant, user_id, model, text_key, vector, used_at) "
            "SELECT 'acme', 'keeps', 'model', key::bytea, 'v', now() - days * interval '1 day' "
            "FROM (VALUES ('kept', 40), ('unused', 31), ('young', 29)) AS v(key, days)"
        )
        assert await sweeps.keep_vectors(connection, 30.0) == 1
        await sweeps.retire(connection, 30.0)
        assert _kept(filled) == {"kept": "no age", "young": "aged"}
        assert await sweeps.keep_vectors(connection, 0.0) == 0


async def test_tombstones_are_looked_at_once_and_stay_where_a_view_may_name_them(filled: str) -> None:
    connection = await psycopg.AsyncConnection.connect(filled, autocommit=True, row_factory=dict_row)
    async with connection:
        await connection.execute("INSERT INTO people (tenant, user_id) VALUES ('acme', 'viewed'), ('acme', 'unseen')")
        await connection.execute(
            "INSERT INTO views (person, kind, version, as_of, body, etag, task_id) "
            "SELECT id, kind, 0, now(), '', '', '' FROM people, unnest(ARRAY['themes', 'insights']) AS kind "
            "WHERE user_id = 'viewed'"
        )
        await connection.execute(
            "INSERT INTO forgotten (person, memory_id, text_key, version, at) "
            "SELECT id, hours::text, '', 0, now() - hours * interval '1 hour' "
            "FROM people, unnest(ARRAY[23, 25, 50]) AS hours WHERE user_id IN ('viewed', 'unseen')"
        )
        at, removed = await sweeps.retire_forgotten(connection, datetime.min.replace(tzinfo=UTC))
        assert removed == 2
        assert at is not None
        assert await sweeps.retire_forgotten(connection, at) == (None, 0)
        left = "SELECT user_id || ' ' || memory_id AS one FROM forgotten JOIN people ON id = person ORDER BY 1"
        rows = await (await connection.execute(left)).fetchall()
    assert [row["one"] for row in rows] == ["unseen 23", "viewed 23", "viewed 25", "viewed 50"]

"""What the service asks by itself, and of one user, reads what it needs: not what all users together have stored."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from benchmarks._store_filling import fill
from benchmarks._store_statements import STATEMENTS, Statement, read
from psycopg.rows import dict_row

from reverie.gateway.memories.add import good_for
from reverie.store.sql import sql

PEOPLE = 1000
MOST = 20
"""Rows that a bite may take."""

READS_MORE = {
    "tenant_memories": "a row of each user, and so it is asked seldom (good_for)",
    "count_by_status": "a day's tasks of the tenant, when somebody looks",
    "reencrypt_people": "those without settings are passed by, each once in the whole walk",
}


@pytest.fixture(scope="module")
def filled(database_url: str) -> str:
    fill(database_url, PEOPLE, each=10)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO webhooks (task_id, tenant, url, sealed_url, url_hash, seq, state) "
            "SELECT 't1-' || p, 'default', '', '\\x00', sha256(p::text::bytea), 1, 'delivered' "
            f"FROM generate_series(1, {PEOPLE}) p".encode()
        )
        connection.execute("ANALYZE")
    return database_url


@pytest.mark.parametrize(
    "statement", [s for s in STATEMENTS if s.name not in READS_MORE], ids=lambda s: f"{s.name}, {s.when}"
)
def test_a_statement_reads_a_small_part_of_each_table(filled: str, statement: Statement) -> None:
    with psycopg.connect(filled, autocommit=True, row_factory=dict_row) as connection:
        # Small tables are often read through because that is cheapest; whether it must be so is what counts.
        connection.execute("SET enable_seqscan = off")
        looked_at = read(connection, statement, [PEOPLE // 2], most=MOST).looked_at
        for table, rows in looked_at.items():
            (there,) = connection.execute(f"SELECT count(*) AS n FROM {table}".encode()).fetchall()
            assert rows <= max(there["n"] / 8, MOST), f"{rows} of {there['n']} {table}"


@pytest.mark.parametrize(
    ("upkeep", "auto"), [(None, False), ("manual", True), (None, True)], ids=["service manual", "users manual", "due"]
)
def test_who_is_due_is_found_among_users_who_all_have_changes(filled: str, upkeep: str | None, auto: bool) -> None:
    due = next(one for one in STATEMENTS if one.name == "find_due")
    asked = {**due.parameters(1), "auto": auto}
    with psycopg.connect(filled, row_factory=dict_row) as connection:
        connection.execute("SET enable_seqscan = off")
        connection.execute(
            "UPDATE people SET changes = 1, upkeep = %s, first_change_at = now() - id * interval '1 hour', "
            "last_change_at = now() - id * interval '1 hour'",
            (upkeep,),
        )
        looked_at = read(connection, Statement("find_due", "", lambda _: dict(asked)), [1], most=MOST).looked_at
        connection.rollback()
    assert looked_at["people"] <= 3 * MOST


def test_the_second_change_of_a_burst_costs_no_index_entry(filled: str) -> None:
    change: dict[str, Any] = {"person": 7, "memories": 0, "chars": 0, "changes": 1}
    with psycopg.connect(filled) as connection:
        for _ in range(3):
            connection.execute(sql("change_person"), change)
        counted = connection.execute(
            "SELECT pg_stat_get_xact_tuples_updated(oid), pg_stat_get_xact_tuples_hot_updated(oid) "
            "FROM pg_class WHERE relname = 'people'"
        ).fetchone()
        connection.rollback()
    assert counted == (3, 2)


def test_a_tenants_memories_are_counted_more_often_the_nearer_the_limit_is() -> None:
    assert [good_for(room) for room in (-1, 0, 100_000, 1_000_000, 9_000_000)] == [10, 10, 10, 100, 600]

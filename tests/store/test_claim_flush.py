"""Which claims wait until they are on disk."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.rows import dict_row

from reverie.store.rows import PLAIN_CONTRACT
from reverie.store.sql import sql


@pytest.mark.parametrize(("queue", "waits"), [("fast", "off"), ("clustering", "on")])
def test_a_claim_of_short_work_alone_does_not_wait_for_the_disk(database_url: str, queue: str, waits: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("SET synchronous_commit = on")
        connection.execute(
            "INSERT INTO tasks (id, tenant, user_id, operation, lane, queue, content_hash, items, chars)"
            " VALUES (%s, 't', 'u', 'recall', 'fast', %s, %s, 1, 1)",
            (f"tsk_{queue}", queue, queue.encode()),
        )
        asked = {"queue": queue, "tenant": "t", "worker": "w", "lease": 60.0, "overdue": 0.0, "most": None}
        claimed = connection.execute(sql("claim_task"), {**asked, "contract": PLAIN_CONTRACT}).fetchone()
        assert claimed is not None
        assert connection.execute("SHOW synchronous_commit").fetchone() == (waits,)
        connection.commit()
        # It is of this transaction alone: what this connection writes next is waited for.
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
        connection.execute("DELETE FROM tasks")  # it has no payload


def test_a_claim_that_a_crash_forgot_is_fenced_off_by_the_next(database_url: str) -> None:
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        connection.execute(
            "INSERT INTO tasks (id, tenant, user_id, operation, lane, queue, content_hash, items, chars)"
            " VALUES ('tsk_forgotten', 't', 'u', 'recall', 'fast', 'fast', 'h', 1, 1)"
        )
        connection.commit()
        asked = {"queue": "fast", "tenant": "t", "worker": "w", "lease": 60.0, "overdue": 0.0, "most": None}
        forgotten = connection.execute(sql("claim_task"), {**asked, "contract": PLAIN_CONTRACT}).fetchone()
        connection.rollback()  # as the server does that comes back without what it had not written
        connection.execute("SELECT pg_sleep(0.002)")
        again = connection.execute(sql("claim_task"), {**asked, "contract": PLAIN_CONTRACT}).fetchone()
        assert forgotten is not None
        assert again is not None
        assert forgotten["attempts"] == again["attempts"] == 1
        assert forgotten["token"] < again["token"]
        assert forgotten["seq"] + 999_999 < again["seq"]
        connection.execute("DELETE FROM tasks")
        connection.commit()

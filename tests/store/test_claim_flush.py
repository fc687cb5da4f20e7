"""Which claims wait until they are on disk."""

from __future__ import annotations

import psycopg
import pytest

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

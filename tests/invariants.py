"""What is true of the database at any moment. Each query lists the rows that break its rule."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row

__all__ = ["INVARIANTS", "broken_rules"]

INVARIANTS = {
    "a succeeded task has a result": (
        "SELECT id FROM tasks t WHERE status = 'succeeded' AND NOT EXISTS (SELECT 1 FROM results WHERE task_id = t.id)"
    ),
    "only a succeeded task has a result": (
        "SELECT task_id FROM results r JOIN tasks t ON t.id = r.task_id WHERE t.status <> 'succeeded'"
    ),
    "every task has its payload": (
        "SELECT id FROM tasks t WHERE NOT EXISTS (SELECT 1 FROM payloads WHERE task_id = t.id)"
    ),
    "a running task has a lease, a worker and a sign of life": (
        "SELECT id FROM tasks WHERE status = 'running' AND (lease_until IS NULL OR worker IS NULL OR beat_at IS NULL)"
    ),
    "only a running task has a lease": "SELECT id FROM tasks WHERE status <> 'running' AND lease_until IS NOT NULL",
    "a task has an end exactly when it has ended": (
        "SELECT id FROM tasks WHERE (status IN ('succeeded', 'failed', 'cancelled')) <> (finished_at IS NOT NULL)"
    ),
    "a failed task says why": "SELECT id FROM tasks WHERE status = 'failed' AND error IS NULL",
    "no other task has an error": "SELECT id FROM tasks WHERE status <> 'failed' AND error IS NOT NULL",
    "only a failed task is dead-lettered": "SELECT id FROM tasks WHERE dead AND status <> 'failed'",
    "attempts never pass the fencing token": "SELECT id FROM tasks WHERE attempts > token OR attempts < 0",
    "events are numbered within their attempt": "SELECT id FROM tasks WHERE seq / 1000000 <> token",
    "one unfinished task per content": (
        "SELECT min(id) FROM tasks WHERE status IN ('queued', 'running') "
        "GROUP BY tenant, content_hash HAVING count(*) > 1"
    ),
    "a person's counts are those of their memories": (
        "SELECT p.id FROM people p LEFT JOIN memories m ON m.person = p.id GROUP BY p.id "
        "HAVING p.memories <> count(m.id) OR p.chars <> coalesce(sum(m.chars), 0)"
    ),
    "no memory is newer than its person's version": (
        "SELECT m.id FROM memories m JOIN people p ON p.id = m.person WHERE m.version > p.version"
    ),
    "no tombstone is newer than its person's version": (
        "SELECT f.memory_id FROM forgotten f JOIN people p ON p.id = f.person WHERE f.version > p.version"
    ),
    "no view is newer than its person's version": (
        "SELECT v.person FROM views v JOIN people p ON p.id = v.person WHERE v.version > p.version"
    ),
    "the views of a person are of one version": (
        "SELECT person FROM views GROUP BY person HAVING count(*) <> 2 OR min(version) <> max(version)"
    ),
    "what is superseded is so by a memory that is there": (
        "SELECT m.id FROM memories m WHERE superseded_by IS NOT NULL AND NOT EXISTS "
        "(SELECT FROM memories o WHERE o.person = m.person AND o.id = m.superseded_by)"
    ),
    "no task has ended before it was made": "SELECT id FROM tasks WHERE finished_at < created_at",
}


def broken_rules(database_url: str) -> dict[str, list[dict[str, Any]]]:
    """The rules that do not hold, with the rows that break them."""
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        # One snapshot for all of them.
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        return {rule: rows for rule, query in INVARIANTS.items() if (rows := connection.execute(query).fetchall())}

"""What the service asks of PostgreSQL by itself, and of one user: how long it takes and how many rows it reads.

Each statement is timed with its own transaction rolled back, and then explained: the rows that its scans looked at,
found or not, and the pages of 8 kB. A statement that reads more with more users, where its answer does not grow, is a
mistake, and ``tests/store/test_statements_at_size.py`` says so.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from benchmarks._report import percentile
from reverie.store.sql import sql

Sql = psycopg.Connection[dict[str, Any]]

TENANT, MODEL = "default", "model"


@dataclass(frozen=True, slots=True)
class Statement:
    """A query of the store, who asks it how often, and what it is given for a user's number."""

    name: str
    when: str
    parameters: Callable[[int], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer took: seconds of each try; and of one the rows its scans looked at, by table, and the pages."""

    seconds: list[float]
    looked_at: Counter[str]
    pages: int
    plan: dict[str, Any]

    def row(self) -> list[str]:
        """p50 / p95, rows and pages, for a table."""
        p50, p95 = (1000 * percentile(self.seconds, q) for q in (50, 95))
        return [f"{p50:.1f} / {p95:.1f} ms", f"{self.looked_at.total():,}", f"{self.pages:,}"]


def _same(**values: Any) -> Callable[[int], dict[str, Any]]:
    return lambda _: dict(values)


def _who(**more: Any) -> Callable[[int], dict[str, Any]]:
    return lambda person: {"tenant": TENANT, "user_id": f"u{person}", **more}


def _person(**more: Any) -> Callable[[int], dict[str, Any]]:
    return lambda person: {"person": person, **more}


_MINUTE, _SECOND, _SCRAPE = "every minute", "every second", "metrics, 2 s"
_LOOK, _ERASE, _EXPORT, _UPKEEP = "a look", "an erasure", "an export", "an upkeep"
_DAYS = _same(days=30.0)
_NEVER, _EVER = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
_DUE = {"auto": True, "others": [], "quiet": 30.0, "max_wait": 600.0, "limit": 100}
_LIST = {"user_id": None, "status": None, "operation": None, "before": None, "before_id": None, "limit": 50}

_WALKS = {
    "payloads": "t1-{}",
    "results": "t1-{}",
    "themes": '["default", "u{}", ""]',
    "memories": '[{}, ""]',
    "people": "[{}]",
    "views": '[{}, ""]',
    "happenings": "[{}]",
    "idempotency": '["default", "8"]',
    "webhooks": "[{}]",
    "webhooks_disabled": '["default", ""]',
}
"""Where a walk over all that is sealed has got to, as each table tells it."""

STATEMENTS = (
    Statement("expire_leases", _SECOND, _same(max_attempts=3, error="{}", silence=15.0)),
    Statement("expire_deadlines", _SECOND, _same(error="{}")),
    Statement("queued_by_queue", _SECOND, _same(tenant=None)),
    Statement("stale_messages", _SECOND, _same(queue="upkeep", age=3.0, limit=200)),
    Statement("upkeeps_in_flight", _SECOND, _same()),
    Statement("find_due", _SECOND, _same(**_DUE)),
    Statement("due_digest", _SECOND, _same()),
    Statement("aged_people", _SECOND, lambda person: {"after": person, "days": 900.0, "limit": 500}),
    Statement("claim_webhooks", _SECOND, _same(lease=30.0, limit=20, each=5, full=[])),
    Statement("load_counts", "submissions, 1 s", _same(tenant=TENANT)),
    Statement("ended_lately", "a refusal", _same(tenant=TENANT, seconds=60.0)),
    Statement("finished_since", "estimates, 2 s", lambda _: {"since": time.time() - 2}),
    Statement("recent_endings", "without pub/sub, 1 s", _same(tenants=[TENANT], age=5.0)),
    Statement("recent_happenings", "without pub/sub, 1 s", _same(tenants=[TENANT], age=5.0)),
    Statement("still_valid", "workers, 2 s", lambda p: {"people": [*range(p, p + 5)], "versions": [1] * 5}),
    Statement("waiting_tenants", "a claim", _same(queue="upkeep")),
    Statement("waiting_by_class", _SCRAPE, _same()),
    Statement("lately", _SCRAPE, _same()),
    Statement("webhook_counts", _SCRAPE, _same()),
    Statement("forget_plain_callbacks", _MINUTE, _same(limit=500)),
    Statement("plain_idempotency", _MINUTE, _same(limit=500)),
    Statement("plain_webhooks", _MINUTE, _same(limit=500)),
    Statement("retire_tasks", _MINUTE, _DAYS),
    Statement("retire_idempotency", _MINUTE, _DAYS),
    Statement("keep_vectors", _MINUTE, _same(days=30.0, limit=1000)),
    Statement("retire_vectors", _MINUTE, _same(days=30.0, limit=1000)),
    Statement("retire_themes", _MINUTE, _DAYS),
    Statement("retire_happenings", _MINUTE, _DAYS),
    Statement("retire_forgotten", _MINUTE, _same(after=_NEVER, limit=2000)),
    Statement("tenant_memories", "adds, now and then", _same(tenant=TENANT)),
    Statement("count_by_status", "/status", _same(tenant=TENANT)),
    Statement("list_people", _LOOK, lambda p: {"tenant": TENANT, "after": f"u{p}", "stale": False, "limit": 100}),
    Statement("list_people", f"{_LOOK}, stale", lambda _: {"tenant": TENANT, "after": "", "stale": True, "limit": 100}),
    Statement("list_tasks", _LOOK, _same(tenant=TENANT, **_LIST)),
    Statement("list_tasks", f"{_LOOK}, failed", _same(tenant=TENANT, **_LIST | {"status": "failed"})),
    Statement("list_tasks", f"{_LOOK}, a user's", lambda p: {"tenant": TENANT, **_LIST, "user_id": f"u{p}"}),
    Statement("list_webhooks", _LOOK, _same(tenant=TENANT, task_id=None, limit=100)),
    Statement("unfinished", _LOOK, _same(tenant=TENANT)),
    Statement("get_view_facts", _LOOK, _who(kinds=["themes", "insights"])),
    Statement("get_since", _LOOK, _person(version=1)),
    Statement("list_memories", _LOOK, _person(before=_EVER, before_id="", since=_NEVER, until=_EVER, limit=50)),
    Statement("read_history", _LOOK, _who(moment=datetime.now(UTC) - timedelta(days=365))),
    Statement("find_place", _LOOK, _who()),
    Statement("find_upkeep", _UPKEEP, _person()),
    Statement("read_memories", _UPKEEP, _person()),
    Statement("read_moments", _UPKEEP, _person()),
    Statement("prune_forgotten", _UPKEEP, _person(version=1)),
    Statement("prune_placed", _UPKEEP, _person(version=1)),
    Statement("settle_person", _UPKEEP, _person(version=1, as_of=datetime.now(UTC), cost=1.0, pause=20.0)),
    Statement("memories_without_vector", "a new model", _who(model=MODEL, after="", limit=200)),
    Statement("delete_unused_vectors", "a deletion", lambda p: {**_who()(p), "person": p, "keys": [b"none"]}),
    *(
        Statement(f"reencrypt_{what}", "a new key", lambda p, after=after: {"after": after.format(p), "limit": 500})
        for what, after in _WALKS.items()
    ),
    Statement("erase_results_count", _ERASE, _who()),
    Statement("erase_idempotency", _ERASE, _who()),
    Statement("erase_tasks", _ERASE, _who()),
    Statement("erase_vectors", _ERASE, _who()),
    Statement("erase_themes", _ERASE, _who()),
    Statement("erase_memories", _ERASE, _who()),
    Statement("erase_views", _ERASE, _who()),
    Statement("erase_person", _ERASE, _who()),
    Statement("export_tasks", _EXPORT, _who()),
    Statement("export_vector_counts", _EXPORT, _who()),
    Statement("export_themes", _EXPORT, _who()),
    Statement("export_webhooks", _EXPORT, _who()),
    Statement("export_idempotency", _EXPORT, _who()),
    Statement("export_happenings", _EXPORT, _person()),
    Statement("list_forgotten", _EXPORT, _person()),
)


def read(connection: Sql, statement: Statement, people: list[int], most: int | None = None) -> Reading:
    """Ask for each of ``people``, and explain the last one's answer; nothing stays changed. ``most``: of each bite."""
    took = []
    query = sql(statement.name)
    for person in people:
        asked = statement.parameters(person)
        if most is not None and "limit" in asked:
            asked["limit"] = most
        with connection.transaction(force_rollback=True):
            began = time.perf_counter()
            cursor = connection.execute(query, asked)
            if cursor.description:
                cursor.fetchall()
            took.append(time.perf_counter() - began)
    with connection.transaction(force_rollback=True):
        explain = b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + query
        (told,) = connection.execute(explain, asked).fetchall()
    plan = told["QUERY PLAN"][0]["Plan"]
    looked_at = Counter[str]()
    for node in nodes(plan):
        if "Relation Name" in node and node["Node Type"] != "ModifyTable":
            looked_at[node["Relation Name"]] += _looked_at(node)
    return Reading(took, looked_at, plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], plan)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All steps of a plan."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def _looked_at(node: dict[str, Any]) -> int:
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return round((node["Actual Rows"] + removed) * node["Actual Loops"])

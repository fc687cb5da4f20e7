"""PostgreSQL with millions of stored memories: adds and reads of the service, size on disk, vacuum, partitions.

The rows are generated in the database: sealed-like bytes that do not compress, a hundred memories a user, and the
users' memories interleaved as they would come over the years. It grows in steps and is measured at each, with the
statements of the service. Then the memories are copied into hash partitions by person, and the same is asked again.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from benchmarks._report import machine, percentile, table
from benchmarks._stored_vectors import children_cpu
from reverie.embedded import start_servers
from reverie.store import GatewayStore, migrate
from reverie.store.memory_changes import AddRequest
from reverie.store.memory_rows import new_row
from reverie.store.memory_store import MemoryStore
from reverie.store.sql import sql

EACH = 100
"""Memories of a user."""
TENANT, MODEL = "default", "model"
_WARM = 20

_PEOPLE = """INSERT INTO people (tenant, user_id, version, memories, chars)
SELECT 'default', 'u' || n, 1, 100, 6000 FROM generate_series(%(first)s::int, %(last)s::int) n"""
_VIEWS = """INSERT INTO views (person, kind, version, as_of, body, etag, task_id)
SELECT p.id, k, 1, now(), v.noise, 'e', 't' FROM people p, noise v, unnest(ARRAY['themes', 'insights']) k
WHERE p.id BETWEEN %(first)s AND %(last)s"""
# A round of all users after the other, so that one user's memories are far apart.
_MEMORIES = """INSERT INTO memories (person, id, body, text_key, content, chars, created_at, version)
SELECT p, 'm' || m, sha512((p || '-' || m)::bytea) || sha512((m || '-' || p)::bytea),
       substr(sha256((p || '-' || m)::bytea), 1, 16), substr(sha256((m || '-' || p)::bytea), 1, 16), 60,
       timestamptz '2024-01-01' + m * interval '7 days' + p * interval '1 second', 1
FROM generate_series(1, 100) m, generate_series(%(first)s::int, %(last)s::int) p"""
_VECTORS = """INSERT INTO vectors (tenant, user_id, model, text_key, vector)
SELECT 'default', 'u' || p, 'model', substr(sha256((p || '-' || m)::bytea), 1, 16),
       substr(v.noise, 1 + (p * 100 + m) %% 6000, 1536)
FROM generate_series(1, 100) m, generate_series(%(first)s::int, %(last)s::int) p, noise v"""
_PARTITIONED = """ALTER TABLE memories RENAME TO whole;
ALTER INDEX memories_newest RENAME TO whole_newest; ALTER INDEX memories_changed RENAME TO whole_changed;
ALTER INDEX memories_superseded RENAME TO whole_superseded; ALTER INDEX memories_texts RENAME TO whole_texts;
ALTER INDEX memories_pkey RENAME TO whole_pkey;
CREATE TABLE memories (LIKE whole INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING CONSTRAINTS,
    PRIMARY KEY (person, id)) PARTITION BY HASH (person);
CREATE INDEX memories_newest ON memories (person, moment DESC, id DESC);
CREATE INDEX memories_changed ON memories (person, version);
CREATE INDEX memories_superseded ON memories (person, superseded_by) WHERE superseded_by IS NOT NULL;
CREATE INDEX memories_texts ON memories (person, text_key);"""

Sql = psycopg.Connection[dict[str, Any]]


def grow(connection: Sql, first: int, last: int, what: tuple[str, ...]) -> None:
    for statement in what:
        connection.execute(statement.encode(), {"first": first, "last": last})
    settle(connection)


def settle(connection: Sql) -> None:
    """What was written is on disk, and known: no reading pays for it."""
    connection.execute("VACUUM ANALYZE")
    connection.execute("CHECKPOINT")


def timed(ask: Callable[[int], object], people: int, times: int, seed: int) -> list[float]:
    """Seconds of ``times`` questions about users at random, after some that are not counted."""
    rng = random.Random(seed)
    took = []
    for turn in range(times + _WARM):
        person = rng.randint(1, people)
        began = time.perf_counter()
        ask(person)
        if turn >= _WARM:
            took.append(time.perf_counter() - began)
    return took


async def adds(url: str, people: int, times: int, seed: int) -> list[float]:
    """Seconds of each durable add of one memory, one after the other."""
    store = GatewayStore(url)
    await store.open()
    took = []
    try:
        rng = random.Random(seed)
        for turn in range(times + _WARM):
            row = new_row(f"n{seed}-{turn}", {"text": f"Something new, {seed} {turn}", "created_at": datetime.now(UTC)})
            request = AddRequest(TENANT, f"u{rng.randint(1, people)}", [row])
            began = time.perf_counter()
            await MemoryStore(store).add([request], lambda _, __: b"{}")
            if turn >= _WARM:
                took.append(time.perf_counter() - began)
    finally:
        await store.close()
    return took


def measured(url: str, connection: Sql, name: str, people: int, times: int, seed: int) -> list[str]:
    """A row of the table."""

    def recall(person: int) -> None:
        connection.execute(sql("read_person"), {"tenant": TENANT, "user_id": f"u{person}"}).fetchall()
        connection.execute(sql("read_memories"), {"person": person}).fetchall()
        keys = [row["text_key"] for row in connection.execute(
            "SELECT text_key FROM memories WHERE person = %s", (person,))]  # fmt: skip
        asked = {"tenant": TENANT, "user_id": f"u{person}", "model": MODEL, "keys": keys}
        connection.execute(sql("select_vectors"), asked).fetchall()

    def themes(person: int) -> None:
        connection.execute(sql("get_person"), {"tenant": TENANT, "user_id": f"u{person}"}).fetchall()
        connection.execute(sql("read_views"), {"person": person}).fetchall()

    shown = []
    for ask in (
        lambda: asyncio.run(adds(url, people, times, seed)),
        lambda: timed(recall, people, times, seed),
        lambda: timed(themes, people, times, seed + 1),
    ):
        busy = time.process_time() + children_cpu()
        took = ask()
        busy = time.process_time() + children_cpu() - busy
        shown.append(f"{1000 * percentile(took, 50):.1f} / {1000 * percentile(took, 95):.1f} ms")
        shown.append(f"{1000 * busy / (times + _WARM):.1f} ms")
    connection.execute("UPDATE memories SET access_count = 1 WHERE person % 20 = 0")
    connection.execute("DELETE FROM memories WHERE person % 50 = 1")
    began = time.perf_counter()
    connection.execute("VACUUM memories")
    vacuum = time.perf_counter() - began
    size = "SELECT sum(pg_total_relation_size(oid)) AS n FROM pg_class WHERE relname ~ '^memories(_[0-9]+)?$'"
    (bytes_,) = [row["n"] for row in connection.execute(size.encode())]
    (vectors,) = [row["n"] for row in connection.execute("SELECT pg_total_relation_size('vectors') AS n")]
    return [name, *shown, f"{int(bytes_) / 1e9:.2f} GB", f"{int(vectors) / 1e9:.2f} GB", f"{vacuum:.1f} s"]


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="./dev bench store", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[250_000, 1_000_000], help="rising")
    parser.add_argument("--partitions", type=int, default=16)
    parser.add_argument("--times", type=int, default=300, help="adds and reads of each kind")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="reverie-bench-"))
    rows = []
    try:
        with start_servers(folder) as servers:
            url = servers.database_url
            migrate(url)
            with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
                connection.execute("CREATE TABLE noise (noise bytea)")
                connection.execute("ALTER TABLE noise ALTER noise SET STORAGE EXTERNAL")
                connection.execute("INSERT INTO noise VALUES (%s)", (random.Random(1).randbytes(8000),))
                there = 0
                for number, size in enumerate(options.sizes):
                    began = time.perf_counter()
                    grow(connection, there + 1, size // EACH, (_PEOPLE, _VIEWS, _MEMORIES, _VECTORS))
                    there = size // EACH
                    print(f"{size:,} there after {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
                    rows.append(measured(url, connection, f"{size:,}", there, options.times, number))
                    print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
                connection.execute(_PARTITIONED.encode())
                for part in range(options.partitions):
                    connection.execute(
                        f"CREATE TABLE memories_{part} PARTITION OF memories "
                        f"FOR VALUES WITH (MODULUS {options.partitions}, REMAINDER {part})".encode()
                    )
                columns = ("person, id, body, text_key, content, chars, created_at, added_at, last_accessed_at, "
                           "access_count, pinned, superseded_by, version")  # fmt: skip
                connection.execute(f"INSERT INTO memories ({columns}) SELECT {columns} FROM whole".encode())
                connection.execute("DROP TABLE whole")
                settle(connection)
                name = f"{options.sizes[-1]:,}, {options.partitions} partitions"
                rows.append(measured(url, connection, name, there, options.times, len(options.sizes)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{machine()}; {EACH} memories a user, p50 / p95; CPU: of client and servers, each\n")
    head = ["memories", "add, durable", "CPU", "recall's reads", "CPU", "themes read", "CPU"]
    head += ["memories on disk", "vectors", "vacuum"]
    print(table(head, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())

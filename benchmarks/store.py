"""PostgreSQL with millions of stored memories: adds and reads of the service, what it asks by itself, disk, vacuum.

Each size is filled into a database of its own (``_store_filling``: a hundred memories a user, interleaved) and asked
with the statements of the service: about users of whom nothing is in memory, the server's or the system's, and about
the same users again. With ``--statements`` everything that the service asks by itself is timed and its rows counted
(``_store_statements``); with ``--partitions`` the memories are copied into hash partitions by person, and asked again.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

from benchmarks._report import machine, percentile, table
from benchmarks._store_filling import EACH, fill, settle
from benchmarks._store_statements import MODEL, STATEMENTS, TENANT, Sql, read
from benchmarks._stored_vectors import children_cpu
from reverie.embedded import start_servers
from reverie.store import GatewayStore, migrate
from reverie.store.memory_changes import AddRequest
from reverie.store.memory_rows import new_row
from reverie.store.memory_store import MemoryStore
from reverie.store.sql import sql

_TRIES = 20

_PARTITIONED = """ALTER TABLE memories RENAME TO whole;
ALTER INDEX memories_newest RENAME TO whole_newest; ALTER INDEX memories_changed RENAME TO whole_changed;
ALTER INDEX memories_superseded RENAME TO whole_superseded; ALTER INDEX memories_texts RENAME TO whole_texts;
ALTER INDEX memories_placed RENAME TO whole_placed; ALTER INDEX memories_pkey RENAME TO whole_pkey;
CREATE TABLE memories (LIKE whole INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING CONSTRAINTS)
    PARTITION BY HASH (person);"""
# After the rows, as for the whole table.
_INDEXES = """ALTER TABLE memories ADD PRIMARY KEY (person, id);
CREATE INDEX memories_newest ON memories (person, moment DESC, id DESC);
CREATE INDEX memories_changed ON memories (person, version);
CREATE INDEX memories_superseded ON memories (person, superseded_by) WHERE superseded_by IS NOT NULL;
CREATE INDEX memories_texts ON memories (person, text_key);
CREATE INDEX memories_placed ON memories (person) WHERE placed_version IS NOT NULL;"""


def connect(url: str) -> Sql:
    return psycopg.connect(url, autocommit=True, row_factory=dict_row)


def timed(ask: Callable[[int], object], people: int, times: int, seed: int, warm: int) -> list[float]:
    """Seconds of ``times`` questions about users at random, after some that are not counted."""
    took = []
    rng, everybody = random.Random(seed), range(1, people + 1)
    # Nobody twice where there are enough: who was asked about is in memory.
    wanted = rng.sample(everybody, times + warm) if times + warm <= people else rng.choices(everybody, k=times + warm)
    for turn, person in enumerate(wanted):
        began = time.perf_counter()
        ask(person)
        if turn >= warm:
            took.append(time.perf_counter() - began)
    return took


async def adds(url: str, people: int, times: int, seed: int, warm: int) -> list[float]:
    """Seconds of each durable add of one memory, one after the other."""
    store = GatewayStore(url)
    await store.open()
    took = []
    try:
        rng = random.Random(seed)
        for turn in range(times + warm):
            name = f"n{time.time_ns()}"
            row = new_row(name, {"text": f"Something new, {name}", "created_at": datetime.now(UTC)})
            request = AddRequest(TENANT, f"u{rng.randint(1, people)}", [row])
            began = time.perf_counter()
            await MemoryStore(store).add([request], lambda _, __: b"{}")
            if turn >= warm:
                took.append(time.perf_counter() - began)
    finally:
        await store.close()
    return took


def asked(url: str, people: int, times: int, warm: int) -> list[str]:
    """p50 / p95 of an add, of what recall reads and of what themes read, and what a processor spent on each.

    Always of the same users, whom ``warm`` others come before.
    """
    with connect(url) as connection:

        def recall(person: int) -> None:
            connection.execute(sql("read_person"), {"tenant": TENANT, "user_id": f"u{person}"}).fetchall()
            connection.execute(sql("read_memories"), {"person": person}).fetchall()
            keys = [row["text_key"] for row in connection.execute(
                "SELECT text_key FROM memories WHERE person = %s", (person,))]  # fmt: skip
            wanted = {"tenant": TENANT, "user_id": f"u{person}", "model": MODEL, "keys": keys}
            connection.execute(sql("select_vectors"), wanted).fetchall()

        def themes(person: int) -> None:
            connection.execute(sql("get_person"), {"tenant": TENANT, "user_id": f"u{person}"}).fetchall()
            connection.execute(sql("read_views"), {"person": person}).fetchall()

        shown = []
        for ask in (
            lambda: asyncio.run(adds(url, people, times, 1, warm)),
            lambda: timed(recall, people, times, 2, warm),
            lambda: timed(themes, people, times, 3, warm),
        ):
            busy = time.process_time() + children_cpu()
            took = ask()
            busy = time.process_time() + children_cpu() - busy
            shown.append(f"{1000 * percentile(took, 50):.1f} / {1000 * percentile(took, 95):.1f} ms")
            shown.append(f"{1000 * busy / (times + warm):.1f} ms")
    return shown


def kept(url: str) -> list[str]:
    """Size of memories and vectors, and vacuum of the memories after a twentieth changed and a fiftieth went."""
    with connect(url) as connection:
        connection.execute("UPDATE memories SET access_count = access_count + 1 WHERE person % 20 = 0")
        connection.execute("DELETE FROM memories WHERE person % 50 = 1")
        began = time.perf_counter()
        connection.execute("VACUUM memories")
        vacuum = time.perf_counter() - began
        size = "SELECT sum(pg_total_relation_size(oid)) AS n FROM pg_class WHERE relname ~ '^memories(_[0-9]+)?$'"
        (bytes_,) = [row["n"] for row in connection.execute(size.encode())]
        (vectors,) = [row["n"] for row in connection.execute("SELECT pg_total_relation_size('vectors') AS n")]
    return [f"{int(bytes_) / 1e9:.2f} GB", f"{int(vectors) / 1e9:.2f} GB", f"{vacuum:.1f} s"]


def forget_files(folder: Path) -> None:
    """Let the system drop what it keeps of these files in memory; the servers are stopped."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def there(url: str) -> bool:
    """Whether the database is filled."""
    with connect(url) as connection:
        return bool(connection.execute("SELECT FROM people LIMIT 1").fetchall())


def partition(url: str, parts: int) -> None:
    with connect(url) as connection:
        connection.execute("SET maintenance_work_mem = '1GB'")
        with connection.transaction():
            connection.execute(_PARTITIONED.encode())
            for part in range(parts):
                connection.execute(
                    f"CREATE TABLE memories_{part} PARTITION OF memories "
                    f"FOR VALUES WITH (MODULUS {parts}, REMAINDER {part})".encode()
                )
            columns = ("person, id, body, text_key, content, chars, created_at, added_at, last_accessed_at, "
                       "access_count, pinned, superseded_by, version")  # fmt: skip
            connection.execute(f"INSERT INTO memories ({columns}) SELECT {columns} FROM whole".encode())
            connection.execute(_INDEXES.encode())
            connection.execute("DROP TABLE whole")
    settle(url)


def statements(url: str, people: int) -> list[list[str]]:
    """A row for each statement that the service asks by itself, and of one user."""
    rng = random.Random(5)
    with connect(url) as connection:
        return [
            [one.name, one.when, *read(connection, one, [rng.randint(1, people) for _ in range(_TRIES)]).row()]
            for one in STATEMENTS
        ]


def measured(folder: Path, name: str, people: int, times: int, rows: list[list[str]]) -> None:
    """Two rows of the table: nothing in memory, and the same users again."""
    forget_files(folder)
    with start_servers(folder) as servers:
        url = servers.database_url
        rows.append([f"{name}, nothing in memory", *asked(url, people, times, 1), "", "", ""])
        rows.append([f"{name}, the same users again", *asked(url, people, times, 1), *kept(url)])
    for row in rows[-2:]:
        print(" | ".join(row), file=sys.stderr, flush=True)


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="./dev bench store", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[250_000, 1_000_000])
    parser.add_argument("--partitions", type=int, default=0, help="of the last size, measured again; 16, say")
    parser.add_argument("--times", type=int, default=300, help="adds and reads of each kind")
    parser.add_argument("--statements", action="store_true", help="of the last size")
    parser.add_argument("--folder", type=Path, help="where the last size is kept, and taken from the next time")
    options = parser.parse_args()
    rows: list[list[str]] = []
    asks: list[list[str]] = []

    for size in options.sizes:
        last = size == options.sizes[-1]
        own = options.folder if last and options.folder else Path(tempfile.mkdtemp(prefix="reverie-bench-"))
        people, name = size // EACH, f"{size:,}"
        try:
            with start_servers(own) as servers:
                migrate(servers.database_url)
                if not there(servers.database_url):
                    fill(servers.database_url, people)
                    settle(servers.database_url)
            measured(own, name, people, options.times, rows)
            if last and options.statements:
                with start_servers(own) as servers:
                    asks = statements(servers.database_url, people)
            if last and options.partitions:
                with start_servers(own) as servers:
                    partition(servers.database_url, options.partitions)
                measured(own, f"{name}, {options.partitions} partitions", people, options.times, rows)
        finally:
            if own != options.folder:
                shutil.rmtree(own, ignore_errors=True)
    print(f"{machine()}; {EACH} memories a user, p50 / p95; CPU: of client and servers, each\n")
    head = ["memories", "add, durable", "CPU", "recall's reads", "CPU", "themes read", "CPU"]
    print(table([*head, "memories on disk", "vectors", "vacuum"], rows))
    if asks:
        print("\n" + table(["statement", "asked", "p50 / p95", "rows read", "pages"], asks))
    return 0


if __name__ == "__main__":
    sys.exit(main())

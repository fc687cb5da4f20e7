"""Upkeep of many users at once: one change each, without and with a user who keeps very many memories.

python -m benchmarks._many_users [--users 10000] [--large 100000]

The large user's change comes first. What is measured is each small user's wait, from their change to a current view.
The workers are those of ``reverie up``: upkeep has one of its own, with the lowest priority, so a machine with other
load measures that load. The fake embedder stands in for the model: who waits for whom is asked here, not what vectors
cost.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from tests.gateway.keeping import TENANT, keep
from tests.live import LiveService

from benchmarks._report import machine, percentile, table
from benchmarks._upkeep import memories
from reverie.embedded import start_servers
from reverie.store import GatewayStore, migrate
from reverie.store.memory_changes import AddRequest
from reverie.store.memory_rows import new_row
from reverie.store.memory_store import MemoryStore

QUIET = 5.0
WORKERS = {"worker": ("fast,clustering,analysis", 1), "worker-upkeep": ("upkeep", 3)}
_WAITS = "SELECT extract(epoch FROM upkept_at - last_change_at)::float8 AS wait FROM people WHERE user_id LIKE %s"
_LEFT = "SELECT count(*) AS n FROM people WHERE changes > 0 AND user_id LIKE %s"


def add_all(url: str, users: int) -> None:
    """One memory of each small user, in groups."""

    async def work() -> None:
        store = GatewayStore(url)
        await store.open()
        try:
            for start in range(0, users, 250):
                group = []
                for number in range(start, min(start + 250, users)):
                    memory = {"text": f"Climbed the north wall, route {number}", "created_at": datetime.now(UTC)}
                    group.append(AddRequest(TENANT, f"small{number}", [new_row("m", memory)]))
                await MemoryStore(store).add(group, lambda _, __: b"{}")
        finally:
            await store.close()

    asyncio.run(work())


def until_current(live: LiveService, users: str) -> float:
    """Seconds until these users' views know all changes."""
    began = time.perf_counter()
    while live.rows(_LEFT, users)[0]["n"]:
        time.sleep(0.5)
    return time.perf_counter() - began


def measured(folder: Path, users: int, large: Sequence[dict[str, Any]]) -> tuple[list[float], float, float | None]:
    """``(the small users' waits, seconds until all of them are current, the large user's wait)``."""
    with start_servers(folder) as servers:
        with psycopg.connect(servers.database_url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE bench")
        url = servers.database_url.replace("/postgres?", "/bench?")
        migrate(url)
        environment = {
            "REVERIE_UPKEEP_QUIET": str(QUIET),
            "REVERIE_UPKEEP_PAUSE": "0",
            "REVERIE_TASK_TIME_LIMIT": "3000",
        }
        with LiveService(url, servers.redis_url, environment=environment, workers=WORKERS) as live:
            if large:
                keep(url, "large", large)
                until_current(live, "large")
                keep(url, "large", [{"id": "new", "text": "One more", "created_at": datetime.now(UTC)}])
            add_all(url, users)
            took = until_current(live, "small%")
            last = None
            if large:
                until_current(live, "large")
                last = live.rows(_WAITS, "large")[0]["wait"] - QUIET
            return [row["wait"] - QUIET for row in live.rows(_WAITS, "small%")], took, last


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=10_000, help="users with one memory")
    parser.add_argument("--large", type=int, default=100_000, help="memories of the large user")
    arguments = parser.parse_args()
    start = datetime.now(UTC) - timedelta(days=900)
    large = [
        {"id": f"m{n}", "text": f"{one['text']} {n}", "created_at": start + timedelta(minutes=10 * n)}
        for n, one in zip(range(arguments.large), _again(memories(min(arguments.large, 5_000))), strict=False)
    ]
    print(f"{machine()}; load {os.getloadavg()[0]:.0f}\n", flush=True)
    rows: list[list[object]] = []
    halves: list[float] = []
    for name, given in (("without a large user", []), (f"beside one with {arguments.large:,} memories", large)):
        folder = Path(tempfile.mkdtemp(prefix="reverie-bench-"))
        try:
            waits, took, last = measured(folder, arguments.users, given)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        halves.append(percentile(waits, 50))
        shown = [f"{percentile(waits, q):.1f} s" for q in (50, 95, 100)]
        rows.append([name, len(waits), *shown, f"{took:.1f} s", f"{last:.1f} s" if last is not None else ""])
        print(rows[-1], file=sys.stderr, flush=True)  # the second half takes long
    print(table([f"waits of {arguments.users:,} users", "current", "p50", "p95", "max", "all", "the large one"], rows))
    print(f"\np50 with the large user: {halves[1] / halves[0]:.2f} times that without; load {os.getloadavg()[0]:.0f}")


def _again(few: Sequence[dict[str, Any]]) -> Any:
    while True:
        yield from few


if __name__ == "__main__":
    main()

"""Many tasks for a while: what grows?"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict

from tests.chaos.load import Erased, Load
from tests.chaos.overload import in_world
from tests.chaos.processes import children, memory_mb, open_files
from tests.chaos.world import World

__all__ = ["soak"]

_SIZES = (
    "SELECT c.relname AS name, pg_table_size(c.oid) AS heap, pg_indexes_size(c.oid) AS indexes FROM pg_class c "
    "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname = 'public' "
    "AND c.relname NOT LIKE 'chaos%%'"
)
_SESSIONS = "SELECT count(*) AS n FROM pg_stat_activity WHERE backend_type = 'client backend'"
_SAMPLES = 20


async def _sample(world: World, into: dict[str, list[float]]) -> None:
    pids = {**world.supervisor.pids(), "valkey": world.valkey}
    for name, pid in pids.items():
        into[f"{name} MB"].append(memory_mb(pid))
        into[f"{name} open files"].append(open_files(pid))
        if name.startswith("worker"):
            into[f"{name} children MB"].append(sum(memory_mb(child) for child in children(pid)))
    into["postgres MB"].append(memory_mb(world.postgres) + sum(memory_mb(c) for c in children(world.postgres)))
    into["PostgreSQL sessions"].append((await world.ask(_SESSIONS))[0]["n"])
    for row in await world.ask(_SIZES):
        if row["heap"] > 1_000_000:
            into[f"table {row['name']} MB"].append(row["heap"] / 1e6)
            into[f"indexes of {row['name']} MB"].append(row["indexes"] / 1e6)
    tasks = (await world.ask("SELECT count(*) AS n, count(*) - count(finished_at) AS open FROM tasks"))[0]
    into["tasks in the table"].append(tasks["n"])
    into["tasks in the table, unfinished"].append(tasks["open"])


async def _play(world: World, tasks: int, minutes: float) -> str:
    samples: defaultdict[str, list[float]] = defaultdict(list)
    async with Load(world, 1) as load:
        done = late = 0

        async def one() -> None:
            nonlocal done, late
            try:
                await load.submit(load.wish(("embed", "recall", "cluster")[done % 3], items=4))
            except Erased:
                late += 1
            done += 1

        await asyncio.gather(*(one() for _ in range(30)))  # everything has been used once
        began, given = time.monotonic(), 0
        for part in range(_SAMPLES + 1):
            await _sample(world, samples)
            if part == _SAMPLES:
                break
            while time.monotonic() - began < minutes * 60 * (part + 1) / _SAMPLES:
                due = int(tasks * (time.monotonic() - began) / (minutes * 60))
                for _ in range(min(due - given, 200)):
                    load.start(one())
                    given += 1
                await asyncio.sleep(0.05)
            # Seen results and listeners' notes are this program's, not the service's.
            load.seen.clear()
            load.answers.clear()
        took = time.monotonic() - began
        open_ = "SELECT count(*) AS n FROM tasks WHERE finished_at IS NULL"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(300):
                while (await world.ask(open_))[0]["n"] or done < given:
                    await asyncio.sleep(0.2)
        unfinished = (await world.ask(open_))[0]["n"]
        ended = await world.ask("SELECT status, count(*) AS n FROM chaos_log WHERE status <> 'running' GROUP BY status")
    lines = [
        f"{given} tasks in {took:.0f} s ({given / took:.1f} a second), accepted {done}, "
        f"{late} of them answered only after their task had been erased, unfinished {unfinished}",
        "transitions: " + ", ".join(f"{row['status']} {row['n']}" for row in ended),
        "",
        f"{'':<34}{'start':>9}{'1/4':>9}{'1/2':>9}{'3/4':>9}{'end':>9}",
    ]
    for name, values in sorted(samples.items()):
        shown = [values[int(i * (len(values) - 1) / 4)] for i in range(5)]
        lines.append(f"{name:<34}" + "".join(f"{value:>9.1f}" for value in shown))
    return "\n".join(lines)


def soak(tasks: int, minutes: float) -> int:
    """Run and print. Finished tasks are kept for a minute, so that retention has work to do."""
    environment = {"REVERIE_RETENTION_DAYS": str(1 / 1440), "REVERIE_LOG_LEVEL": "WARNING"}
    return in_world(lambda world: _play(world, tasks, minutes), workers=2, concurrency=2, environment=environment)

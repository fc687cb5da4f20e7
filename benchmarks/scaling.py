"""How clustering scales with workers, measured, and what that means for a thousand and for ten million users.

Three steps. (1) A backlog of equal tasks on one and on two worker processes of the real service, one compute thread
each: time for all of it, and the efficiency of the second process. (2) Tasks that arrive at random (Poisson), measured
on the real service and simulated (simpy) with the service times of step 1: the waits should agree. (3) The simulation
for numbers of users that this machine cannot play, with the price of the cores, and what PostgreSQL can take.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import math
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
import simpy

from benchmarks._report import machine, percentile, table
from benchmarks.main import service, texts
from reverie import AsyncReverie
from reverie.store import WorkerStore, migrate

# Assumptions of step 3, stated in docs/scaling.md; change them on the command line.
CLUSTERINGS_A_DAY = 1.0
PEAK = 3.0
USD_PER_CORE_HOUR = 0.04
WANTED_WAIT = 2.0


@dataclass
class Run:
    """What a run on the real service took, seconds."""

    makespan: float
    service: list[float]
    wait: list[float]


async def _play(url: str, key: str, gaps: Sequence[float], memories: int, label: str) -> float:
    """Submit a task after each gap, and wait for all; returns the time from the first submission to the last result."""
    pool = texts(memories * 3)
    rng = random.Random(label)
    async with AsyncReverie(url, key) as ai:
        began = time.perf_counter()
        due = began
        tasks = []
        for number, gap in enumerate(gaps):
            due += gap
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            # Every text is new to its user, so that each task embeds all of it.
            batch = [f"{text} ({label}{number})" for text in rng.sample(pool, memories)]
            tasks.append(await ai.submit_clustering_task(f"{label}-{number}", batch))
        for task in tasks:
            await task.result(timeout=600)
        return time.perf_counter() - began


def measure(workers: int, gaps: Sequence[float], memories: int, label: str) -> Run:
    """One run on a service of its own, with so many worker processes."""
    folder = Path(tempfile.mkdtemp(prefix="reverie-scaling-"))
    try:
        with service(folder, workers=workers, environment={"REVERIE_EMBED_THREADS": "1"}) as running:
            key = running.api_key or ""
            # Every process loads its model before it counts.
            asyncio.run(_play(running.url, key, [0.0] * 4 * workers, 40, "warm"))
            makespan = asyncio.run(_play(running.url, key, gaps, memories, label))
            database = json.loads((folder / "run.json").read_text())["database_url"]
            with psycopg.connect(database) as connection:
                rows = connection.execute(
                    "SELECT extract(epoch FROM finished_at - started_at)::float8, "
                    "extract(epoch FROM started_at - created_at)::float8 FROM tasks "
                    "WHERE user_id LIKE %s AND status = 'succeeded' ORDER BY created_at",
                    (f"{label}-%",),
                ).fetchall()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert len(rows) == len(gaps)
    return Run(makespan, [r[0] for r in rows], [r[1] for r in rows])


def simulate(
    gaps: Sequence[float], service_times: Sequence[float], workers: int, seed: int = 0
) -> tuple[float, list[float]]:
    """First come, first served on ``workers``: ``(makespan, waits)``; service times are drawn from those given."""
    world = simpy.Environment()
    crew = simpy.Resource(world, capacity=workers)
    rng = random.Random(seed)
    waits: list[float] = []

    def task() -> object:
        arrived = world.now
        with crew.request() as turn:
            yield turn
            waits.append(world.now - arrived)
            yield world.timeout(rng.choice(service_times))

    def arrivals() -> object:
        for gap in gaps:
            yield world.timeout(gap)
            world.process(task())

    world.process(arrivals())
    world.run()
    return world.now, waits


def workers_for(rate: float, service_times: Sequence[float], wanted: float, tasks: int = 4000) -> tuple[int, float]:
    """Fewest workers whose 95th percentile of the wait stays below ``wanted`` seconds, and that wait."""
    rng = random.Random(7)
    mean = statistics.mean(service_times)
    gaps = [rng.expovariate(rate) for _ in range(tasks)]
    for workers in itertools.count(max(1, math.ceil(rate * mean * 1.001))):
        _, waits = simulate(gaps, service_times, workers)
        wait = percentile(waits[tasks // 5 :], 95)
        if wait <= wanted:
            return workers, wait
    raise AssertionError


def postgres_rate(tasks: int) -> float:
    """Tasks a second that one connection can claim, renew once and finish, each with a result of 4 kB."""
    from reverie.embedded import start_servers

    folder = Path(tempfile.mkdtemp(prefix="reverie-scaling-"))
    try:
        with start_servers(folder) as servers:
            migrate(servers.database_url)
            with psycopg.connect(servers.database_url, autocommit=True) as connection:
                connection.execute(
                    "INSERT INTO tasks (id, tenant, user_id, operation, lane, queue, content_hash, items, chars) "
                    "SELECT 't' || n, 'a', 'u', 'cluster', 'heavy', 'clustering', n::text::bytea, 1, 1 "
                    "FROM generate_series(1, %s) AS n",
                    (tasks,),
                )
            store = WorkerStore(servers.database_url)
            body = random.Random(1).randbytes(4096)
            cost = {"tokens": 0, "cached_tokens": 0, "usd": 0.0, "compute_ms": 0.0}
            began = time.perf_counter()
            for _ in range(tasks):
                row = store.claim("clustering", "bench:1", 60.0)
                assert row is not None
                store.heartbeat(row, 60.0, row.seq + 1, ("embedding", 1, 1, 0.5))
                store.finish(row, body, cost=cost, lane=row.lane)
            took = time.perf_counter() - began
            store.close()
            return tasks / took
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Measure, simulate, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--tasks", type=int, default=40, help="tasks of each run")
    parser.add_argument("--memories", type=int, default=200, help="new memories of a task")
    parser.add_argument("--load", type=float, default=0.7, help="share of two workers' time that is asked for")
    parser.add_argument("--a-day", type=float, default=CLUSTERINGS_A_DAY, help="clusterings of a user, each day")
    parser.add_argument("--peak", type=float, default=PEAK, help="the busiest hour, as a multiple of the mean")
    parser.add_argument("--usd", type=float, default=USD_PER_CORE_HOUR, help="price of a core, US dollars an hour")
    options = parser.parse_args()

    backlog = [0.0] * options.tasks
    runs = {workers: measure(workers, backlog, options.memories, f"backlog{workers}") for workers in (1, 2)}
    efficiency = runs[1].makespan / (2 * runs[2].makespan)
    print(f"{machine()}; {options.tasks} tasks of {options.memories} new memories, one compute thread a process\n")
    print(table(
        ["worker processes", "tasks/s", "memories/s", "s a task, median", "efficiency", "simulated tasks/s"],
        [[w, f"{options.tasks / r.makespan:.2f}", f"{options.tasks * options.memories / r.makespan:.0f}",
          f"{statistics.median(r.service):.2f}", "100 %" if w == 1 else f"{100 * efficiency:.0f} %",
          f"{options.tasks / simulate(backlog, r.service, w)[0]:.2f}"] for w, r in runs.items()],
    ))  # fmt: skip

    times = runs[2].service
    rate = options.load * 2 / statistics.mean(times)
    rng = random.Random(3)
    gaps = [rng.expovariate(rate) for _ in range(options.tasks)]
    real = measure(2, gaps, options.memories, "poisson")
    # With the same arrivals; the service times of this very run, so that only the queueing is compared.
    played = [simulate(gaps, real.service, 2, seed)[1] for seed in range(200)]
    print(f"\nPoisson arrivals, {rate:.2f} tasks/s on two processes ({100 * options.load:.0f} % asked for):\n")
    rows = []
    for name, q in (("mean", None), ("50th %", 50.0), ("95th %", 95.0)):
        pick = (lambda v: statistics.mean(v)) if q is None else (lambda v, q=q: percentile(v, q))
        simulated = sorted(pick(waits) for waits in played)
        low, high = percentile(simulated, 5), percentile(simulated, 95)
        rows.append(
            [name, f"{pick(real.wait):.2f} s", f"{statistics.median(simulated):.2f} s", f"{low:.2f} to {high:.2f} s"]
        )
    print(table(["wait before work begins", "real", "simulated", "of 200 simulations, 90 % within"], rows))

    one = statistics.mean(runs[1].service)
    print(
        f"\n{options.a_day:g} clustering of {options.memories} new memories a user and day, busiest hour "
        f"{options.peak:g} x, 95 % wait below {WANTED_WAIT:g} s, one core a worker at ${options.usd:g} an hour:\n"
    )
    rows = []
    for users in (1_000, 100_000, 10_000_000):
        mean = users * options.a_day / 86_400
        peak = mean * options.peak
        workers, wait = workers_for(peak, runs[1].service, WANTED_WAIT)
        average = max(1, math.ceil(mean * one / 0.7))
        fixed, scaled = (f"${cores * options.usd * 730:,.0f}" for cores in (workers, average))
        rows.append([f"{users:,}", f"{mean:,.2f}", f"{peak:,.2f}", f"{workers:,}", f"{wait:.2f} s", fixed, scaled])
    print(
        table(
            [
                "users",
                "tasks/s, mean",
                "tasks/s, peak",
                "workers at the peak",
                "95 % wait",
                "a month, fixed",
                "a month, scaled",
            ],
            rows,
        )
    )
    rate = postgres_rate(2000)
    print(f"\nPostgreSQL: {rate:,.0f} tasks/s claimed, renewed and finished on one connection (three commits each)")


if __name__ == "__main__":
    main()

"""Three times what the workers can do: is the queue bounded, and what does a neighbour notice?"""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections import Counter
from typing import Any

from tests.chaos.load import Load
from tests.chaos.world import World

__all__ = ["overload"]

_WORKERS, _CHILDREN, _HOLD = 2, 2, 2
_CAPACITY = _WORKERS * _CHILDREN / _HOLD
_IN_FLIGHT, _QUEUED = 40, 60
_BURST, _EVERY = 6, 12.0
_PHASE = 60.0


async def _bursts(load: Load, until: float) -> list[str]:
    """A quiet tenant: some tasks at once, now and then. Their ids."""
    ids: list[str] = []
    while time.monotonic() < until:
        wishes = [load.wish("cluster", tenant="south", hold=str(_HOLD)) for _ in range(_BURST)]
        for task in await asyncio.gather(*(load.submit(wish) for wish in wishes)):
            ids.append(task["id"])
        await asyncio.sleep(_EVERY)
    return ids


async def _flood(load: Load, until: float, honest: Counter[str]) -> None:
    """A loud tenant: three times what can be done, each client asking again when it was told to."""

    async def one() -> None:
        wish, told = load.wish("cluster", tenant="north", hold=str(_HOLD)), False
        while time.monotonic() < until:
            status, task, waits = await load.ask(wish, 0)
            if task is not None:
                honest["taken at once" if not told else "taken when told"] += 1
                return
            if told:
                honest["told to wait again"] += 1
            if status in (429, 503):
                honest["refused"] += 1
                honest["without Retry-After"] += waits <= 0
                told = True
            await asyncio.sleep(max(waits, 0.2))

    while time.monotonic() < until:
        load.start(one())
        await asyncio.sleep(1 / (3 * _CAPACITY))


async def _waits(world: World, ids: list[str]) -> list[float]:
    while (await world.ask("SELECT count(*) AS n FROM tasks WHERE id = ANY(%s) AND finished_at IS NULL", ids))[0]["n"]:
        await asyncio.sleep(0.2)
    query = "SELECT extract(epoch FROM started_at - created_at)::float8 AS wait FROM tasks WHERE id = ANY(%s)"
    return sorted(row["wait"] for row in await world.ask(query, ids))


async def _play(world: World) -> str:
    async with Load(world, 1) as load:
        await asyncio.gather(*(load.submit(load.wish("cluster", hold="1")) for _ in range(8)))
        await asyncio.sleep(3)
        alone = await _waits(world, await _bursts(load, time.monotonic() + _PHASE))
        honest: Counter[str] = Counter()
        most: Counter[str] = Counter()

        async def look() -> None:
            query = "SELECT tenant, status, count(*) AS n FROM tasks WHERE finished_at IS NULL GROUP BY tenant, status"
            while True:
                rows = await world.ask(query)
                for tenant in ("north", "south"):
                    most[tenant] = max(most[tenant], sum(row["n"] for row in rows if row["tenant"] == tenant))
                most["queued"] = max(most["queued"], sum(row["n"] for row in rows if row["status"] == "queued"))
                await asyncio.sleep(0.25)

        looking = load.start(look())
        until = time.monotonic() + _PHASE
        flooding = load.start(_flood(load, until, honest))
        await asyncio.sleep(5)  # the queue is full by then
        flooded = await _waits(world, await _bursts(load, until))
        await flooding
        looking.cancel()
        accepted = [task_id for wish in load.wishes for task_id in wish.ids]
        await _waits(world, accepted)
        ended = await world.ask("SELECT status, count(*) AS n FROM tasks WHERE id = ANY(%s) GROUP BY status", accepted)
        first_in = most["north"] / _CAPACITY

        def row(name: str, waits: list[float]) -> str:
            return (
                f"  {name:<34}p50 {statistics.median(waits):5.2f} s   p95 {waits[int(len(waits) * 0.95)]:5.2f} s   "
                f"max {waits[-1]:5.2f} s   ({len(waits)} tasks)"
            )

        p95 = [waits[int(len(waits) * 0.95)] for waits in (alone, flooded)]
        return "\n".join(
            [
                f"capacity {_CAPACITY:g} tasks/s; limits: {_IN_FLIGHT} in flight a tenant, {_QUEUED} queued in all",
                f"a quiet tenant's waits (bursts of {_BURST} every {_EVERY:g} s):",
                row("alone", alone),
                row("beside a flood of 3 x capacity", flooded),
                f"  p95 {p95[1] / max(p95[0], 1e-3):.2f} times that of the tenant alone "
                f"(first in, first out would be about {first_in:.1f} s)",
                f"most unfinished at a time: the loud tenant {most['north']}, the quiet one {most['south']}; "
                f"most queued in all {most['queued']}",
                f"the loud tenant: {dict(honest)}",
                f"accepted {len(accepted)}: " + ", ".join(f"{row['status']} {row['n']}" for row in ended),
            ]
        )


def overload() -> int:
    """Run and print."""
    environment = {"REVERIE_LIMIT_IN_FLIGHT": str(_IN_FLIGHT), "REVERIE_LIMIT_QUEUED_TOTAL": str(_QUEUED)}
    return in_world(_play, workers=_WORKERS, concurrency=_CHILDREN, environment=environment)


def in_world(play: Any, **options: Any) -> int:
    """Run ``play(world)`` beside the supervision of a world, and print what it returns."""
    failure: list[BaseException] = []
    with World(**options) as world:

        def run() -> None:
            try:
                print(asyncio.run(play(world)))
            except BaseException as error:
                failure.append(error)
            finally:
                world.stop()

        thread = threading.Thread(target=run, name="load")
        thread.start()
        world.watch()
        thread.join()
    if failure:
        raise failure[0]
    return 0

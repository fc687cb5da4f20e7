"""Lanes: how a fast task fares beside 50 heavy ones, and how well the gateway predicts.

Everything is real and as installed. A recall over 300 memories that are embedded already is asked for again and again
with ``Prefer: wait``: first alone, then while 50 clustering tasks of 300 new memories each wait and run. Then the
estimates that the gateway gave for clustering tasks of many sizes, cold and warm, are held against how long they took,
after the first 50.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import shutil
import tempfile
import time
from datetime import datetime
from pathlib import Path

import aiohttp

from benchmarks._report import machine, percentile, table
from benchmarks.main import service, texts
from reverie.demo import PEOPLE, load

HEAVY = 50


async def submit(session: aiohttp.ClientSession, path: str, **body: object) -> dict:
    async with session.post(
        path, json=body, headers={"Prefer": "wait=30"} if path.startswith("/recall") else {}
    ) as answer:
        assert answer.status in (200, 202), await answer.text()
        return await answer.json()


async def ended(session: aiohttp.ClientSession, ids: list[str]) -> list[dict]:
    out = []
    for id_ in ids:
        while True:
            async with session.get(f"/tasks/{id_}") as answer:
                task = await answer.json()
            if task["status"] in ("succeeded", "failed", "cancelled"):
                out.append(task)
                break
            await asyncio.sleep(0.25)
    return out


async def recalls(
    session: aiohttp.ClientSession, memories: list[str], count: int, tag: str
) -> tuple[list[float], set[str]]:
    took, lanes = [], set()
    for number in range(count):
        began = time.perf_counter()
        task = await submit(
            session, "/recall/submit", user_id="fast", query=f"{tag} question {number}", memories=memories
        )
        took.append(time.perf_counter() - began)
        lanes.add(task["lane"])
        assert task["status"] == "succeeded", task["status"]
    return took, lanes


async def lanes(session: aiohttp.ClientSession, count: int) -> list[list[str]]:
    memories = [m.text for m in load(PEOPLE[0].id)][:100] + texts(300)[:200]
    memories = list(dict.fromkeys(memories))[:300]
    await recalls(session, memories, 10, "warm-up")
    await asyncio.sleep(3)  # the gateway reads what ended every two seconds
    alone, first = await recalls(session, memories, count, "alone")
    heavy = []
    for number in range(HEAVY):
        new = [f"{text} ({number})" for text in texts(300)]
        heavy.append((await submit(session, "/cluster/submit", user_id=f"heavy-{number}", memories=new))["id"])
    beside, second = await recalls(session, memories, count, "beside")
    waiting = sum(t["status"] in ("queued", "running") for t in await peek(session, heavy))
    for id_ in heavy:  # what is left has served its purpose
        async with session.delete(f"/tasks/{id_}"):
            pass
    assert first == second == {"fast"}, (first, second)
    rows = [
        [name, f"{1000 * percentile(t, 50):.0f} ms", f"{1000 * percentile(t, 95):.0f} ms", f"{1000 * max(t):.0f} ms"]
        for name, t in (("alone", alone), (f"beside {HEAVY} heavy tasks", beside))
    ]
    rows.append(
        [
            "ratio",
            *(f"{percentile(beside, q) / percentile(alone, q):.2f}" for q in (50, 95)),
            f"{max(beside) / max(alone):.2f}",
        ]
    )
    print(f"{waiting} of the {HEAVY} heavy tasks were still waiting or running at the end\n")
    return rows


async def peek(session: aiohttp.ClientSession, ids: list[str]) -> list[dict]:
    out = []
    for id_ in ids:
        async with session.get(f"/tasks/{id_}") as answer:
            out.append(await answer.json())
    return out


async def prediction(session: aiohttp.ClientSession, count: int) -> list[list[str]]:
    rng = random.Random(3)
    pool = [f"{a} {b}" for a, b in itertools.islice(itertools.permutations(texts(300), 2), 80_000)]
    known: dict[str, list[str]] = {}
    errors: dict[str, list[float]] = {"cold": [], "warm": []}
    for number in range(count):
        size = int(10 ** rng.uniform(1, 2.6))
        if number % 2 and known:
            user = rng.choice(list(known))
            memories = [*known[user], f"one more {number}"]
            kind = "warm"
        else:
            user, memories, kind = f"p{number}", rng.sample(pool, size), "cold"
        known[user] = memories
        task = await submit(session, "/cluster/submit", user_id=user, memories=memories)
        done = (await ended(session, [task["id"]]))[0]
        took = _seconds(done)
        if number >= 50:
            errors[kind].append(abs(task["estimate_seconds"] - took) / took)
        await asyncio.sleep(0.1)
    both = errors["cold"] + errors["warm"]
    return [
        [name, str(len(e)), f"{percentile(e, 50):.0%}", f"{percentile(e, 90):.0%}"]
        for name, e in (("new memories", errors["cold"]), ("one more memory", errors["warm"]), ("all", both))
    ]


def _seconds(task: dict) -> float:
    return (datetime.fromisoformat(task["finished_at"]) - datetime.fromisoformat(task["started_at"])).total_seconds()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recalls", type=int, default=100)
    parser.add_argument("--tasks", type=int, default=110)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="reverie-bench-"))

    async def run(url: str, key: str) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        async with aiohttp.ClientSession(url, headers=headers) as session:
            print(f"{machine()}\n")
            print(table(["recall over 300 memories", "p50", "p95", "worst"], await lanes(session, arguments.recalls)))
            rows = await prediction(session, arguments.tasks)
            print()
            print(table(["estimates after 50 tasks", "tasks", "median error", "90th %"], rows))
            async with session.get("/metrics") as answer:
                shown = [
                    line for line in (await answer.text()).splitlines() if "reverie_prediction_error_ratio{" in line
                ]
            print("\n" + "\n".join(shown))

    try:
        with service(folder) as running:
            asyncio.run(run(running.url, running.api_key or ""))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

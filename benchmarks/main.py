"""The main job through the API: 847 memories cold, with one more, and again, beside the naive way in a bot's loop.

Everything is real and as installed: ``reverie up``'s servers, gateway and workers, the SDK over a socket. Both sides
use the same model; ``--model auto`` shows what somebody pays for whom the multilingual one is chosen, which is twice
as deep (the demo's three people write three languages). Times run from the call of ``submit_clustering_task`` to the
parsed result. The event loop's lag is measured in the process that calls, where a bot would live: the most by which a
sleep of 5 ms is overslept.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks._peers import environment, run_json
from benchmarks._report import machine, percentile, table
from reverie import AsyncReverie
from reverie.demo import PEOPLE, load
from reverie.embedded.service import Service

COUNT = 847  # of the published case that took 42 s
BEAT = 0.005
TARGETS = {"cold": 6.0, "one more": 0.5, "again": 0.02, "push": 0.01}


def texts(count: int) -> list[str]:
    """The demo's 300 memories, then pairs of them: as long and as varied as what people tell a bot."""
    own = [memory.text for person in PEOPLE for memory in load(person.id)]
    pairs = list(itertools.combinations(range(len(own)), 2))
    random.Random(5).shuffle(pairs)
    told = dict.fromkeys(own)
    for a, b in pairs:
        if len(told) >= count:
            break
        told[f"{own[a].split('. ')[0].rstrip('.')}. {own[b].split('. ')[-1]}"] = None
    return list(told)[:count]


@contextlib.asynccontextmanager
async def watched() -> AsyncIterator[list[float]]:
    """The worst lag of the loop inside the block, seconds."""
    worst = [0.0]

    async def beat() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(BEAT)
            worst[0] = max(worst[0], time.perf_counter() - before - BEAT)

    task = asyncio.create_task(beat())
    try:
        await asyncio.sleep(2 * BEAT)
        yield worst
        await asyncio.sleep(2 * BEAT)
    finally:
        task.cancel()


async def ours(ai: AsyncReverie, memories: list[str], rounds: int) -> dict[str, list[float]]:
    out: dict[str, list[float]] = {}
    # One small task first: what is measured is a service that runs, not one that has just been started.
    await (await ai.submit_clustering_task("warm-up", memories[:5])).result(timeout=60)
    for number in range(rounds):
        user = f"bench-{number}-{random.random()}"
        for name, count in (("cold", len(memories) - 1), ("one more", len(memories)), ("again", len(memories))):
            async with watched() as worst:
                began = time.perf_counter()
                task = await ai.submit_clustering_task(user, memories[:count])
                accepted = time.perf_counter() - began
                result = await task.result(timeout=120)
                out.setdefault(name, []).append(time.perf_counter() - began)
            out.setdefault(name + " lag", []).append(worst[0])
            out.setdefault(name + " accepted", []).append(accepted)
            assert len(result.assignments) == count
            assert task.cached == (name == "again")
    return out


async def push(ai: AsyncReverie, key: str, count: int) -> list[float]:
    """Seconds from a result's commit, by the database's clock, to its arrival at a waiting WebSocket.

    ``finished_at`` is taken inside the transaction, so the commit itself is part of the figure.
    """
    late: list[float] = []
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.ws_connect(ai.url + "/results?user_id=push") as socket,
    ):
        for seed in range(count):
            task = await ai.submit_clustering_task("push", ["tea", "cake", "the sea"], seed=seed)
            while True:
                event = await asyncio.wait_for(socket.receive_json(), 30)
                arrived = time.time()
                if event["task_id"] == task.id and event["type"] == "succeeded":
                    break
            stored = await task.refresh()
            assert stored.finished_at is not None
            late.append(arrived - stored.finished_at.timestamp())
    return late


@contextlib.contextmanager
def service(folder: Path, **options: Any) -> Iterator[Service]:
    for name in [name for name in os.environ if name.startswith("REVERIE_")]:
        del os.environ[name]
    with Service(folder, say=lambda _: None, **options) as running:
        yield running


def milliseconds(values: list[float], q: float = 50) -> str:
    value = 1000 * percentile(values, q)
    return f"{value:,.0f} ms" if value >= 20 else f"{value:.1f} ms"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pushes", type=int, default=200)
    parser.add_argument("--model", default="english", help="REVERIE_MODEL; english is the one that the naive way uses")
    parser.add_argument("--file", type=Path, help="memories of yours, one a line, instead of the demo's")
    arguments = parser.parse_args()
    memories = arguments.file.read_text().splitlines() if arguments.file else texts(COUNT)

    async def run(url: str, key: str) -> tuple[dict[str, list[float]], list[float]]:
        async with AsyncReverie(url, key) as ai:
            return await ours(ai, memories, arguments.rounds), await push(ai, key, arguments.pushes)

    naive: dict[str, Any] = run_json(environment("naive"), "_naive.py", stdin=json.dumps(memories).encode())
    folder = Path(tempfile.mkdtemp(prefix="reverie-bench-"))
    try:
        with service(folder, environment={"REVERIE_MODEL": arguments.model}) as running:
            measured, pushed = asyncio.run(run(running.url, running.api_key or ""))
    finally:
        shutil.rmtree(folder, ignore_errors=True)

    print(f"{machine()}; {len(memories)} memories, model {arguments.model}, median of {arguments.rounds} rounds\n")
    rows = []
    for name, what in (("cold", "cold"), ("one more", "one memory added"), ("again", "the same again")):
        rows.append(
            [
                what,
                f"{naive[name] / percentile(measured[name], 50):.1f} x",
                milliseconds(measured[name]),
                milliseconds([max(measured[name])]),
                f"{1000 * TARGETS[name]:,.0f} ms",
                milliseconds(measured[name + " accepted"]),
                milliseconds([naive[name]]),
                milliseconds([max(measured[name + " lag"])]),
                milliseconds([naive[name + " lag"]]),
            ]
        )
    head = ["", "ratio", "Reverie", "worst", "target", "accepted", "naive", "worst lag", "naive lag"]
    print(table(head, rows))
    print(
        f"\ncommit to WebSocket, {len(pushed)} tasks: p50 {milliseconds(pushed)}, p99 {milliseconds(pushed, 99)}"
        f" (target p50 {1000 * TARGETS['push']:.0f} ms)"
        f"\nthe naive way's imports and model, before its first answer: {naive['load']:.1f} s, in the bot's process"
    )


if __name__ == "__main__":
    main()

"""Stored memories: adding one durably, adding 100,000 at once, reading them, beside sending the list each time.

Everything is real and as installed: ``reverie up``'s servers, gateway and workers, the bundled model. Adds come over 16
connections, each waiting for its answer, from a client of plain sockets. Next to times stands what the gateway
computed for each (its processes' CPU time), which says more on a machine that is not quiet.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks._adds import adds
from benchmarks._report import machine, percentile, table
from benchmarks.main import service, texts

CONNECTIONS = 16
TURN = 10


def gateway_pids() -> list[int]:
    """The gateway and the process in which it parses large bodies."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, ValueError):
            continue
        if parent == os.getpid() and b"gateway" in words:
            found.append(int(entry.name))
    return found


def cpu_seconds(pids: list[int]) -> float:
    """User and system time of processes so far."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += sum(int(one) for one in fields[11:15])  # children that were waited for, too
    return total / os.sysconf("SC_CLK_TCK")


def peak_mb(pid: int) -> float:
    """Most memory that a process had so far."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


async def bulk(session: aiohttp.ClientSession, memories: list[dict[str, Any]], lines: bool) -> tuple[float, float]:
    """``(seconds, longest answer of /healthz meanwhile)`` of adding all of them in one body."""
    user = "bulk-lines" if lines else "bulk-json"
    if lines:
        body, kind = b"\n".join(json.dumps(one).encode() for one in memories), "application/x-ndjson"
    else:
        body, kind = json.dumps({"memories": memories}).encode(), "application/json"
    worst = [0.0]

    async def watch() -> None:
        while True:
            began = time.perf_counter()
            async with session.get("/healthz") as answer:
                await answer.read()
            worst[0] = max(worst[0], time.perf_counter() - began)
            await asyncio.sleep(0.01)

    watching = asyncio.create_task(watch())
    began = time.perf_counter()
    async with session.post(f"/users/{user}/memories", data=body, headers={"content-type": kind}) as answer:
        assert answer.status == 200, await answer.text()
        assert (await answer.json())["added"] == len(memories)
    took = time.perf_counter() - began
    watching.cancel()
    return took, worst[0]


async def timed(session: aiohttp.ClientSession, method: str, path: str, rounds: int, **more: Any) -> list[float] | None:
    """Seconds of each of ``rounds`` requests; None when the first is refused."""
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        async with session.request(method, path, **more) as answer:
            await answer.read()
            if answer.status >= 400:
                return None
        took.append(time.perf_counter() - began)
    return took


def row(name: str, took: list[float] | None, *more: str) -> list[str]:
    if took is None:
        return [name, "refused", "", "", *more]
    return [name, *(f"{1000 * percentile(took, q):.1f} ms" for q in (50, 95, 99)), *more]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--adds", type=int, default=400, help="adds of each of the 16 connections")
    parser.add_argument("--bulk", type=int, default=100_000, help="memories in one body")
    parser.add_argument("--stored", type=int, default=5_000, help="memories of the user who is read")
    parser.add_argument("--rounds", type=int, default=100, help="reads of each kind")
    arguments = parser.parse_args()
    words = texts(min(arguments.bulk, 20_000))
    random.Random(7).shuffle(words)
    memories = [{"id": f"m{n}", "text": f"{words[n % len(words)]} ({n})"} for n in range(arguments.bulk)]
    folder = Path(tempfile.mkdtemp(prefix="reverie-bench-"))
    try:
        with service(folder, environment={"REVERIE_UPKEEP": "manual"}) as running:
            measure(running.url, running.api_key or "", arguments, memories)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure(url: str, key: str, arguments: argparse.Namespace, memories: list[dict[str, Any]]) -> None:
    pids = gateway_pids()
    adds(url, key, CONNECTIONS, 20, "warm")
    before, began, own = cpu_seconds(pids), time.perf_counter(), time.process_time()
    took = adds(url, key, CONNECTIONS, arguments.adds, "adds")
    whole, own = time.perf_counter() - began, time.process_time() - own
    each = (cpu_seconds(pids) - before) / len(took)
    print(f"Stored memories. {machine()}.\n")
    note = f"{len(took) / whole:,.0f} a second; the client's CPU {1000 * own / len(took):.2f} ms an add"
    rows = [row("add one, 16 connections", took, f"{1000 * each:.2f} ms", note)]

    async def run() -> list[list[str]]:
        found = []
        timeout = aiohttp.ClientTimeout(total=600)
        async with aiohttp.ClientSession(url, headers={"authorization": f"Bearer {key}"}, timeout=timeout) as session:
            for lines in (True, False):
                before, peak = cpu_seconds(pids), [peak_mb(pid) for pid in pids]
                seconds, worst = await bulk(session, memories, lines)
                grown = max(peak_mb(pid) - old for pid, old in zip(pids, peak, strict=True))
                cpu = cpu_seconds(pids) - before
                what = f"{arguments.bulk:,} in one body ({'lines' if lines else 'JSON'})"
                note = f"+{grown:.0f} MB, longest /healthz {1000 * worst:.0f} ms"
                found.append([what, f"{seconds:.1f} s", "", "", f"{cpu:.1f} s", note])
            some = memories[: arguments.stored]
            reader = "/users/reader"
            async with session.post(f"{reader}/memories", json={"memories": some}) as answer:
                assert answer.status == 200
            bulky = "/users/bulk-json/memories"
            deep = await _deep_cursor(session, bulky)
            reads = (
                ("list, first page of 100", "GET", bulky, {}),
                ("list, a page in the middle", "GET", bulky, {"params": {"cursor": deep}}),
                ("one memory", "GET", f"{bulky}/m7", {}),
            )
            for name, method, path, more in reads:
                found.append(row(name, await timed(session, method, path, arguments.rounds, **more), "", ""))
            found += await questions(session, some, arguments.rounds)
        return found

    rows += asyncio.run(run())
    print(table(["", "p50", "p95", "p99", "gateway's CPU", ""], rows))


async def _deep_cursor(session: aiohttp.ClientSession, path: str) -> str:
    cursor = ""
    for _ in range(30):
        async with session.get(path, params={"limit": "1000", **({"cursor": cursor} if cursor else {})}) as answer:
            following = (await answer.json())["next_cursor"]
        if following is None:
            break
        cursor = following
    return cursor


async def questions(session: aiohttp.ClientSession, some: list[dict[str, Any]], rounds: int) -> list[list[str]]:
    """A view and a question by what is stored, and the question with the list sent each time."""
    async with session.post("/users/reader/upkeep") as answer:
        task = await answer.json() if answer.status < 400 else None
    if task is not None:
        await ended(session, task["id"])
    body = {"user_id": "sender", "query": "warm-up", "memories": some}
    async with session.post("/recall/submit", json=body, headers={"prefer": "wait=60"}) as answer:
        await ended(session, (await answer.json())["id"])
    sent, stored, blocks = [], [], []
    for start in range(0, rounds, TURN):  # in turns, of several each: what one leaves behind is not the next one's
        asked = [f"what did I say about subject {number}?" for number in range(start, min(rounds, start + TURN))]
        for query in asked:
            began = time.perf_counter()
            wanted = {**body, "query": query}
            async with session.post("/recall/submit", json=wanted, headers={"prefer": "wait=60"}) as answer:
                assert (await answer.json())["status"] == "succeeded"
            sent.append(time.perf_counter() - began)
        for query in asked:
            stored += await timed(session, "POST", "/users/reader/recall", 1, json={"query": query}) or []
        for query in asked:
            wanted = {"query": query, "max_tokens": 600}
            blocks += await timed(session, "POST", "/users/reader/context", 1, json=wanted) or []
    return [
        row("themes of the view", await timed(session, "GET", "/users/reader/themes", rounds), "", ""),
        row("insights of the view", await timed(session, "GET", "/users/reader/insights", rounds), "", ""),
        row(f"recall over {len(some):,} stored", stored or None, "", ""),
        row(f"context of 600 tokens, {len(some):,} stored", blocks or None, "", ""),
        row(f"recall with {len(some):,} sent each time", sent, "", ""),
    ]


async def ended(session: aiohttp.ClientSession, task_id: str) -> None:
    while True:
        async with session.get(f"/tasks/{task_id}") as answer:
            if (await answer.json())["status"] in ("succeeded", "failed", "cancelled"):
                return
        await asyncio.sleep(0.2)


if __name__ == "__main__":
    main()

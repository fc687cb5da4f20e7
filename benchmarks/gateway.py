"""The gateway beside the naive design: submissions, cached answers, pushes, and two thousand open sockets.

Both run as one process over the same PostgreSQL and Valkey; the load comes over keep-alive connections from a process
of its own that does as little as it can. A submission is 100 memories, 10 kB; ours is in PostgreSQL, on disk, before
it is answered. The naive one is in Redis' memory; a line below the table tells what it reaches when it is on disk too.
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
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import psycopg
import redis
import uvloop
from tests.ports import free_port

from benchmarks._peers import ROOT, environment
from benchmarks._report import machine, percentile, table
from reverie.embedded import start_servers
from reverie.store import migrate

KEY = "bench-key-0123456789abcdef"
WORDS = (ROOT / "README.md").read_text(encoding="utf-8").split()


refused: list[int] = []
"""Answers in each slice that said 503: a disk that stands still for longer than the gateway waits."""


def body(number: int, chance: random.Random) -> bytes:
    """100 memories, about 10 kB, unlike any other."""
    memories = []
    for _ in range(100):
        text = " ".join(chance.choices(WORDS, k=12))
        memories.append(text[:92])
    return json.dumps({"user_id": f"user-{number}", "memories": memories}, ensure_ascii=False).encode()


def request(path: str, payload: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(payload)}\r\n\r\n"
    )
    return head.encode() + payload


class Connection(asyncio.Protocol):
    """One keep-alive connection that sends its next request when the last is answered, until there is none."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source = source
        self._buffer = b""
        self.done = asyncio.get_running_loop().create_future()

    def following(self) -> bytes | None:
        """The next request; None ends the connection."""
        return next(self._source, None)

    def answered(self, head: bytes) -> None:
        """Called with the head of each answer, once its body is there; ``done`` may be settled here."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        following = self.following()
        if following is None:
            self._transport.close()
            self.done.set_result(None)
        else:
            self._transport.write(following)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        start = head.lower().index(b"content-length:") + 15
        if len(rest) < int(head[start:].split(b"\r\n", 1)[0]):
            return
        self.answered(head)
        self._buffer = b""
        if self.done.done():
            self._transport.close()
        else:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("closed by the server"))


class Client(Connection):
    """Sends until a moment, and keeps how long each answer took."""

    def __init__(self, source: Iterator[bytes], until: float, seconds: list[float], statuses: dict[int, int]) -> None:
        super().__init__(source)
        self._until, self._seconds, self._statuses = until, seconds, statuses

    def following(self) -> bytes | None:
        self._began = time.perf_counter()
        return super().following() if self._began < self._until else None

    def answered(self, head: bytes) -> None:
        status = int(head[9:12])
        if status != 503:
            self._seconds.append(time.perf_counter() - self._began)
        self._statuses[status] = self._statuses.get(status, 0) + 1


async def load(port: int, source: Iterator[bytes], connections: int, seconds: float) -> tuple[float, list[float]]:
    """``(answers a second, seconds of each)``."""
    loop = asyncio.get_running_loop()
    times: list[float] = []
    statuses: dict[int, int] = {}
    began = time.perf_counter()
    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(
            lambda: Client(source, began + seconds, times, statuses), "127.0.0.1", port
        )
        clients.append(client.done)
    await asyncio.gather(*clients)
    took = time.perf_counter() - began
    print(f"{connections} connections: {len(times) / took:,.0f}/s", file=sys.stderr, flush=True)
    if set(statuses) - {200, 202, 503}:
        raise SystemExit(f"not all were accepted: {statuses}")
    refused.append(statuses.get(503, 0))
    return len(times) / took, times


@dataclass
class Load:
    """What came of loading one server, slice by slice."""

    seconds: float = 0.0
    busy: float = 0.0
    times: list[float] = field(default_factory=list)

    def add(self, port: int, pid: int, source: Iterator[bytes], connections: int, seconds: float) -> None:
        busy = psutil.Process(pid).cpu_times()
        rate, times = asyncio.run(load(port, source, connections, seconds))
        after = psutil.Process(pid).cpu_times()
        self.seconds += len(times) / rate
        self.busy += after.user + after.system - busy.user - busy.system
        self.times += times

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.times) / self.seconds

    @property
    def cpu(self) -> float:
        """Milliseconds of the server process's CPU time an answer took."""
        return 1000 * self.busy / len(self.times)


def until_cached(port: int, payload: bytes) -> None:
    """Have a submission done, and see that it is answered from the cache from then on."""
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", "Prefer": "wait=60"}
    for _ in range(3):
        wish = urllib.request.Request(f"http://127.0.0.1:{port}/cluster/submit", payload, headers)
        with urllib.request.urlopen(wish, timeout=90) as answer:
            task = json.load(answer)
    if not task["cached"]:
        raise SystemExit(f"not answered from the cache: {task}")


@contextlib.contextmanager
def process(
    argv: list[str], env: dict[str, str], log: Path, ready: str | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    with open(log, "ab") as out:
        child = subprocess.Popen(argv, env=env, stdout=out, stderr=out, cwd=ROOT)
    try:
        end = time.monotonic() + 60
        while ready is not None:
            try:
                with urllib.request.urlopen(ready, timeout=2) as answer:
                    if answer.status == 200:
                        break
            except OSError:
                pass
            if time.monotonic() > end or child.poll() is not None:
                raise SystemExit(f"{argv} did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.1)
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


async def pushes(port: int, count: int) -> list[float]:
    """Seconds from the call of submit to the pushed result of a task without work."""
    url, late = f"http://127.0.0.1:{port}", []
    async with aiohttp.ClientSession(url, headers={"Authorization": f"Bearer {KEY}"}) as session:
        async with session.ws_connect("/results?user_id=push") as socket:
            for number in range(count):
                wish = {"user_id": "push", "memories": [], "options": {"seed": number}}
                began = time.perf_counter()
                async with session.post("/cluster/submit", json=wish) as answer:
                    task = await answer.json()
                while True:
                    event = await socket.receive_json(timeout=30)
                    if event["task_id"] == task["task_id"] and event["type"] == "succeeded":
                        break
                late.append(time.perf_counter() - began)
    return late


async def naive_pushes(port: int, count: int) -> list[float]:
    url, late = f"http://127.0.0.1:{port}", []
    async with aiohttp.ClientSession(url) as session:
        for number in range(count):
            began = time.perf_counter()
            async with session.post("/cluster/submit", json={"user_id": str(number), "memories": []}) as answer:
                task = await answer.json()
            async with session.ws_connect(f"/results/{task['task_id']}") as socket:
                await socket.receive_json(timeout=30)
            late.append(time.perf_counter() - began)
    return late


async def sockets(port: int, pid: int, count: int) -> tuple[float, int, int]:
    """``(MB of the gateway, events that came, events expected)`` with ``count`` sockets on as many tasks' events."""
    url = f"http://127.0.0.1:{port}"
    limit = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(url, headers={"Authorization": f"Bearer {KEY}"}, connector=limit) as session:
        wishes = 5
        closed: Counter[int] = Counter()
        opened, ended = asyncio.Semaphore(0), asyncio.Semaphore(0)
        came = 0

        async def listen() -> None:
            # Read from the start: a socket that nobody reads answers no ping, and the gateway gives it up.
            nonlocal came
            async with session.ws_connect("/results?user_id=everyone", heartbeat=None) as socket:
                opened.release()
                left = wishes
                while left:
                    message = await socket.receive()
                    if message.type is not aiohttp.WSMsgType.TEXT:
                        closed[socket.close_code or 0] += 1
                        break
                    done = '"type":"succeeded"' in message.data
                    left, came = left - done, came + done
                ended.release()
                await over.wait()

        over = asyncio.Event()
        listeners = []
        for start in range(0, count, 50):
            group = range(start, min(start + 50, count))
            listeners += [asyncio.create_task(listen()) for _ in group]
            for _ in group:
                await opened.acquire()
        for number in range(wishes):
            wish = {"user_id": "everyone", "memories": [], "options": {"seed": number}}
            async with session.post("/cluster/submit", json=wish) as answer:
                await answer.read()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(120):
                for _ in range(count):
                    await ended.acquire()
        memory = psutil.Process(pid).memory_info().rss / 2**20
        if closed:
            print(f"closed before their end, by code: {dict(closed)}", file=sys.stderr)
        over.set()
        await asyncio.wait(listeners, timeout=30)
        for listener in listeners:
            listener.cancel()
    return memory, came, wishes * count


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each load")
    parser.add_argument("--sockets", type=int, default=2000)
    parser.add_argument("--only", choices=("load",), help="leave the pushes and sockets out")
    arguments = parser.parse_args()
    uvloop.install()
    naive_python = environment("rq")
    chance = random.Random(7)
    bodies = [body(number, chance) for number in range(400)]
    numbers = itertools.count()

    def fresh() -> Iterator[bytes]:
        # Unlike any before, at the price of a replacement: making bodies must not be what is measured.
        while True:
            number = next(numbers)
            payload = bodies[number % len(bodies)]
            yield request("/cluster/submit", payload.replace(b'"user-', b'"u%d-' % number, 1))

    folder = Path(tempfile.mkdtemp(prefix="reverie-bench-"))
    port, naive_port = free_port(), free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REVERIE_")}
    try:
        with start_servers(folder) as servers:
            migrate(servers.database_url)
            ours_env = {
                **kept, "REVERIE_DATABASE_URL": servers.database_url, "REVERIE_REDIS_URL": servers.redis_url,
                "REVERIE_API_KEY": KEY, "REVERIE_DATA_DIR": str(folder), "REVERIE_EMBEDDER": "hash",
                "REVERIE_LIMIT_PER_MINUTE": "100000000", "REVERIE_LIMIT_IN_FLIGHT": "100000000",
                "REVERIE_LIMIT_QUEUED_TOTAL": "100000000",
            }  # fmt: skip
            gateway = [sys.executable, "-m", "reverie", "gateway", "--port", str(port)]
            worker = [sys.executable, "-m", "reverie", "worker"]
            naive = [str(naive_python), "benchmarks/_naive_gateway.py", str(naive_port), servers.redis_url]
            naive_worker = [str(naive_python.parent / "rq"), "worker", "--quiet", "--path", "benchmarks", "--url",
                            servers.redis_url]  # fmt: skip
            log = folder / "bench.log"
            rows: list[list[str]] = []
            results: dict[tuple[str, int], Load] = {}
            slices = 4

            valkey = redis.Redis.from_url(servers.redis_url)

            def beside(connections: int, pairs: list[tuple[str, int, int, Iterator[bytes]]]) -> None:
                # In turn and in short slices: what else the machine does meets both alike.
                for _ in range(slices):
                    for name, where, pid, source in pairs:
                        valkey.config_set("appendfsync", "always" if name == "on disk" else "everysec")
                        found = results.setdefault((name, connections), Load())
                        found.add(where, pid, source, connections, arguments.seconds / slices)

            with process(naive, kept, log, f"http://127.0.0.1:{naive_port}/openapi.json") as other:
                with process(gateway, ours_env, log, f"http://127.0.0.1:{port}/readyz") as child:
                    for connections in (1, 16, 64):
                        pairs = [("naive", naive_port, other.pid, fresh()),
                                 ("on disk", naive_port, other.pid, fresh()),
                                 ("ours", port, child.pid, fresh())]  # fmt: skip
                        beside(connections, pairs)
            valkey.flushall()
            with psycopg.connect(servers.database_url, autocommit=True) as connection:
                connection.execute("TRUNCATE tasks CASCADE")
            with process(gateway, ours_env, log, f"http://127.0.0.1:{port}/readyz") as child:
                with process(worker, ours_env, log):
                    one = request("/cluster/submit", bodies[0])
                    until_cached(port, bodies[0])
                    with process(naive, kept, log, f"http://127.0.0.1:{naive_port}/openapi.json") as other:
                        for connections in (1, 16, 64):
                            pairs = [("naive beside cached", naive_port, other.pid, fresh()),
                                     ("cached", port, child.pid, itertools.repeat(one))]  # fmt: skip
                            beside(connections, pairs)
                    if arguments.only is None:
                        late = asyncio.run(pushes(port, 200))
                        memory, came, expected = asyncio.run(sockets(port, child.pid, arguments.sockets))
            if arguments.only is None:
                with process(naive, kept, log, f"http://127.0.0.1:{naive_port}/openapi.json"):
                    with process(naive_worker, kept, log):
                        naive_late = asyncio.run(naive_pushes(naive_port, 10))
    finally:
        shutil.rmtree(folder, ignore_errors=True)

    print(f"{machine()}; 100 memories, {len(bodies[0]) / 1000:.0f} kB a submission, one process each\n")
    for name, beside_it in (("ours", "naive"), ("cached", "naive beside cached")):
        for connections in (1, 16, 64):
            mine, base = results[name, connections], results[beside_it, connections]
            rows.append([
                f"{connections} connections, {'durable' if name == 'ours' else 'cached'}",
                f"{mine.rate / base.rate:.1f} x", f"{mine.rate:,.0f}/s", f"{base.rate:,.0f}/s",
                f"{mine.cpu:.2f} ms", f"{base.cpu:.2f} ms",
                *(f"{1000 * percentile(one.times, q):.1f} ms" for q in (50, 99) for one in (mine, base)),
                f"{percentile(mine.times, 99) / percentile(base.times, 99):.2f}",
            ])  # fmt: skip
    print(table(["", "ratio", "Reverie", "naive", "CPU", "naive CPU", "p50", "naive p50", "p99", "naive p99",
                 "p99 ratio"], rows))  # fmt: skip
    disk = ", ".join(
        f"{results['on disk', n].rate:,.0f}/s at {n} ({results['ours', n].rate / results['on disk', n].rate:.1f} x)"
        for n in (1, 16, 64)
    )
    print(f"\nthe naive design with Redis told to write to disk before it answers: {disk}")
    if sum(refused):
        print(f"\nrefused with 503, not counted above: {sum(refused):,} in {sum(map(bool, refused))} slices")
    if arguments.only is None:
        print(
            f"\nsubmit to push, a task without work: p50 {1000 * percentile(late, 50):.1f} ms, p99 "
            f"{1000 * percentile(late, 99):.1f} ms (target p50 15 ms); naive p50 "
            f"{1000 * percentile(naive_late, 50):,.0f} ms"
            f"\n{arguments.sockets:,} open WebSockets: {memory:.0f} MB, {came:,} of {expected:,} results delivered"
        )


if __name__ == "__main__":
    main()

"""CPU of a submission by the way it takes to the same code: ``./dev bench submissions`` (docs/decisions/parsers.md).

Our protocol and a plain ASGI route before the middleware; msgspec and the parser that was written by hand. Gateways of
all kinds run at once over the same PostgreSQL and Valkey and are loaded in turns, by a number of requests and not by a
time: what a loaded machine adds meets all alike. CPU seconds of the gateway's process alone count.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import random
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import uvloop
from tests.ports import free_port

from benchmarks import parsers
from benchmarks._report import machine, table
from benchmarks._submission_way import ways
from benchmarks.gateway import KEY, Connection, process, request, until_cached
from reverie.embedded import start_servers
from reverie.store import migrate

KINDS = (("protocol", "msgspec"), ("asgi", "msgspec"), ("protocol", "hand"))
MEMORIES = 100
CACHED_TIMES = 3
"""So many more of the answers that cost least."""

refused = [0]
"""Answers that said 503: a machine that stands still for longer than the gateway waits."""


class Client(Connection):
    """Sends until there is nothing left, and takes no other answer than that it was accepted or must wait."""

    def answered(self, head: bytes) -> None:
        refused[0] += head[9:12] == b"503"
        if head[9:12] not in (b"200", b"202", b"503"):
            self.done.set_exception(RuntimeError(head.decode()))


async def send_all(port: int, requests: Iterator[bytes], connections: int) -> None:
    """Send them over keep-alive connections."""
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(lambda: Client(requests), "127.0.0.1", port) for _ in range(connections)]
    await asyncio.gather(*(client.done for _, client in made))


def nanoseconds(pid: int) -> int:
    """CPU time of all threads of a process, finer than the clock's ticks (Linux)."""
    return sum(int(file.read_text().split()[0]) for file in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def way_alone(body: bytes) -> str:
    """A sentence about the two ways without what they lead to."""
    found = asyncio.run(ways(request("/cluster/submit", body)))
    each = ", ".join(f"{name} {min(spent):.0f} to {statistics.median(spent):.0f}" for name, spent in found.items())
    return f"the way alone, with an answer that costs nothing, CPU microseconds, least to median: {each}"


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--requests", type=int, default=1500, help="of each slice")
    arguments.add_argument("--slices", type=int, default=6)
    arguments.add_argument("--connections", type=int, default=32)
    arguments.add_argument("--way-alone", action="store_true", help="no servers: the two ways and nothing behind them")
    chosen = arguments.parse_args()
    uvloop.install()
    chance = random.Random(7)
    if chosen.way_alone:
        print(f"{machine()}; load {os.getloadavg()[0]:.0f}; {way_alone(parsers.body(MEMORIES, 'texts', chance))}")
        return
    bodies = {kind: [parsers.body(MEMORIES, kind, chance) for _ in range(200)] for kind in ("texts", "objects")}
    numbers = itertools.count()

    def fresh(kind: str) -> Iterator[bytes]:
        for number in itertools.islice(numbers, chosen.requests):
            payload = bodies[kind][number % 200]
            yield request("/cluster/submit", payload.replace(b'"183746"', b'"u%d"' % number, 1))

    folder = Path(tempfile.mkdtemp(prefix="reverie-bench-"))
    log = folder / "bench.log"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REVERIE_")}
    spent: dict[tuple[str, tuple[str, str]], list[float]] = {}
    try:
        with start_servers(folder) as servers, contextlib.ExitStack() as stack:
            migrate(servers.database_url)
            env = {
                **kept, "REVERIE_DATABASE_URL": servers.database_url, "REVERIE_REDIS_URL": servers.redis_url,
                "REVERIE_API_KEY": KEY, "REVERIE_DATA_DIR": str(folder), "REVERIE_EMBEDDER": "hash",
                "REVERIE_LIMIT_PER_MINUTE": "100000000", "REVERIE_LIMIT_IN_FLIGHT": "100000000",
                "REVERIE_LIMIT_QUEUED_TOTAL": "100000000",
            }  # fmt: skip
            ports: dict[tuple[str, str], tuple[int, int]] = {}
            for kind in KINDS:
                port = free_port()
                argv = [sys.executable, "-m", "benchmarks._submission_gateway", *kind, str(port)]
                child = stack.enter_context(process(argv, env, log, f"http://127.0.0.1:{port}/readyz"))
                ports[kind] = port, child.pid
            with process([sys.executable, "-m", "reverie", "worker"], env, log):
                until_cached(ports[KINDS[0]][0], bodies["texts"][0])
            same = request("/cluster/submit", bodies["texts"][0])
            for number in range(chosen.slices + 1):
                for what in ("texts", "objects", "cached"):
                    for kind in KINDS if number % 2 else reversed(KINDS):
                        port, pid = ports[kind]
                        source = (
                            itertools.repeat(same, chosen.requests * CACHED_TIMES) if what == "cached" else fresh(what)
                        )
                        before = nanoseconds(pid)
                        asyncio.run(send_all(port, source, chosen.connections))
                        if number:  # the first warms up
                            busy = nanoseconds(pid) - before
                            count = chosen.requests * (CACHED_TIMES if what == "cached" else 1)
                            spent.setdefault((what, kind), []).append(busy / 1e6 / count)
    finally:
        shutil.rmtree(folder, ignore_errors=True)

    about = f"{MEMORIES} memories a submission, {chosen.connections} connections, {chosen.slices} slices in turns"
    print(f"{machine()}; load {os.getloadavg()[0]:.0f}; {about} of {chosen.requests:,} requests")
    print(f"median CPU of an answer (least to most); {refused[0]:,} of all were refused with 503\n")
    rows = []
    for what in ("texts", "objects", "cached"):
        base = statistics.median(spent[what, KINDS[0]])
        row: list[object] = [what]
        for kind in KINDS:
            found = spent[what, kind]
            middle = statistics.median(found)
            row.append(f"{middle:.3f} ms ({min(found):.3f}-{max(found):.3f}) {100 * (middle / base - 1):+.0f}%")
        rows.append(row)
    print(table(["", *(", ".join(kind) for kind in KINDS)], rows))
    print(f"\n{way_alone(bodies['texts'][0])}")


if __name__ == "__main__":
    main()

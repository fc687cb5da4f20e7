"""Reverie on eight hosts over a TLS'd network that breaks: what becomes of every task.

Each host is a network namespace with its own interfaces, routes, firewall and name: PostgreSQL, Redis, RabbitMQ, two
gateways and three workers. While clients submit, workers are cut from the database (packets dropped, nobody told),
hosts lose their power, and the cables of broker, cache, database and a gateway are pulled. Needs root, iproute2,
iptables, and servers with TLS: Debian's postgresql, redis-server and rabbitmq-server.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import shutil
import ssl
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import redis

from reverie import AsyncReverie
from reverie.errors import ReverieError
from reverie.queue.celery_app import make_celery
from reverie.settings import QueueSettings, Settings
from tests.hosts.cluster import GATEWAYS, Cluster, server_settings
from tests.hosts.network import Host, Network
from tests.invariants import broken_rules

_HELD = "SELECT id, token, worker FROM tasks WHERE status = 'running' AND stage = 'labelling' AND id = %s"
_ELSEWHERE = "SELECT at, worker FROM chaos_log WHERE task_id = %s AND status = 'running' AND token > %s ORDER BY n"
_WORKED = "SELECT at FROM chaos_log WHERE status = 'running' AND split_part(worker, ':', 1) = %s AND at > %s ORDER BY n"


def strangers(cluster: Cluster) -> list[str]:
    """What must not connect; each line says how it was refused."""
    db, cache, said = cluster.hosts["db"], cluster.hosts["cache"], []
    unsafe = cluster.database.replace("sslmode=verify-full", "sslmode=disable")
    other = cluster.servers.stranger.root
    tries: list[tuple[str, Any, type[Exception]]] = [
        ("PostgreSQL without TLS", lambda: psycopg.connect(unsafe), psycopg.OperationalError),
        (
            "PostgreSQL of an authority that is not trusted",
            lambda: psycopg.connect(cluster.servers.database_url(db, other)),
            psycopg.OperationalError,
        ),
        (
            "Redis of an authority that is not trusted",
            lambda: redis.Redis.from_url(cluster.servers.redis_url(cache, other)).ping(),
            redis.ConnectionError,
        ),
    ]
    if cluster.broker == "amqp":
        url = cluster.servers.broker_url(cluster.hosts["rabbit"], other)
        settings = Settings(
            server=server_settings(cluster.environment() | {"REVERIE_BROKER_URL": url}), queue=QueueSettings()
        )
        connect = make_celery(settings).connection_for_write
        tries.append(("RabbitMQ of an authority that is not trusted", lambda: connect().connect(), ssl.SSLError))
    for what, act, error in tries:
        try:
            act()
        except error as refused:
            said.append(f"refused: {what} ({str(refused).strip().splitlines()[-1][-90:]})")
        else:
            raise AssertionError(f"connected: {what}")
    return said


class Load:
    """Clients with the SDK at both gateways; every accepted task is remembered."""

    def __init__(self, cluster: Cluster, seed: int) -> None:
        self.cluster, self.random = cluster, random.Random(seed)
        self.accepted: dict[str, str] = {}
        self.refused = 0
        self.clients: dict[str, AsyncReverie] = {}
        self.number = 0
        self.over = asyncio.Event()

    async def submit(self, hold: str | None = None) -> str:
        """Until accepted, the same key at whichever gateway answers; the task's id."""
        self.number += 1
        number = self.number
        count = 8 if hold else self.random.choice((12, 40, 120))
        memories = [f"{w} {number} {i}" for i in range(count // 2) for w in ("the cat slept", "we climbed a rock")]
        if hold:
            memories = [f"hold-{hold} {text}" for text in memories]
        operation = "cluster" if hold or number % 3 else "analyze"
        while True:
            client = self.clients[self.random.choice(GATEWAYS)]
            send = client.submit_clustering_task if operation == "cluster" else client.submit_analysis_task
            try:
                async with asyncio.timeout(15):
                    task = await send(f"user-{number % 20}", memories, idempotency_key=f"wish-{number}")
            except (ReverieError, TimeoutError):
                self.refused += 1
                await asyncio.sleep(0.3)
                continue
            self.accepted[task.id] = operation
            return task.id

    async def stream(self, rate: float) -> None:
        """Tasks at random times, ``rate`` a second, until ``over``."""
        async with asyncio.TaskGroup() as group:
            while not self.over.is_set():
                group.create_task(self.submit())
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.over.wait(), self.random.expovariate(rate))


class Trouble:
    """What goes wrong. Each returns its name and the seconds until work went on."""

    def __init__(self, cluster: Cluster, load: Load) -> None:
        self.cluster, self.load = cluster, load
        self.lines: list[str] = []

    def say(self, what: str, text: str) -> None:
        self.lines.append(f"{what:<46}{text}")
        print(self.lines[-1], flush=True)

    async def now(self) -> Any:
        return (await asyncio.to_thread(self.cluster.rows, "SELECT clock_timestamp() AS at"))[0]["at"]

    async def partition(self) -> None:
        """A worker at work loses the database, and only that, for longer than its lease; then it comes back."""
        # Long enough to be cut in the middle of it on a machine that is busy.
        task_id = await self.load.submit(hold="15")
        held = await self.cluster.until(_HELD, task_id)
        name = held["worker"].split(":")[0]
        host: Host = self.cluster.hosts[name]
        cut = await self.now()
        with host.cut_from(self.cluster.hosts["db"]):
            again = await self.cluster.until(_ELSEWHERE, task_id, held["token"])
            assert not again["worker"].startswith(name + ":"), again
            took = (again["at"] - cut).total_seconds()
            # The first one has its result too by then; it cannot tell, and is refused when it can.
            ended = await self.cluster.until(
                "SELECT status, error FROM tasks WHERE id = %s AND finished_at IS NOT NULL", task_id
            )
            await asyncio.sleep(max(0.0, 20.0 - (await self.now() - cut).total_seconds()))
        healed = await self.now()
        back = await self.worked(name, healed)
        finished = await asyncio.to_thread(
            self.cluster.rows,
            "SELECT split_part(worker, ':', 1) AS host FROM chaos_log WHERE task_id = %s AND status = 'succeeded'",
            task_id,
        )
        assert ended["status"] == "succeeded", ended
        assert len(finished) == 1, finished
        assert finished[0]["host"] != name, finished
        self.say(
            f"{name} cut from PostgreSQL for 20 s",
            f"task ran on {again['worker'].split(':')[0]} after {took:.1f} s; "
            f"healed, {name} works again after {back:.1f} s",
        )

    async def worked(self, name: str, since: Any) -> float:
        """Seconds from ``since`` until a host took a task; there are tasks to take until then."""
        async with asyncio.TaskGroup() as group:
            seen = asyncio.Event()

            async def feed() -> None:
                while not seen.is_set():
                    await self.load.submit()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(seen.wait(), 1.0)

            group.create_task(feed())
            try:
                row = await self.cluster.until(_WORKED, name, since, seconds=180)
            finally:
                seen.set()
        return float((row["at"] - since).total_seconds())

    async def power(self) -> None:
        """A worker's host loses its power in the middle of a task, and is started again."""
        task_id = await self.load.submit(hold="15")
        held = await self.cluster.until(_HELD, task_id)
        name = held["worker"].split(":")[0]
        since = await self.now()
        await asyncio.to_thread(self.cluster.hosts[name].kill)
        again = await self.cluster.until(_ELSEWHERE, task_id, held["token"])
        took = (again["at"] - since).total_seconds()
        self.cluster.role(name)
        back = await self.worked(name, await self.now())
        self.say(
            f"{name} without power",
            f"task ran on {again['worker'].split(':')[0]} after {took:.1f} s; "
            f"started again, it works after {back:.1f} s",
        )

    async def cable(self, name: str, seconds: float = 8.0) -> None:
        """A host without a network; then work must go on."""
        with self.cluster.hosts[name].unplugged():
            await asyncio.sleep(seconds)
        since = await self.now()
        task_id = await self.load.submit()
        row = await self.cluster.until("SELECT at FROM chaos_log WHERE task_id = %s AND status = 'running'", task_id)
        self.say(
            f"{name} unplugged for {seconds:.0f} s",
            f"a task submitted then started after {max(0.0, (row['at'] - since).total_seconds()):.1f} s",
        )


async def play(cluster: Cluster, seed: int, rate: float, rounds: int) -> int:
    """Load and troubles, then the account; 1 when it does not balance."""
    load = Load(cluster, seed)
    trouble = Trouble(cluster, load)
    async with contextlib.AsyncExitStack() as stack:
        for name in GATEWAYS:
            load.clients[name] = await stack.enter_async_context(AsyncReverie(cluster.url(name), cluster.key))
        began = time.monotonic()
        streaming = asyncio.create_task(load.stream(rate))
        cables = [name for name in ("rabbit", "cache", "db", "gate-b") if name in cluster.hosts]
        for _ in range(rounds):
            await trouble.partition()
            await trouble.power()
            for name in cables:
                await trouble.cable(name)
        await trouble.partition()
        load.over.set()
        await streaming
        took = time.monotonic() - began
    return await _account(cluster, load, took)


async def _account(cluster: Cluster, load: Load, took: float) -> int:
    ids = sorted(load.accepted)
    unfinished = "SELECT count(*) AS n FROM tasks WHERE id = ANY(%s) AND finished_at IS NULL"
    end = time.monotonic() + 300
    while (await asyncio.to_thread(cluster.rows, unfinished, ids))[0]["n"] and time.monotonic() < end:
        await asyncio.sleep(0.5)
    rows = {
        r["id"]: r for r in cluster.rows("SELECT id, status, attempts, finished_at FROM tasks WHERE id = ANY(%s)", ids)
    }
    states = Counter(row["status"] for row in rows.values())
    twice = cluster.rows(
        "SELECT task_id FROM chaos_log WHERE status = 'succeeded' GROUP BY task_id HAVING count(*) > 1 UNION "
        "SELECT task_id FROM chaos_results GROUP BY task_id HAVING count(*) > 1"
    )
    shares = cluster.rows(
        "SELECT split_part(worker, ':', 1) AS host, count(*) AS n FROM chaos_log WHERE status = 'succeeded' "
        "GROUP BY 1 ORDER BY 1"
    )
    lost = [i for i in ids if i not in rows or rows[i]["finished_at"] is None]
    broken = broken_rules(cluster.database)
    print(f"\n{took:.0f} s, {len(ids) / took:.1f} tasks/s; not accepted at first and sent again: {load.refused}")
    figures = {
        "accepted": len(ids),
        **{state: states[state] for state in ("succeeded", "failed", "cancelled")},
        "lost": len(lost),
        "succeeded twice": len(twice),
        "run more than once": sum(row["attempts"] > 1 for row in rows.values()),
    }
    for name, number in figures.items():
        print(f"{name:<22}{number:>8}")
    print("finished by " + ", ".join(f"{r['host']}: {r['n']}" for r in shares))
    for rule, found in broken.items():
        print(f"BROKEN - {rule}: {found[:3]}")
    good = not lost and not twice and not broken and states["succeeded"] == len(ids)
    print("the account balances" if good else "THE ACCOUNT DOES NOT BALANCE")
    return int(not good)


def main() -> int:
    """One account for each broker."""
    parser = argparse.ArgumentParser(prog="./dev hosts-test", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--broker", nargs="+", choices=("redis", "amqp"), default=["redis", "amqp"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=1.0, help="tasks a second from the clients (1)")
    parser.add_argument("--rounds", type=int, default=1, help="rounds of all troubles (1)")
    parser.add_argument("--logs", type=Path, help="copy the logs of all hosts to this folder")
    options = parser.parse_args()
    status = 0
    for broker in options.broker:
        folder = Path(tempfile.mkdtemp(prefix="reverie-hosts-"))
        folder.chmod(0o711)
        names = {"redis": "Redis over TLS as the broker", "amqp": "RabbitMQ over TLS with quorum queues as the broker"}
        print(f"\n=== {names[broker]}; {os.cpu_count()} cores, seed {options.seed}", flush=True)
        try:
            with Network() as network:
                cluster = Cluster(network, folder, broker)
                cluster.start()
                print(f"{len(cluster.hosts)} hosts: {', '.join(cluster.hosts)}")
                print("\n".join(strangers(cluster)) + "\n", flush=True)
                status |= asyncio.run(play(cluster, options.seed, options.rate, options.rounds))
        finally:
            if options.logs:
                shutil.copytree(
                    folder,
                    options.logs / broker,
                    dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("postgres", "rabbit", "*.key", "password", "*.conf"),
                )
            shutil.rmtree(folder, ignore_errors=True)
    return status


if __name__ == "__main__":
    sys.exit(main())

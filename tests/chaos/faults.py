"""What goes wrong, one function a fault. Each comes from outside: signals, SQL, commands to Valkey; the product has
no hooks for them. A fault ends with everything healed and returns the seconds from the fault (or, where a server was
away, from its return) until work went on."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from tests.chaos.processes import send, tree
from tests.chaos.scene import AGAIN, NotSeen, Scene

__all__ = ["FAULTS", "Fault"]

Fault = Callable[[Scene], Awaitable[float]]

# -- workers ------------------------------------------------------------------------------------------


async def worker_kill(scene: Scene) -> float:
    """kill -9 of a worker between claim and commit."""
    _, row, child = await scene.running("6")
    name, pid = scene.world.worker_of(child)
    at = await scene.now()
    scene.kill(name, pid)
    return await scene.again(row, at)


async def upkeep_kill(scene: Scene) -> float:
    """kill -9 of a worker in the middle of upkeep, and a memory deleted then: the next attempt's view lacks it."""
    tenant, path, memory, row, child = await scene.upkeep("4")
    name, pid = scene.world.worker_of(child)
    at = await scene.now()
    scene.kill(name, pid)
    await scene.delete(tenant, f"{path}/memories/{memory}")
    took = await scene.again(row, at)
    done = await scene.ended(row["id"])
    view = await scene.get(tenant, f"{path}/themes")
    if done["status"] != "succeeded" or memory in view["assignments"] or len(view["assignments"]) != 7:
        raise NotSeen(f"{row['id']} {done['status']}, and its view has {sorted(view['assignments'])}")
    return took


async def child_kill(scene: Scene) -> float:
    """kill -9 of a prefork child at work."""
    _, row, child = await scene.running("6")
    at = await scene.now()
    send([child], signal.SIGKILL)
    return await scene.again(row, at)


async def commit_without_ack(scene: Scene) -> float:
    """kill -9 of a worker after the commit and before the message is acknowledged: its parent process is held."""
    _, row, child = await scene.running("2")
    name, pid = scene.world.worker_of(child)
    send([pid], signal.SIGSTOP)
    done = await scene.ended(row["id"])
    at = await scene.now()
    scene.kill(name, pid)
    took = await scene.started(at)
    if done["status"] != "succeeded":
        raise NotSeen(f"{row['id']} was to succeed under a worker that cannot acknowledge; it {done['status']}")
    return took


async def worker_terminated(scene: Scene) -> float:
    """SIGTERM during a fetch: longer work than the grace is handed back, waiting messages go to others."""
    _, row, child = await scene.running("20")
    name, pid = scene.world.worker_of(child)
    for _ in range(6):  # so that it has messages in its hands
        scene.load.start(scene.load.submit(scene.load.wish("recall", items=4)))
    at = await scene.now()
    scene.kill(name, pid, signal.SIGTERM)
    took = await scene.again(row, at)
    attempts = (await scene.world.ask("SELECT attempts FROM tasks WHERE id = %s", row["id"]))[0]["attempts"]
    if attempts > row["attempts"]:
        raise NotSeen(f"{row['id']} was handed back, and yet the attempt counted")
    return took


async def worker_frozen(scene: Scene) -> float:
    """SIGSTOP of a worker and its children for half a minute, then CONT: the stale attempt must be fenced."""
    _, row, child = await scene.running("4")
    _, pid = scene.world.worker_of(child)
    group = tree(pid)
    at, stopped = await scene.now(), time.monotonic()
    send(group, signal.SIGSTOP)
    try:
        took = await scene.again(row, at)
        done = await scene.ended(row["id"])
        await asyncio.sleep(max(0.0, scene.frozen - (time.monotonic() - stopped)))
    finally:
        send(group, signal.SIGCONT)
    await scene.started(await scene.now())
    after = (await scene.world.ask("SELECT token, status FROM tasks WHERE id = %s", row["id"]))[0]
    if (after["token"], after["status"]) != (done["token"], done["status"]):
        raise NotSeen(f"{row['id']} changed after the stale attempt woke up")
    return took


async def out_of_memory(scene: Scene) -> float:
    """A task that takes its process with it every time, as the kernel does when memory is out; then redriven."""
    wish, row, child = await scene.running("10")
    while True:
        at = await scene.now()
        send([child], signal.SIGKILL)
        upcoming = await scene.world.until(
            "SELECT * FROM tasks WHERE id = %s "
            "AND (dead OR (status = 'running' AND stage = 'labelling' AND token > %s))",
            row["id"],
            row["token"],
            seconds=90,
        )
        if upcoming is None:
            raise NotSeen(f"{row['id']} was neither run again nor dead-lettered")
        if upcoming["dead"]:
            break
        row, child = upcoming, int(upcoming["worker"].rpartition(":")[2])
    if upcoming["attempts"] != 3 or not upcoming["error"]["type"].endswith("dead-lettered"):
        raise NotSeen(f"{row['id']} was given up after {upcoming['attempts']} attempts: {upcoming['error']}")
    took = (upcoming["finished_at"] - at).total_seconds()
    if scene.rng.random() < 0.5:  # half of them stay where they are, to be found in the account
        while await scene.load.post(wish.tenant, f"/tasks/{row['id']}/redrive") != 202:
            await asyncio.sleep(0.2)
        if (again := await scene.ended(row["id"]))["status"] != "succeeded":
            raise NotSeen(f"{row['id']} was redriven and {again['status']}")
    return float(took)


async def never_ending(scene: Scene) -> float:
    """A task that never ends: stopped at its time limit, and its process with it. Seconds: until it is stopped."""
    _, row, _ = await scene.running("forever")
    done = await scene.ended(row["id"])
    if done["status"] != "failed" or not done["error"]["type"].endswith("time-limit"):
        raise NotSeen(f"{row['id']} was to run into its time limit: {done['status']} {done['error']}")
    return float((done["finished_at"] - done["started_at"]).total_seconds())


async def clock_jump(scene: Scene) -> float:
    """The wall clock of one worker jumps an hour ahead and two back while it works. Seconds: until it starts a task."""
    world = scene.world
    if any(note.startswith("clock_jump") for note in world.left_out):
        return 0.0
    at = await scene.now()
    try:
        for jump in (3600.0, -3600.0):
            await asyncio.to_thread(world.set_clock, jump)
            held = [await scene.load.submit(scene.load.wish("cluster", hold="2")) for _ in range(8)]
            rows = [await scene.ended(task["id"]) for task in held]
            if any(row["status"] != "succeeded" or row["attempts"] > 1 for row in rows):
                raise NotSeen(f"a clock that jumped by {jump:+g} s repeated work or made it fail")
    finally:
        await asyncio.to_thread(world.set_clock, 0.0)
    return await scene.started(at)


# -- gateways -----------------------------------------------------------------------------------------


async def gateway_kill(scene: Scene) -> float:
    """kill -9 of a gateway between commit and publish: Valkey holds its writes, and drops those of a dead client."""
    world, load = scene.world, scene.load
    index = scene.rng.randrange(2)
    name = f"gateway-{index}"
    await asyncio.to_thread(scene.valkey, "CLIENT", "PAUSE", "20000", "WRITE")
    try:
        wish = load.wish("embed", items=3)
        task = await load.submit(wish, index)
        await asyncio.sleep(0.1)
        at = await scene.now()
        with world.unsupervised():  # it must be gone before Valkey goes on
            scene.kill(name, world.pids("gateway")[name])
            await asyncio.sleep(0.2)
    finally:
        await asyncio.to_thread(scene.valkey, "CLIENT", "UNPAUSE")
    found = await world.until(AGAIN, task["id"], -1)
    if found is None:
        raise NotSeen(f"{task['id']} was accepted and never ran")
    return max(0.0, float((found["at"] - at).total_seconds()))


async def leader_kill(scene: Scene) -> float:
    """kill -9 of the gateway that sweeps. Seconds: until the other one does."""
    leaders = "SELECT pid, objid FROM pg_locks WHERE locktype = 'advisory' AND granted ORDER BY pid"
    for index in range(2):
        _, text = await scene.load.fetch(index, "/metrics")
        if "reverie_sweeper_leading 1.0" in text:
            break
    before = await scene.world.ask(leaders)
    name = f"gateway-{index}"
    began = time.monotonic()
    scene.kill(name, scene.world.pids("gateway")[name])
    while True:
        found = await scene.world.ask(leaders)
        if found and found != before:
            return time.monotonic() - began
        if time.monotonic() - began > 60:
            raise NotSeen("no gateway took the sweeping over")
        await asyncio.sleep(0.05)


# -- Valkey -------------------------------------------------------------------------------------------


async def _valkey_dies(scene: Scene, *, forget: bool) -> float:
    world = scene.world
    with world.unsupervised():
        send([world.valkey], signal.SIGKILL)
        await asyncio.sleep(scene.away if scene.rng.random() < 0.5 else 0.5)
        if forget:
            import shutil

            await asyncio.to_thread(shutil.rmtree, world.folder / "data" / "valkey" / "appendonlydir", True)
    await scene.valkey_answers()
    return await scene.started(await scene.now())


async def valkey_kill(scene: Scene) -> float:
    """kill -9 of Valkey, which comes back with what it had written."""
    return await _valkey_dies(scene, forget=False)


async def valkey_without_files(scene: Scene) -> float:
    """kill -9 of Valkey, which comes back knowing nothing."""
    return await _valkey_dies(scene, forget=True)


async def valkey_flush(scene: Scene) -> float:
    """FLUSHALL: queue, caches and unacknowledged messages are gone."""
    for _ in range(4):
        scene.load.start(scene.load.submit(scene.load.wish("recall", items=4)))
    await asyncio.to_thread(scene.valkey, "FLUSHALL")
    return await scene.started(await scene.now())


async def valkey_clients(scene: Scene) -> float:
    """CLIENT KILL of every connection, the sleeping and the subscribed."""
    at = await scene.now()
    for kind in ("normal", "pubsub"):
        await asyncio.to_thread(scene.valkey, "CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
    return await scene.started(at)


async def valkey_frozen(scene: Scene) -> float:
    """SIGSTOP of Valkey: connections stay open and say nothing."""
    pid = scene.world.valkey
    send([pid], signal.SIGSTOP)
    try:
        await asyncio.sleep(scene.away)
    finally:
        send([pid], signal.SIGCONT)
    return await scene.started(await scene.now())


async def valkey_full(scene: Scene) -> float:
    """Valkey's memory is full: it refuses every write."""
    await asyncio.to_thread(scene.valkey, "CONFIG", "SET", "maxmemory", "1")
    try:
        await asyncio.sleep(scene.away)
    finally:
        await asyncio.to_thread(scene.valkey, "CONFIG", "SET", "maxmemory", "0")
    return await scene.started(await scene.now())


# -- PostgreSQL ---------------------------------------------------------------------------------------


async def postgres_restart(scene: Scene) -> float:
    """PostgreSQL is shut down fast and started again."""
    await scene.running("3")
    send([scene.world.postgres], signal.SIGINT)
    await asyncio.sleep(0.3)
    return await scene.started(await scene.now())


async def postgres_terminated(scene: Scene) -> float:
    """Every other session is terminated."""
    await scene.running("3")
    at = await scene.now()
    await scene.world.ask(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
        "AND backend_type = 'client backend'"
    )
    return await scene.started(at)


async def postgres_locked(scene: Scene) -> float:
    """All connections of the gateways' pools wait for a lock, so the pools are exhausted."""
    import psycopg

    async with await psycopg.AsyncConnection.connect(scene.world.database_url) as connection:
        await connection.execute("LOCK TABLE idempotency IN ACCESS EXCLUSIVE MODE")
        for _ in range(40):
            scene.load.start(scene.load.submit(scene.load.wish("recall", items=2)))
        await asyncio.sleep(scene.away / 2)
        await connection.rollback()
    return await scene.started(await scene.now())


async def postgres_no_connections(scene: Scene) -> float:
    """All of PostgreSQL's connections are taken, and every session of ours is gone."""
    import psycopg

    taken: list[Any] = []
    try:
        while len(taken) < 300:
            try:
                taken.append(await psycopg.AsyncConnection.connect(scene.world.database_url, connect_timeout=3))
            except psycopg.OperationalError:
                break
        await scene.world.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND backend_type = 'client backend' AND query <> ''"
        )
        for _ in range(20):
            with suppress(psycopg.OperationalError):
                taken.append(await psycopg.AsyncConnection.connect(scene.world.database_url, connect_timeout=3))
        await asyncio.sleep(scene.away / 2)
    finally:
        for connection in taken:
            await connection.close()
    return await scene.started(await scene.now())


async def postgres_frozen(scene: Scene) -> float:
    """SIGSTOP of PostgreSQL and all its processes."""
    group = tree(scene.world.postgres)
    send(group, signal.SIGSTOP)
    try:
        await asyncio.sleep(scene.away)
    finally:
        send(group, signal.SIGCONT)
    return await scene.started(await scene.now())


async def disk_full(scene: Scene) -> float:
    """The disk is full for results. Seconds: from space to the result that waited for it."""
    with scene.world.disk_full():
        await asyncio.sleep(0.2)
        # Half a megabyte that compression cannot make smaller: more than the pages that PostgreSQL still has at hand.
        wish = scene.load.wish("embed", items=400)
        task = await scene.load.submit(wish)
        await asyncio.sleep(scene.away)
        at = await scene.now()
    done = await scene.ended(task["id"])
    if done["status"] != "succeeded":
        raise NotSeen(f"{task['id']} was to wait for the disk: {done['status']} {done['error']}")
    return max(0.0, float((done["finished_at"] - at).total_seconds()))


FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        worker_kill,
        upkeep_kill,
        child_kill,
        commit_without_ack,
        worker_terminated,
        worker_frozen,
        out_of_memory,
        never_ending,
        clock_jump,
        gateway_kill,
        leader_kill,
        valkey_kill,
        valkey_without_files,
        valkey_flush,
        valkey_clients,
        valkey_frozen,
        valkey_full,
        postgres_restart,
        postgres_terminated,
        postgres_locked,
        postgres_no_connections,
        postgres_frozen,
        disk_full,
    )
}

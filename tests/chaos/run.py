"""Runs the suite: load beside a seeded schedule of faults, then the account."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import shutil
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.account import Account, LoopLag
from tests.chaos.faults import FAULTS
from tests.chaos.load import Load
from tests.chaos.memories import keepers
from tests.chaos.scene import Scene
from tests.chaos.world import World

__all__ = ["main", "run"]

#: One of each kind, for the run that is part of the test suite.
SHORT = (
    "worker_kill",
    "commit_without_ack",
    "gateway_kill",
    "valkey_without_files",
    "postgres_restart",
    "worker_frozen",
)


async def _play(
    world: World, account: Account, *, seed: int, seconds: float, rate: float, names: Sequence[str], quick: bool
) -> str:
    rng = random.Random(f"faults-{seed}")
    async with Load(world, seed) as load:
        scene = Scene(world, load, rng, frozen=8.0 if quick else 30.0, away=2.0 if quick else 8.0)
        lag = LoopLag(load)
        load.start(lag.watch())
        await _ready(load)
        began = time.monotonic()
        end = began + seconds
        streaming = load.start(load.stream(rate, seconds))
        people = keepers(load, seed, 3 if quick else 6)
        keeping = [load.start(keeper.live()) for keeper in people]
        upcoming: list[str] = []
        faults = 0
        # The quick run has each fault once, however long a slow machine takes for that.
        while faults < len(names) if quick else time.monotonic() < end:
            upcoming = upcoming or rng.sample(list(names), len(names))
            name = upcoming.pop()
            load.during = name
            await _inject(scene, account, name)
            load.during = "-"
            faults += 1
            await _ready(load)
            await asyncio.sleep(rng.uniform(0.0, 1.0))
        streaming.cancel()
        for task in keeping:
            task.cancel()
        ended = await asyncio.gather(*keeping, return_exceptions=True)
        account.broken += [f"a keeper of memories: {error}" for error in ended if isinstance(error, AssertionError)]
        took = time.monotonic() - began
        await account.close(world, load)
        await account.count_memories(world, people)
        return account.describe(world, load, lag, seed, took)


async def _inject(scene: Scene, account: Account, name: str) -> None:
    started = time.monotonic()
    try:
        async with asyncio.timeout(240):
            seconds = await FAULTS[name](scene)
    except (AssertionError, LookupError, TimeoutError) as error:
        account.broken.append(f"{name}: {error or type(error).__name__}")
        print(f"{name:<26} BROKEN: {error}", flush=True)
        return
    account.recovered[name].append(seconds)
    print(f"{name:<26} recovered in {seconds:6.2f} s  (took {time.monotonic() - started:5.1f} s)", flush=True)


async def _ready(load: Load) -> None:
    """Until all gateways and workers say they are ready."""
    for url in load.world.readiness:
        for _ in range(900):
            if (await load.get(url))[0] == 200:
                break
            await asyncio.sleep(0.1)
        else:
            raise AssertionError(f"{url} is not ready after a minute and a half")


def run(
    *,
    seed: int,
    seconds: float,
    rate: float = 2.0,
    names: Sequence[str] = tuple(FAULTS),
    quick: bool = False,
    concurrency: int = 2,
    logs: Path | None = None,
    environment: dict[str, str] | None = None,
) -> tuple[Account, str]:
    """Play a schedule, with further settings for all roles. Everything is stopped when this returns."""
    account = Account()
    text: list[str] = []
    failure: list[BaseException] = []
    with World(concurrency=concurrency, environment=environment) as world:

        def play() -> None:
            try:
                text.append(
                    asyncio.run(_play(world, account, seed=seed, seconds=seconds, rate=rate, names=names, quick=quick))
                )
            except BaseException as error:
                failure.append(error)
            finally:
                world.stop()

        thread = threading.Thread(target=play, name="chaos")
        thread.start()
        world.watch()
        thread.join()
        if failure:
            for log in sorted((world.folder / "logs").glob("*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}", file=sys.stderr)
            raise failure[0]
        if logs is not None:
            shutil.copytree(world.folder / "logs", logs, dirs_exist_ok=True)
            shutil.copytree(world.folder / "data" / "logs", logs, dirs_exist_ok=True)
        if account.broken:
            for log in sorted((world.folder / "logs").glob("*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}", file=sys.stderr)
    return account, text[0]


def main(argv: Sequence[str] | None = None) -> int:
    """The command; status 1 when the account does not balance."""
    parser = argparse.ArgumentParser(prog="./dev chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="how long (2)")
    parser.add_argument("--seed", type=int, default=1, help="the schedule's seed (1)")
    parser.add_argument("--rate", type=float, default=2.0, help="submissions a second beside the faults' own (2)")
    parser.add_argument("--only", nargs="+", choices=sorted(FAULTS), help="these faults alone")
    parser.add_argument("--logs", type=Path, help="copy the logs of all processes to this folder")
    parser.add_argument(
        "--soak", action="store_true", help="no faults: 20,000 tasks over 10 minutes, and what they leave"
    )
    parser.add_argument("--overload", action="store_true", help="no faults: three times what the workers can do")
    parser.add_argument(
        "--broker",
        choices=("redis", "amqp"),
        default="redis",
        help="amqp: a RabbitMQ with quorum queues carries the ids",
    )
    parser.add_argument("--tasks", type=int, default=20_000, help="tasks of the soak (20000)")
    arguments = parser.parse_args(argv)
    if arguments.soak:
        from tests.chaos.soak import soak

        return soak(arguments.tasks, arguments.minutes if arguments.minutes != 2.0 else 10.0)
    if arguments.overload:
        from tests.chaos.overload import overload

        return overload()
    names = arguments.only or tuple(FAULTS)
    with contextlib.ExitStack() as stack:
        environment = {}
        if arguments.broker == "amqp":
            from tests.chaos.rabbit import Rabbit

            rabbit = stack.enter_context(Rabbit())
            environment["REVERIE_BROKER_URL"] = rabbit.url
        account, text = run(
            seed=arguments.seed,
            seconds=arguments.minutes * 60,
            rate=arguments.rate,
            names=names,
            logs=arguments.logs,
            environment=environment,
        )
        if arguments.broker == "amqp":
            text += f"\nRabbitMQ: quorum queues, {rabbit.depth('reverie.clustering')[0]} messages left in clustering"
    print("\n" + text)
    return 1 if account.broken else 0

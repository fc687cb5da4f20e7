"""The blocked-loop experiment: 847 memories are clustered while a bot gets 20 interactions a second.

A local Discord on a loopback port plays its part over real HTTP and WebSocket, with the deadlines and heartbeats of
the real one, and the bot is the shipped one with the unmodified discord.py. It runs in a process of its own, three
times: clustering on its event loop, in a thread of its process, and through Reverie (`reverie up` on the same
machine). The engine and the model are the same each time, and loaded before the clock starts.

Counted are the interactions that arrive from the moment somebody asks for their themes until the answer is there. The
acknowledgement runs from sending the interaction to the arrival of the bot's callback at Discord. One whose callback
comes after 3 s, or not at all, is missed: Discord shows "The application did not respond".
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks._report import machine, percentile, table
from benchmarks.main import COUNT, service, texts
from reverie import AsyncReverie
from reverie.bot.sealing import Plain
from reverie.bot.store import MemoryStore, open_database
from reverie.testing.discord import FakeDiscord, Interaction

ROOT = Path(__file__).resolve().parent.parent
RATE = 20.0
TARGET = "wanted through Reverie: p99 <= 25 ms, 0 missed, largest gap within 5% of the interval"
NAMES = {
    "idle": "nothing to cluster",
    "loop": "on the bot's event loop",
    "thread": "in a thread of the bot",
    "service": "through Reverie",
}


@dataclass(slots=True)
class Measured:
    """What one way of clustering did to the bot."""

    acks: list[float] = field(default_factory=list)
    missed: int = 0
    gaps: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    closes: int = 0


async def fill(path: Path, people: list[dict[str, Any]], reader: dict[str, Any], memories: list[str]) -> None:
    """The bot's store, as it would be after months: consent given, memories kept."""
    store = MemoryStore(await open_database(f"sqlite:///{path}"), Plain())
    for person, kept in [(person, memories) for person in people] + [(reader, memories[:30])]:
        await store.consent(person["id"], "en-US")
        for text in kept:
            await store.add(person["id"], text)
    await store.close()


@contextlib.asynccontextmanager
async def bot(where: str, discord: FakeDiscord, store: Path, data: Path, running: Any) -> AsyncIterator[None]:
    """The bot's process, ready to answer."""
    command = [
        sys.executable, "-m", "benchmarks._bot", where, "--discord", discord.base, "--socket", discord.socket_url,
        "--service", running.url, "--key", running.api_key or "", "--store", str(store), "--data-dir", str(data),
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=asyncio.subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(discord.token.encode() + b"\n")
    process.stdin.close()
    try:
        await discord.until(lambda: discord.gateway.sessions, timeout=120)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


async def interactions(
    discord: FakeDiscord, user: Any, guild: Any, sent: list[Interaction], rng: random.Random
) -> None:
    """What other people do meanwhile: they arrive on their own (Poisson), and ask, read and write in turn."""
    number, due = 0, time.monotonic()
    while True:
        due += rng.expovariate(RATE)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        number += 1
        command, options = (
            ("privacy", None),
            ("memories", None),
            ("remember", {"text": f"a new thought, number {number} of {rng.random()}"}),
        )[number % 3]
        sent.append(await discord.slash(command, options, user=user, guild=guild))


async def measure(
    where: str, rounds: int, heartbeat: float, memories: list[str], folder: Path, running: Any
) -> Measured:
    rng = random.Random(11)
    discord = FakeDiscord(heartbeat_ms=round(heartbeat * 1000))
    people = [discord.add_user(f"person {i}") for i in range(rounds)]
    reader = discord.add_user("reader")
    guild = discord.add_guild(users=[*people, reader])
    store = folder / f"bot-{where}.sqlite3"
    await fill(store, people, reader, memories)
    async with AsyncReverie(running.url, running.api_key) as ai:
        for person in people:
            # The first view is made when somebody asks for it, within what is measured.
            await ai.user(person["id"]).set_settings(upkeep="manual")
    out = Measured()
    async with discord, bot("service" if where == "idle" else where, discord, store, folder, running):
        # Warm: the first command of each kind imports and connects.
        for command in ("privacy", "memories"):
            await discord.reply(await discord.slash(command, user=reader, guild=guild), timeout=60)
        for person in people:
            await one_round(where, discord, person, reader, guild, heartbeat, rng, out)
        out.closes = len(discord.gateway.closes)
    return out


async def one_round(
    where: str,
    discord: FakeDiscord,
    person: Any,
    reader: Any,
    guild: Any,
    heartbeat: float,
    rng: random.Random,
    out: Measured,
) -> None:
    sent: list[Interaction] = []
    others = asyncio.create_task(interactions(discord, reader, guild, sent, rng))
    # A heartbeat before and after, so that the gaps around the work are seen whole.
    await asyncio.sleep(1.5 * heartbeat)
    began = time.monotonic()
    if where == "idle":
        await asyncio.sleep(5)
    else:
        asked = await discord.slash("themes", user=person, guild=guild)
        await discord.until(lambda: asked.original_id and discord.messages[asked.original_id]["embeds"], timeout=300)
        out.answers.append(time.monotonic() - began)
    ended = time.monotonic()
    await asyncio.sleep(1.5 * heartbeat)
    others.cancel()
    counted = [one for one in sent if began <= one.sent_at <= ended]
    with contextlib.suppress(TimeoutError):
        await discord.until(lambda: all(o.acked_after is not None or o.late_after is not None for o in counted), 60)
    for one in counted:
        if one.acked_after is None:
            out.missed += 1
        out.acks.append(one.acked_after or one.late_after or 60.0)
    beats = [at for at in discord.gateway.heartbeats if began - 1.5 * heartbeat <= at <= ended + 1.5 * heartbeat]
    out.gaps += [b - a for a, b in pairwise(beats)]


def row(name: str, found: Measured, heartbeat: float) -> list[str]:
    ms = lambda seconds: f"{1000 * seconds:,.1f} ms" if seconds < 1 else f"{seconds:,.2f} s"  # noqa: E731
    gap = max(found.gaps, default=float("nan"))
    return [
        NAMES[name],
        f"{len(found.acks):,}",
        ms(percentile(found.acks, 50)),
        ms(percentile(found.acks, 99)),
        ms(max(found.acks, default=0.0)),
        f"{found.missed:,}",
        f"{gap:.3f} s ({100 * (gap / heartbeat - 1):+.1f}%)",
        f"{percentile(found.answers, 50):.1f} s" if found.answers else "",
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="people who ask for their themes, one after another")
    parser.add_argument("--heartbeat", type=float, default=2.0, help="interval that Discord asks for, seconds")
    parser.add_argument("--only", choices=list(NAMES), action="append")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="reverie-bench-"))
    rows = []
    try:
        with service(folder / "data") as running:
            for name in arguments.only or list(NAMES):
                found = asyncio.run(measure(name, arguments.rounds, arguments.heartbeat, texts(COUNT), folder, running))
                rows.append(row(name, found, arguments.heartbeat))
                print("measured:", " | ".join(rows[-1]), file=sys.stderr)
                if found.closes:
                    print(f"{NAMES[name]}: Discord closed the connection {found.closes} times (4009, no heartbeat)")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(
        f"{machine()}; {COUNT} memories, {RATE:.0f} interactions/s, {arguments.rounds} rounds, "
        f"heartbeats every {arguments.heartbeat:g} s; {TARGET}\n"
    )
    head = ["clustering", "interactions", "ack p50", "ack p99", "slowest", "missed", "largest heartbeat gap", "answer"]
    print(table(head, rows))


if __name__ == "__main__":
    main()

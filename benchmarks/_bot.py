"""The bot of ``benchmarks/bot.py`` in a process of its own: the real one, and one whose clustering stays at home.

Both are ``MemoryBot`` to the last line; what differs is who answers ``user(...).themes``.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pydantic import SecretStr

from reverie import AsyncReverie
from reverie.bot import BotSettings, MemoryBot
from reverie.contracts import ClusterOptions, ClusterResult, Memory, StoredMemory, ThemesView
from reverie.errors import ServiceUnavailable
from reverie.testing.discord import redirected

Engine = Callable[[list[Memory]], ClusterResult]


def own_engine(data_dir: Path) -> Engine:
    """Reverie's own model and clustering, called as a library."""
    from reverie.clustering import cluster
    from reverie.embedding import create_embedder

    embedder = create_embedder(data_dir=data_dir)
    embedder.embed(["warm"])

    def run(memories: list[Memory]) -> ClusterResult:
        vectors = embedder.embed([memory.text for memory in memories]).vectors
        return cluster(memories, vectors, ClusterOptions()).result

    return run


class _Person:
    """The part of ``AsyncUser`` that the bot needs for the commands of the experiment."""

    def __init__(self, engine: Engine, *, thread: bool) -> None:
        self._engine = engine
        self._thread = thread
        self._memories: dict[str, StoredMemory] = {}

    async def remember_many(self, memories: list[dict[str, Any]], *, idempotency_key: str) -> None:
        """Keep them."""
        now = datetime.now(UTC)
        for memory in memories:
            self._memories[memory["id"]] = StoredMemory(added_at=now, version=1, **memory)

    async def memories(self, **wanted: Any) -> AsyncIterator[StoredMemory]:
        """All of them, newest first."""
        for memory in reversed(self._memories.values()):
            yield memory

    async def memory(self, memory_id: str) -> StoredMemory:
        """One of them."""
        return self._memories[memory_id]

    async def themes(self) -> ThemesView:
        """Cluster now."""
        told = [Memory(id=m.id, text=m.text, created_at=m.created_at) for m in self._memories.values()]
        result = await asyncio.to_thread(self._engine, told) if self._thread else self._engine(told)
        return ThemesView(**result.model_dump(), version=1, as_of=datetime.now(UTC))


class AtHome:
    """Answers as the service does, from this very process: on its event loop, or in one of its threads."""

    def __init__(self, engine: Engine, *, thread: bool) -> None:
        self._engine = engine
        self._thread = thread
        self._people: dict[str, _Person] = {}

    def user(self, user_id: str) -> _Person:
        """What is kept of a person, in this process."""
        return self._people.setdefault(user_id, _Person(self._engine, thread=self._thread))

    async def submit_clustering_task(self, user_id: str) -> Any:
        """No picture: drawing it here would block for another second."""
        raise ServiceUnavailable

    async def chart(self, task_id: str, kind: str, **look: Any) -> bytes:
        """No picture: drawing it here would block for another second."""
        raise ServiceUnavailable

    async def close(self) -> None:
        """There is nothing to close."""


async def run(arguments: argparse.Namespace) -> None:
    ai: Any
    if arguments.where == "service":
        ai = AsyncReverie(arguments.service, arguments.key)
    else:
        ai = AtHome(own_engine(arguments.data_dir), thread=arguments.where == "thread")
    settings = BotSettings(store=SecretStr(f"sqlite:///{arguments.store}"))  # type: ignore[call-arg]
    bot = MemoryBot(settings, ai=ai, guild_ready_timeout=0.05)
    with redirected(SimpleNamespace(base=arguments.discord, socket_url=arguments.socket)):
        await bot.start(sys.stdin.readline().strip())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("where", choices=["loop", "thread", "service"])
    for name in ("--discord", "--socket", "--service", "--key", "--store"):
        parser.add_argument(name)
    parser.add_argument("--data-dir", type=Path)
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()

"""What a fault works with: tasks at work, signals, and a wait until work went on."""

from __future__ import annotations

import asyncio
import random
import signal
from contextlib import suppress
from typing import Any

from tests.chaos.load import Load, Wish
from tests.chaos.processes import send
from tests.chaos.world import World

__all__ = ["AGAIN", "NotSeen", "Scene"]

_RUNNING = "SELECT id, token, worker, attempts FROM tasks WHERE id = %s AND status = 'running' AND stage = 'labelling'"
AGAIN = "SELECT at FROM chaos_log WHERE task_id = %s AND status = 'running' AND token > %s ORDER BY n LIMIT 1"
_STARTED = "SELECT at FROM chaos_log WHERE status = 'running' AND at > %s ORDER BY n LIMIT 1"


class NotSeen(AssertionError):
    """What a fault must lead to did not happen in time."""


class Scene:
    """What a fault works with."""

    def __init__(
        self, world: World, load: Load, rng: random.Random, *, frozen: float = 30.0, away: float = 8.0
    ) -> None:
        self.world, self.load, self.rng = world, load, rng
        #: Seconds a process stays stopped, and a server stays away.
        self.frozen, self.away = frozen, away

    async def running(self, hold: str = "6") -> tuple[Wish, dict[str, Any], int]:
        """A task at work: ``(wish, row, process id of the child)``."""
        wish = self.load.wish("cluster", hold=hold)
        task = await self.load.submit(wish)
        row = await self.world.until(_RUNNING, task["id"], seconds=90)
        if row is None:
            raise NotSeen(f"{task['id']} did not start to work")
        return wish, row, int(row["worker"].rpartition(":")[2])

    async def again(self, row: dict[str, Any], since: Any, seconds: float = 60.0) -> float:
        """Seconds from ``since`` until the task runs again under a newer token."""
        found = await self.world.until(AGAIN, row["id"], row["token"], seconds=seconds)
        if found is None:
            raise NotSeen(f"{row['id']} did not run again within {seconds:g} s")
        return float((found["at"] - since).total_seconds())

    async def started(self, since: Any, seconds: float = 60.0) -> float:
        """Seconds from ``since`` until any task started; one is submitted so that there is one."""
        self.load.start(self.load.submit(self.load.wish("embed", items=2)))
        found = await self.world.until(_STARTED, since, seconds=seconds)
        if found is None:
            raise NotSeen(f"no task started within {seconds:g} s")
        return float((found["at"] - since).total_seconds())

    async def ended(self, task_id: str, seconds: float = 120.0) -> dict[str, Any]:
        """The task's row once it has ended."""
        row = await self.world.until(
            "SELECT * FROM tasks WHERE id = %s AND finished_at IS NOT NULL", task_id, seconds=seconds
        )
        if row is None:
            raise NotSeen(f"{task_id} did not end within {seconds:g} s")
        return row

    async def now(self) -> Any:
        return await asyncio.to_thread(self.world.now)

    def kill(self, name: str, pid: int, signum: signal.Signals = signal.SIGKILL) -> None:
        """Signal a role; its end will not count against it."""
        self.world.caused.append(name)
        send([pid], signum)

    def valkey(self, *command: str) -> Any:
        """A command to Valkey over a connection of its own."""
        import redis

        with redis.Redis.from_url(self.world.redis_url, socket_timeout=5) as client:
            return client.execute_command(*command)

    async def valkey_answers(self) -> None:
        """Until Valkey answers a ping."""
        while True:
            with suppress(Exception):
                if await asyncio.to_thread(self.valkey, "PING"):
                    return
            await asyncio.sleep(0.02)

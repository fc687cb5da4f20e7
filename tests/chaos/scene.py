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

    async def upkeep(self, hold: str) -> tuple[str, str, str, dict[str, Any], int]:
        """An upkeep at work, asked for: ``(tenant, the user's path, one of the 8 memories, row, process id)``."""
        wish = self.load.wish("cluster", hold=hold)
        self.load.wishes.remove(wish)  # its memories are stored, not sent with a task
        path = f"/users/{wish.key}"
        memories = {"upkeep": "manual", "memories": wish.body["memories"]}
        kept = await self._until_done(wish.tenant, "POST", f"{path}/memories", memories, wish.key)
        task = await self._until_done(wish.tenant, "POST", f"{path}/upkeep")
        row = await self.world.until(_RUNNING, task["id"], seconds=90)
        if row is None:
            raise NotSeen(f"{task['id']} did not start to work")
        return wish.tenant, path, kept["ids"][0], row, int(row["worker"].rpartition(":")[2])

    async def delete(self, tenant: str, path: str) -> None:
        """Delete, until that is acknowledged."""
        await self._until_done(tenant, "DELETE", path)

    async def get(self, tenant: str, path: str) -> dict[str, Any]:
        """Read, until a gateway answers."""
        return await self._until_done(tenant, "GET", path)

    async def _until_done(
        self, tenant: str, method: str, path: str, body: Any = None, key: str | None = None
    ) -> dict[str, Any]:
        headers = {"Idempotency-Key": key} if key else {}
        while True:
            status, answer, _ = await self.load.request(tenant, method, path, body, headers)
            if status in (200, 202) and answer is not None:
                return answer
            await asyncio.sleep(0.2)

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

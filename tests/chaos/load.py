"""A stream of submissions as clients make it: with retries, duplicates, cancellations and open sockets."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.chaos.world import TENANTS, World

__all__ = ["Answered", "Load", "Wish"]

_WORDS = ["climbing", "gym", "rock", "cat", "mouse", "sleep", "river", "boat", "bread", "oven", "garden", "rain"]
_AWAY = (aiohttp.ClientError, ConnectionError, TimeoutError)


@dataclass(slots=True)
class Wish:
    """One thing a client wants, whatever number of requests that takes."""

    tenant: str
    key: str
    path: str
    body: dict[str, Any]
    #: Every task id that was ever answered for it; more than one is a fault.
    ids: set[str] = field(default_factory=set)
    cancelled: bool = False


@dataclass(slots=True)
class Answered:
    """One HTTP answer to a submission."""

    at: float
    seconds: float
    #: HTTP status, or 0 when the connection broke.
    status: int
    retry_after: bool
    during: str


class Erased(Exception):
    """A late retry: the task of its key has ended and was erased since."""


class Load:
    """Clients of all tenants; everything they were told is kept for the account."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self._random = random.Random(f"load-{seed}")
        self._numbers = itertools.count()
        self._seed = seed
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._running: set[asyncio.Task[Any]] = set()
        self._stopped = asyncio.Event()
        self.wishes: list[Wish] = []
        self.answers: list[Answered] = []
        #: Results by task as they were seen: hashes of the JSON, by whoever saw them.
        self.seen: defaultdict[str, set[str]] = defaultdict(set)
        #: Ends told more than once over one and the same socket.
        self.told_twice: list[str] = []
        self.sockets_opened = 0
        self.refused: Counter[int] = Counter()
        #: What fault is at work, for the notes.
        self.during = "-"

    async def __aenter__(self) -> Load:
        for tenant, key in self.world.keys.items():
            self._sessions[tenant] = aiohttp.ClientSession(
                headers={"authorization": f"Bearer {key}"}, timeout=aiohttp.ClientTimeout(total=10, connect=3)
            )
        for tenant in TENANTS:
            for gateway in range(len(self.world.ports)):
                self.start(self._listen(tenant, gateway))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopped.set()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for session in self._sessions.values():
            await session.close()

    def start(self, work: Any) -> asyncio.Task[Any]:
        """Run beside; ended with the load."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    # -- submitting -----------------------------------------------------------------------------------

    def wish(self, path: str, *, tenant: str | None = None, hold: str | None = None, items: int = 8) -> Wish:
        """A submission that differs from all others. ``hold``: seconds it shall take, or ``forever``."""
        rng, number = self._random, next(self._numbers)
        tenant = tenant or rng.choice(TENANTS)
        mark = f"{self._seed}-{number}"
        if hold is not None:
            texts = [f"hold-{hold} {word} {mark}" for word in ("cat cat sofa", "rock wall gym") for _ in range(4)]
            texts = [f"{text} {i}" for i, text in enumerate(texts)]
        else:
            texts = [" ".join(rng.choices(_WORDS, k=6)) + f" {mark} {i}" for i in range(items)]
        body: dict[str, Any] = (
            {"texts": texts} if path == "embed" else {"user_id": f"u{number % 50}", "memories": texts}
        )
        if path == "recall":
            body["query"] = rng.choice(_WORDS)
        wish = Wish(tenant, f"key-{mark}", f"/{path}/submit", body)
        self.wishes.append(wish)
        return wish

    async def ask(self, wish: Wish, gateway: int) -> tuple[int, dict[str, Any] | None, float]:
        """One request: ``(status or 0, task, Retry-After)``."""
        started, status, waits, task = time.monotonic(), 0, 0.0, None
        during = self.during
        headers = {"Idempotency-Key": wish.key, "Prefer": "respond-async"}
        try:
            url = self.world.url(gateway) + wish.path
            async with self._sessions[wish.tenant].post(url, json=wish.body, headers=headers) as answer:
                content = await answer.json(content_type=None)
                status, waits = answer.status, float(answer.headers.get("retry-after", 0))
                if status in (200, 202):
                    task = content
                    wish.ids.add(task["id"])
                    if task["status"] == "succeeded":
                        self.saw(task["id"], task["result"])
        except _AWAY:
            pass
        except ValueError:
            status = 0  # the gateway was killed in the middle of its answer
        if status not in (200, 202):
            self.refused[status] += 1
        self.answers.append(Answered(started, time.monotonic() - started, status, waits > 0, during))
        return status, task, waits

    async def submit(self, wish: Wish, gateway: int | None = None) -> dict[str, Any]:
        """Until accepted, as a patient client does it: the same key again, at whichever gateway answers."""
        rng = self._random
        while True:
            chosen = gateway if gateway is not None else rng.randrange(len(self.world.ports))
            status, task, waits = await self.ask(wish, chosen)
            if task is not None:
                return task
            if status == 409:
                raise Erased(wish.path)
            if status not in (0, 429, 500, 503):
                raise AssertionError(f"{wish.path} was answered with {status}: that is no fault of the weather")
            gateway = None
            await asyncio.sleep(min(waits, 2.0) if waits else rng.uniform(0.1, 0.4))

    async def stream(self, rate: float, seconds: float) -> None:
        """Submit ``rate`` tasks a second on average, of all kinds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.start(self._one())
            await asyncio.sleep(self._random.expovariate(rate))

    async def _one(self) -> None:
        rng = self._random
        path = rng.choices(("cluster", "analyze", "recall", "embed"), (4, 1, 3, 3))[0]
        hold = str(rng.randint(1, 3)) if path == "cluster" and rng.random() < 0.25 else None
        wish = self.wish(path, hold=hold, items=rng.randint(2, 20))
        chance = rng.random()
        if chance < 0.10:  # an impatient client: two requests at the same moment, to two gateways
            await asyncio.gather(self.submit(wish, 0), self.submit(wish, 1))
        else:
            await self.submit(wish)
        if chance > 0.85:  # a client that lost the answer asks again later
            await asyncio.sleep(rng.uniform(0.2, 3.0))
            await self.submit(wish)
        if 0.5 < chance < 0.53:
            await self._cancel(wish)

    async def _cancel(self, wish: Wish) -> None:
        for task_id in tuple(wish.ids):
            try:
                url = f"{self.world.url(self._random.randrange(2))}/tasks/{task_id}"
                async with self._sessions[wish.tenant].delete(url) as answer:
                    wish.cancelled = wish.cancelled or answer.status == 200
            except _AWAY:
                pass

    # -- watching -------------------------------------------------------------------------------------

    def saw(self, task_id: str, result: Any) -> None:
        """Note a result; whoever sees a task's result must see the same."""
        self.seen[task_id].add(hashlib.sha256(json.dumps(result, sort_keys=True).encode()).hexdigest())

    async def _listen(self, tenant: str, gateway: int) -> None:
        """One socket for all events of a tenant, opened again whenever it breaks."""
        while not self._stopped.is_set():
            ended: set[str] = set()
            try:
                url = self.world.url(gateway).replace("http", "ws") + "/results"
                async with self._sessions[tenant].ws_connect(url, heartbeat=5) as socket:
                    self.sockets_opened += 1
                    async for message in socket:
                        if message.type != aiohttp.WSMsgType.TEXT:
                            break
                        event = json.loads(message.data)
                        if event["type"] == "succeeded":
                            if event["task_id"] in ended:
                                self.told_twice.append(event["task_id"])
                            ended.add(event["task_id"])
                            self.saw(event["task_id"], event.get("result"))
            except _AWAY:
                pass
            await asyncio.sleep(0.2)

    async def read(self, tenant: str, task_id: str) -> dict[str, Any] | None:
        """A task as the API tells it, None when there is none; tried until a gateway answers."""
        for _ in range(200):
            try:
                url = f"{self.world.url(self._random.randrange(2))}/tasks/{task_id}"
                async with self._sessions[tenant].get(url) as answer:
                    if answer.status == 200:
                        return dict(await answer.json())
                    if answer.status == 404:
                        return None
            except _AWAY:
                pass
            await asyncio.sleep(0.2)
        raise AssertionError("no gateway answers")

    async def request(
        self, tenant: str, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> tuple[int, dict[str, Any] | None, float]:
        """One request to any gateway: ``(status or 0, answer, Retry-After)``."""
        url = self.world.url(self._random.randrange(len(self.world.ports))) + path
        try:
            async with self._sessions[tenant].request(method, url, json=body, headers=headers) as answer:
                content = await answer.json(content_type=None)
                return answer.status, content, float(answer.headers.get("retry-after", 0))
        except (*_AWAY, ValueError):
            return 0, None, 0.0

    async def post(self, tenant: str, path: str) -> int:
        """A POST without a body; its status."""
        async with self._sessions[tenant].post(self.world.url(self._random.randrange(2)) + path) as answer:
            return answer.status

    async def fetch(self, gateway: int, path: str) -> tuple[int, str]:
        """A GET to a gateway that may fail: ``(status or 0, text)``."""
        return await self.get(self.world.url(gateway) + path)

    async def get(self, url: str) -> tuple[int, str]:
        """A GET that may fail: ``(status or 0, text)``."""
        try:
            async with self._sessions[TENANTS[0]].get(url) as answer:
                return answer.status, await answer.text()
        except _AWAY:
            return 0, ""

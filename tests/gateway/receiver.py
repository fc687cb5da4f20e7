"""A receiver of webhooks on a real socket: checks signatures, answers as it is told, remembers what came."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web
from standardwebhooks.webhooks import Webhook


@dataclass(slots=True)
class Message:
    """One request as it came."""

    path: str
    id: str
    body: dict[str, Any]
    raw: bytes
    headers: dict[str, str]
    valid: bool


@dataclass(slots=True)
class Receiver:
    """Listens on ``host``; ``answers`` are statuses to give in turn, by path, then 204 for ever."""

    host: str = "127.0.0.1"
    secret: str = ""
    answers: dict[str, list[int]] = field(default_factory=dict)
    #: Where 3xx answers point.
    location: str = ""
    #: Paths that get no answer until it is set.
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    came: asyncio.Condition = field(default_factory=asyncio.Condition)
    _runner: web.AppRunner | None = None
    port: int = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for event in self.held.values():
            event.set()
        if self._runner is not None:
            await self._runner.cleanup()

    def url(self, path: str) -> str:
        return f"http://{self.host}:{self.port}/{path}"

    async def _take(self, request: web.Request) -> web.Response:
        raw = await request.read()
        try:
            Webhook(self.secret).verify(raw, dict(request.headers))
            valid = True
        except Exception:
            valid = False
        path = request.match_info["path"]
        message = Message(path, request.headers["webhook-id"], orjson.loads(raw), raw, dict(request.headers), valid)
        async with self.came:
            self.messages.append(message)
            self.came.notify_all()
        if path in self.held:
            await self.held[path].wait()
        waiting = self.answers.get(path, [])
        status = waiting.pop(0) if waiting else 204
        headers = {"location": self.location} if 300 <= status < 400 else {}
        return web.Response(status=status, headers=headers, body=b"")

    def of(self, path: str) -> list[Message]:
        return [message for message in self.messages if message.path == path]

    async def wait(self, path: str, count: int = 1, seconds: float = 60.0) -> list[Message]:
        """Until ``count`` messages came to ``path``."""
        async with asyncio.timeout(seconds), self.came:
            await self.came.wait_for(lambda: len(self.of(path)) >= count)
        return self.of(path)

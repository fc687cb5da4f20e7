"""A chat model for tests: the streaming wire of OpenAI's chat completions over real HTTP, with answers that are given.

async with FakeChat(["Soup, ", "I think."]) as model:
    ...  # REVERIE_CHAT_URL is model.url; what was asked is in model.requests
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from aiohttp import web

__all__ = ["FakeChat"]


class FakeChat:
    """Streams ``pieces`` to everybody who asks. ``status`` other than 200 refuses; ``hold`` stops after one piece."""

    key = "fake-chat-key"

    def __init__(self, pieces: Sequence[str] = ("An ", "answer.")) -> None:
        self.pieces = list(pieces)
        self.status = 200
        #: The bodies that came, in order.
        self.requests: list[dict[str, Any]] = []
        self._go = asyncio.Event()
        self._go.set()
        self._runner: web.AppRunner | None = None
        self.url = ""

    def hold(self) -> None:
        """Say one piece and wait."""
        self._go.clear()

    def release(self) -> None:
        """Say the rest."""
        self._go.set()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._complete)
        self._runner = web.AppRunner(app, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._go.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"error": {"message": "no key"}}, status=401)
        body = await request.json()
        self.requests.append(body)
        if self.status != 200:
            # Servers do repeat the prompt in their errors.
            return web.json_response({"error": {"message": json.dumps(body["messages"])}}, status=self.status)
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        for number, piece in enumerate(self.pieces):
            if number:
                await self._go.wait()
            event = {"choices": [{"index": 0, "delta": {"content": piece}}]}
            await answer.write(b"data: " + json.dumps(event).encode() + b"\n\n")
        await answer.write(b"data: [DONE]\n\n")
        return answer

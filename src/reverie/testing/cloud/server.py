"""The server: routes, what it has seen, and the faults that wait."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from reverie.testing.cloud.faults import Fault
from reverie.testing.cloud.formats import ROUTES, FakeReply, Wanted

__all__ = ["FakeCloud", "Seen"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class FakeCloud:
    """A provider on a free port of this machine, in a thread of its own; a context manager.

    ``faults`` are used up one a request, in order; ``always`` holds when none is left.
    """

    dimensions: int = 64
    key: str | None = None
    #: Most tokens (words here) of one text; longer ones are refused as the providers do.
    window: int = 8191
    delay: float = 0.0
    #: Every vector the same and made once: for measuring a client.
    constant: bool = False
    faults: deque[Fault] = field(default_factory=deque)
    always: Fault = field(default_factory=Fault)
    seen: list[Seen] = field(default_factory=list)
    #: Most requests that were in work at one moment.
    busiest: int = 0
    port: int = 0

    def __post_init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._runner: web.AppRunner | None = None
        self._thread: threading.Thread | None = None
        self._working = 0
        #: Called with the number of requests so far, in the server's thread, before each is answered.
        self.on_request: Callable[[int], None] = lambda count: None

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return f"http://127.0.0.1:{self.port}"

    def fail(self, *faults: Fault) -> None:
        """Let the next requests go wrong."""
        self.faults.extend(faults)

    def __enter__(self) -> FakeCloud:
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name="fake-cloud", daemon=True)
        self._thread.start()
        started.wait(30)
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the port and every connection at once, as a killed server does."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)
            if self._thread is not None and self._thread is not threading.current_thread():
                self._thread.join(10)

    def _run(self, started: threading.Event) -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        app = web.Application(client_max_size=64 * 2**20)
        for method, path, form in ROUTES:
            app.router.add_route(method, path, self._handler(form))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.0)
        loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        loop.run_until_complete(site.start())
        self.port = int(runner.addresses[0][1])
        self._loop = loop
        started.set()
        loop.run_forever()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        with contextlib.suppress(Exception):
            loop.run_until_complete(asyncio.wait_for(runner.cleanup(), 5))
        loop.close()

    def _handler(self, form: Callable[[Wanted], FakeReply]) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            raw = await request.read()
            with contextlib.suppress(ValueError):
                raw = json.loads(raw) if raw else None  # type: ignore[assignment]
            seen = Seen(request.method, request.path, dict(request.query), dict(request.headers), raw)
            self.seen.append(seen)
            self._working += 1
            self.busiest = max(self.busiest, self._working)
            try:
                self.on_request(len(self.seen))
                fault = self.faults.popleft() if self.faults else self.always
                return await self._answer(request, seen, form, fault)
            finally:
                self._working -= 1

        return handle

    async def _answer(
        self, request: web.Request, seen: Seen, form: Callable[[Wanted], FakeReply], fault: Fault
    ) -> web.StreamResponse:
        if self.delay or fault.delay:
            await asyncio.sleep(fault.delay or self.delay)
        if fault.dropped:
            _cut(request)
            return web.Response()
        if fault.status is not None:
            return web.Response(status=fault.status, headers=dict(fault.headers), text=fault.body)
        if fault.endless:
            return await _endless(request, fault)
        reply = form(Wanted(seen.path, seen.query, seen.headers, seen.body, self, fault))
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        if fault.truncated:
            response = web.StreamResponse(
                headers={"content-type": "application/json", "content-length": str(len(body))}
            )
            await response.prepare(request)
            await response.write(body[: len(body) // 2])
            _cut(request)
            return response
        return web.Response(
            status=reply.status, body=body, headers={"content-type": "application/json", **reply.headers}
        )

    def texts(self) -> Iterable[str]:
        """Every text that has arrived, of requests in any of the formats."""
        for seen in self.seen:
            yield from _texts(seen.body)


async def _endless(request: web.Request, fault: Fault) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "application/json"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        while True:
            await response.write(fault.endless)
            await asyncio.sleep(fault.pause)
    return response


def _texts(body: Any) -> Iterable[str]:
    if isinstance(body, dict):
        for name, value in body.items():
            if name in ("input", "inputs", "texts", "inputText", "content", "text"):
                yield from [value] if isinstance(value, str) else _texts(value)
            elif isinstance(value, dict | list) and name != "embedding_types":
                yield from _texts(value)
    elif isinstance(body, list):
        for value in body:
            yield from [value] if isinstance(value, str) else _texts(value)


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()

"""A gateway for tests: the real wire over real HTTP and WebSockets, no database, no worker, no model.

    async with FakeGateway() as service:
        ai = AsyncReverie(service.url, service.key)

Answers come from shared words, so they are sensible and never change. A test may hold tasks back, push progress,
take the service away and bring it back on the same address.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import struct
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from aiohttp import WSCloseCode, WSMsgType, web

from reverie.testing.answers import ANSWERS, Json, MakeAnswer
from reverie.testing.stored import StoredRoutes

__all__ = ["FakeGateway", "FakeTask"]

_ENDED = ("succeeded", "failed", "cancelled")


@dataclass(eq=False, slots=True)
class FakeTask:
    """A task as the fake keeps it."""

    id: str
    operation: str
    body: Json
    status: str = "queued"
    result: Any = None
    error: Json | None = None
    progress: Json = field(default_factory=lambda: {"stage": "queued", "done": 0, "total": 0, "fraction": 0.0})
    cached: bool = False
    events: list[Json] = field(default_factory=list)
    created_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())

    def as_json(self) -> Json:
        """The Task of the API."""
        return {
            "id": self.id, "task_id": self.id, "operation": self.operation, "user_id": self.body["user_id"],
            "status": self.status, "lane": "fast", "cached": self.cached, "progress": self.progress, "attempts": 1,
            "created_at": self.created_at, "result": self.result, "error": self.error,
        }  # fmt: skip


class FakeGateway(StoredRoutes):
    """See the module. ``answers`` may be given by operation; each takes the request's body and returns the result."""

    key = "fake-key"

    def __init__(self, answers: dict[str, MakeAnswer] | None = None) -> None:
        self.answers = {**ANSWERS, **(answers or {})}
        self.tasks: dict[str, FakeTask] = {}
        #: Users that were erased, in order.
        self.erased: list[str] = []
        #: The next submissions are answered with these, as ``(status, problem)``.
        self.refuse_next: list[tuple[int, Json]] = []
        #: Whether WebSockets get through; False is a proxy that refuses them.
        self.sockets_pass = True
        #: Whether server-sent events get through.
        self.streams_pass = True
        #: Whether tasks can be cancelled.
        self.cancels_pass = True
        #: How the results were asked for, in order: "socket", "stream" or "poll".
        self.asked: list[str] = []
        self.people = {}
        self._held = False
        self._known: dict[str, FakeTask] = {}
        self._change = asyncio.Event()
        self._sockets: dict[web.WebSocketResponse, web.Request] = {}
        self._streams: set[web.Request] = set()
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """The address; it stays the same over ``stop`` and ``start``."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> Self:
        """Listen."""
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/{operation}/submit", self._submit)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/status", self._status)
        app.router.add_get("/tasks", self._list)
        app.router.add_get("/tasks/{id}", self._task)
        app.router.add_delete("/tasks/{id}", self._cancel)
        app.router.add_get("/tasks/{id}/{kind}.png", self._chart)
        app.router.add_get("/results/{id}", self._results)
        app.router.add_delete("/users/{user}", self._erase)
        app.router.add_get("/users/{user}/export", self._export)
        self.add_stored(app.router)
        self._runner = web.AppRunner(app, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def stop(self) -> None:
        """Go away; tasks are kept."""
        for socket in list(self._sockets):
            await socket.close(code=WSCloseCode.GOING_AWAY)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # -- what a test does ---------------------------------------------------------------------------------------------
    def hold(self) -> None:
        """Leave new tasks queued until ``release``."""
        self._held = True

    def release(self) -> None:
        """Let every queued task succeed."""
        self._held = False
        for task in self.tasks.values():
            if task.status not in _ENDED:
                self._succeed(task)

    def push_progress(self, task: FakeTask, stage: str, fraction: float) -> None:
        """Tell how far a held task is."""
        task.status = "running"
        task.progress = {"stage": stage, "done": round(fraction * 100), "total": 100, "fraction": fraction}
        self._event(task, "progress", progress=task.progress)

    def fail(self, task: FakeTask, title: str = "The worker crashed three times.") -> None:
        """Let a held task fail."""
        task.status, task.error = "failed", {"title": title, "status": 500}
        self._event(task, "failed", error=task.error)

    async def submitted(self, count: int = 1, timeout: float = 10.0) -> list[FakeTask]:
        """Wait until that many tasks were ever submitted."""
        async with asyncio.timeout(timeout):
            while len(self.tasks) < count:
                await self._change.wait()
        return list(self.tasks.values())

    async def until_erased(self, user_id: str, timeout: float = 10.0) -> None:
        """Wait until a user was erased."""
        async with asyncio.timeout(timeout):
            while user_id not in self.erased:
                await self._change.wait()

    async def until(self, holds: Callable[[], bool], timeout: float = 10.0) -> None:
        """Wait until something holds of what was sent to the fake."""
        async with asyncio.timeout(timeout):
            while not holds():
                await self._change.wait()

    async def followed(self, timeout: float = 10.0) -> None:
        """Wait until somebody follows a task by socket or stream."""
        async with asyncio.timeout(timeout):
            while not self._sockets and not self._streams:
                await self._change.wait()

    async def drop_connections(self) -> None:
        """Break every open socket and stream, as a network does."""
        for connection in [*self._sockets.values(), *self._streams]:
            if connection.transport is not None:
                connection.transport.abort()

    # -- the wire -----------------------------------------------------------------------------------------------------
    def _changed(self) -> None:
        self._change.set()
        self._change = asyncio.Event()

    def _event(self, task: FakeTask, kind: str, **more: Any) -> None:
        task.events.append({
            "seq": len(task.events), "type": kind, "task_id": task.id, "at": datetime.now(UTC).isoformat(),
            "operation": task.operation, "user_id": task.body["user_id"], **more,
        })  # fmt: skip
        self._changed()

    def _succeed(self, task: FakeTask) -> None:
        answer = self._upkept if task.operation == "upkeep" else self.answers[task.operation]
        task.status, task.result = "succeeded", answer(task.body)
        self._event(task, "succeeded", result=task.result)

    def _allowed(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            raise web.HTTPUnauthorized(text=_problem("unauthorized", 401), content_type="application/problem+json")

    def _found(self, request: web.Request) -> FakeTask:
        self._allowed(request)
        task = self.tasks.get(request.match_info["id"])
        if task is None:
            raise web.HTTPNotFound(text=_problem("not-found", 404), content_type="application/problem+json")
        return task

    async def _submit(self, request: web.Request) -> web.Response:
        self._allowed(request)
        if self.refuse_next:
            return self._refusal()
        body, operation = await request.json(), request.match_info["operation"]
        if "memories" not in body and operation != "embed":
            body["memories"] = self.stored(body["user_id"])
        if "memories" in body:
            memories = [{"text": m} if isinstance(m, str) else m for m in body["memories"]]
            body["memories"] = [{"id": str(index), **memory} for index, memory in enumerate(memories)]
        # Plain texts are memories, too; their place becomes their id.
        body["memories"] = [
            {"id": str(index), "text": item} if isinstance(item, str) else item
            for index, item in enumerate(body["memories"])
        ]
        return self._accepted(operation, body)

    def _refusal(self) -> web.Response:
        status, problem = self.refuse_next.pop(0)
        return web.json_response(problem, status=status, headers={"Retry-After": "30"})

    def _accepted(self, operation: str, body: Json) -> web.Response:
        content = hashlib.sha256(json.dumps([operation, body], sort_keys=True).encode()).hexdigest()
        known = self._known.get(content)
        if known is not None:
            known.cached = known.status == "succeeded"
            return web.json_response(known.as_json(), status=200 if known.cached else 202)
        task = FakeTask(f"tsk_{len(self.tasks) + len(self.erased):04d}", operation, body)
        self.tasks[task.id] = self._known[content] = task
        self._event(task, "queued")
        if not self._held:
            self._succeed(task)
        return web.json_response(task.as_json(), status=202)

    async def _ready(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ready", "checks": {}})

    async def _status(self, request: web.Request) -> web.Response:
        self._allowed(request)
        return web.json_response({"queues": [], "tasks": {}})

    async def _list(self, request: web.Request) -> web.Response:
        self._allowed(request)
        wanted = {name: request.query[name] for name in ("user_id", "status", "operation") if name in request.query}
        found = [task.as_json() | {"result": None} for task in reversed(self.tasks.values())]
        found = [task for task in found if all(task[name] == value for name, value in wanted.items())]
        start, size = int(request.query.get("cursor", 0)), min(int(request.query.get("limit", 50)), 2)
        following = str(start + size) if start + size < len(found) else None
        return web.json_response({"tasks": found[start : start + size], "next_cursor": following})

    async def _task(self, request: web.Request) -> web.Response:
        self.asked.append("poll")
        return web.json_response(self._found(request).as_json())

    async def _cancel(self, request: web.Request) -> web.Response:
        task = self._found(request)
        if not self.cancels_pass:
            return web.json_response({"title": "Not available", "status": 503}, status=503)
        task.status = "cancelled"
        self._event(task, "cancelled")
        return web.json_response(task.as_json())

    async def _chart(self, request: web.Request) -> web.Response:
        self._found(request)
        return web.Response(body=_png(), content_type="image/png")

    async def _results(self, request: web.Request) -> web.StreamResponse:
        if not web.WebSocketResponse().can_prepare(request):
            return await self._stream(request)
        self.asked.append("socket")
        if not self.sockets_pass:
            raise web.HTTPBadGateway
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            await socket.close(code=4401)
            return socket
        if request.match_info["id"] not in self.tasks:
            await socket.close(code=4404)
            return socket
        self._sockets[socket] = request
        self._changed()
        reader = asyncio.create_task(_drain(socket))
        try:
            if await self._tell(self._found(request), -1, socket.send_json, reader):
                await socket.close(code=1000)
        finally:
            reader.cancel()
            del self._sockets[socket]
        return socket

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        self.asked.append("stream")
        if not self.streams_pass:
            raise web.HTTPBadGateway
        task = self._found(request)
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)

        async def send(event: Json) -> None:
            await answer.write(f"id: {event['seq']}\nevent: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())

        self._streams.add(request)
        self._changed()
        try:
            await self._tell(task, int(request.headers.get("Last-Event-ID", -1)), send, None)
        finally:
            self._streams.discard(request)
        return answer

    async def _tell(
        self, task: FakeTask, last: int, send: Callable[[Json], Awaitable[None]], reader: asyncio.Task[None] | None
    ) -> bool:
        """Send events after ``last`` as they come; False when the client left before the end."""
        sent = last + 1
        with contextlib.suppress(ConnectionError):
            while True:
                change = self._change
                for event in task.events[sent:]:
                    await send(event)
                sent = len(task.events)
                if task.status in _ENDED:
                    return True
                waiter = asyncio.create_task(change.wait())
                await asyncio.wait({waiter, *([reader] if reader else [])}, return_when=asyncio.FIRST_COMPLETED)
                waiter.cancel()
                if reader is not None and reader.done():
                    break
        return False

    async def _erase(self, request: web.Request) -> web.Response:
        self._allowed(request)
        user = request.match_info["user"]
        gone = [task for task in self.tasks.values() if task.body["user_id"] == user]
        stopped = [task for task in gone if task.status not in _ENDED]
        for task in stopped:
            task.status = "cancelled"
            self._event(task, "cancelled")
        for task in gone:
            del self.tasks[task.id]
        self._known = {content: task for content, task in self._known.items() if task not in gone}
        self.erased.append(user)
        self.people.pop(user, None)
        self._changed()
        return web.json_response({
            "user_id": user, "erased_at": datetime.now(UTC).isoformat(), "tasks": len(gone), "stopped": len(stopped),
            "results": len(gone) - len(stopped), "vectors": len({m["id"] for t in gone for m in t.body["memories"]}),
            "themes": 0, "cache_keys": 0,
        })  # fmt: skip

    async def _export(self, request: web.Request) -> web.Response:
        self._allowed(request)
        user = request.match_info["user"]
        tasks = [
            task.as_json() | {"request": task.body} for task in self.tasks.values() if task.body["user_id"] == user
        ]
        return web.json_response({"user_id": user, "tasks": tasks, "vectors": [], "memories": self.stored(user)})


async def _drain(socket: web.WebSocketResponse) -> None:
    async for message in socket:
        if message.type is WSMsgType.ERROR:
            return


def _problem(slug: str, status: int) -> str:
    return json.dumps({"type": f"https://reverie.dev/problems/{slug}", "title": slug, "status": status})


def _png(size: int = 8) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress((b"\0" + b"\x58\x65\xf2" * size) * size)
    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")

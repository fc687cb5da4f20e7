"""Submissions are answered alike whichever way through the server they take."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn

from reverie.gateway.http import protocol as guard
from reverie.gateway.http.responses import RawResponse
from reverie.gateway.submissions import endpoint as front
from reverie.gateway.submissions import protocol as direct
from reverie.gateway.submissions import read_body as bodies
from reverie.gateway.submissions.protocol import SubmissionProtocol
from tests.live import LiveService

CHUNKED = "transfer-encoding: chunked\r\n"


def payload(**more: Any) -> bytes:
    return json.dumps({"user_id": f"direct-{uuid.uuid4()}", "memories": ["tea", "coffee"], **more}).encode()


def request(service: LiveService, body: bytes, *, path: str = "/cluster/submit", headers: str = "") -> bytes:
    length = "" if CHUNKED in headers else f"content-length: {len(body)}\r\n"
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {service.key}\r\n{length}{headers}\r\n"
    return head.encode() + body


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], Any]:
    async with asyncio.timeout(60):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        body = await reader.readexactly(int(headers["content-length"]))
    return int(first.split()[1]), headers, json.loads(body)


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


WAYS: dict[str, Callable[[LiveService, bytes], bytes]] = {
    "plain": lambda service, body: request(service, body),
    "with a query": lambda service, body: request(service, body, path="/cluster/submit?a=b"),
    "escaped": lambda service, body: request(service, body, path="/cluster/sub%6Dit"),
    "in chunks": lambda service, body: request(service, chunked(body), headers=CHUNKED),
}


@pytest.mark.parametrize("wish", ["accepted", "refused", "unauthorised", "too long an idempotency key"])
async def test_every_way_gives_the_same_answer(service: LiveService, wish: str) -> None:
    found = []
    for way in WAYS.values():
        body = b'{"user_id": ""}' if wish == "refused" else payload()
        raw = way(service, body)
        if wish == "unauthorised":
            raw = raw.replace(service.key.encode(), b"wrong")
        if wish.startswith("too long"):
            raw = raw.replace(b"host: x", b"host: x\r\nidempotency-key: " + b"k" * 300)
        async with connected(service.ports[0]) as (reader, writer):
            writer.write(raw)
            found.append(await answer(reader))
    expected = {"accepted": 202, "refused": 422, "unauthorised": 401}.get(wish, 422)
    assert [status for status, _, _ in found] == [expected] * len(WAYS)
    assert len({frozenset(headers) for _, headers, _ in found}) == 1, "each has the same headers"
    assert len({frozenset(document) for _, _, document in found}) == 1
    assert found[0][1]["x-content-type-options"] == "nosniff"
    assert ("www-authenticate" in found[0][1]) == (wish == "unauthorised")


async def test_a_connection_serves_pieces_pipelines_and_other_paths(service: LiveService) -> None:
    async with connected(service.ports[0]) as (reader, writer):
        raw = request(service, payload())
        for start in range(0, len(raw), 7):
            writer.write(raw[start : start + 7])
            await writer.drain()
            await asyncio.sleep(0)
        assert (await answer(reader))[0] == 202
        health = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
        bad = request(service, b'{"user_id": 1}')
        writer.write(health + raw + bad + request(service, payload()) + health)
        assert [(await answer(reader))[0] for _ in range(5)] == [200, 202, 422, 202, 200]


async def test_a_body_is_awaited_when_the_client_asks_first(service: LiveService) -> None:
    body = payload()
    async with connected(service.ports[0]) as (reader, writer):
        writer.write(request(service, body, headers="expect: 100-continue\r\n").removesuffix(body))
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)).startswith(b"HTTP/1.1 100 ")
        writer.write(body)
        assert (await answer(reader))[0] == 202


async def test_a_connection_that_is_not_to_be_kept_is_closed(service: LiveService) -> None:
    async with connected(service.ports[0]) as (reader, writer):
        writer.write(request(service, payload(), headers="connection: close\r\n"))
        status, headers, _ = await answer(reader)
        assert (status, headers["connection"]) == (202, "close")
        assert await asyncio.wait_for(reader.read(), 60) == b""


async def test_a_client_that_hangs_up_is_served_all_the_same(service: LiveService) -> None:
    body = payload()
    user = json.loads(body)["user_id"]
    async with connected(service.ports[0]) as (_, writer):
        writer.write(request(service, body, headers="prefer: wait=5\r\n"))
        await writer.drain()
    with service.client() as client:
        for _ in range(600):
            tasks = client.get("/tasks", params={"user_id": user}).json()["tasks"]
            if tasks and tasks[0]["status"] == "succeeded":
                return
            await asyncio.sleep(0.1)
    raise AssertionError(f"not done: {tasks}")


@asynccontextmanager
async def served() -> AsyncIterator[uvicorn.Server]:
    """A server of the protocol over a state that nobody asks for anything."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "lifespan"
        await receive()
        scope["state"][direct.STATE] = SimpleNamespace(settings=SimpleNamespace(limits=SimpleNamespace(body_bytes=100)))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    server = uvicorn.Server(uvicorn.Config(app, port=0, http=SubmissionProtocol, lifespan="on", log_level="critical"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server
    finally:
        server.should_exit = True
        await serving


def port_of(server: uvicorn.Server) -> int:
    return int(server.servers[0].sockets[0].getsockname()[1])


async def test_a_body_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(direct, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(bodies, "SECONDS", 0.6)
    async with served() as server, connected(port_of(server)) as (reader, writer):
        writer.write(b"POST /cluster/submit HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345")
        status, headers, problem = await answer(reader)
        assert (status, headers["connection"]) == (408, "close")
        assert problem["type"].endswith("/request-timeout")
        assert await asyncio.wait_for(reader.read(), 60) == b""


async def test_a_server_that_ends_finishes_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def slow(state: Any, operation: Any, path: str, headers: Any, body: Any) -> Any:
        asked.set()
        await go.wait()
        return RawResponse.json(200, await body(), {})

    monkeypatch.setattr(direct, "answer_submission", slow)
    async with served() as server, connected(port_of(server)) as (reader, writer):
        writer.write(b"POST /cluster/submit HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}")
        await asyncio.wait_for(asked.wait(), 60)
        server.should_exit = True
        while server.servers and any(s.is_serving() for s in server.servers):
            await asyncio.sleep(0.01)
        go.set()
        status, headers, _ = await answer(reader)
        assert (status, headers["connection"]) == (200, "close")


async def test_an_unforeseen_error_is_a_problem_without_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> Any:
        raise RuntimeError("secret")

    monkeypatch.setattr(front, "_traced", broken)
    async with served() as server, connected(port_of(server)) as (reader, writer):
        for _ in range(2):  # the connection lives on
            writer.write(b"POST /cluster/submit HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}")
            status, _, problem = await answer(reader)
            assert status == 500
            assert "secret" not in json.dumps(problem)

"""Limits are told in advance, kept per key, and refused cheaply."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import httpx
import psutil
import pytest

from reverie.gateway.http import protocol as guard
from reverie.store import KeyStore, compressed
from tests.live import LiveService

TIGHT = {"REVERIE_LIMIT_PER_MINUTE": "5", "REVERIE_LIMIT_SOCKETS": "3", "REVERIE_LIMIT_IN_FLIGHT": "4"}


@pytest.fixture(scope="module")
def tight(database_url: str, redis_url: str) -> Iterator[LiveService]:
    """A gateway with small limits and no worker: what is accepted stays queued."""
    with LiveService(database_url, redis_url, environment=TIGHT, workers={}) as live:
        yield live


def fresh(service: LiveService, tenant: str) -> dict[str, str]:
    key = KeyStore(service.database_url).create("limits", tenant=tenant)
    return {"authorization": f"Bearer {key}"}


def test_submissions_a_minute_are_counted_per_key_and_told(tight: LiveService) -> None:
    with tight.client(**fresh(tight, "minute")) as client:
        # An empty body is refused, and counts: what is limited is the asking.
        answers = [client.post("/cluster/submit", content=b"{}") for _ in range(6)]
        assert [a.status_code for a in answers] == [422] * 5 + [429]
        last = answers[-1]
        assert last.json()["type"].endswith("/too-many-requests")
        assert (last.headers["ratelimit-limit"], last.headers["ratelimit-remaining"]) == ("5", "0")
        assert 1 <= int(last.headers["retry-after"]) <= 12
        assert int(last.headers["ratelimit-reset"]) <= 60
        # Another key of the same tenant has its own minute.
        other = client.post("/cluster/submit", content=b"{}", headers=fresh(tight, "minute"))
        assert other.status_code == 422


def test_an_accepted_submission_tells_what_is_left(tight: LiveService) -> None:
    with tight.client(**fresh(tight, "left")) as client:
        left = [
            client.post("/cluster/submit", json={"user_id": "u", "memories": [str(i), "x"]}).headers[
                "ratelimit-remaining"
            ]
            for i in range(3)
        ]
    assert left == ["4", "3", "2"]


def test_tasks_in_flight_are_limited_per_tenant_with_a_time_to_return(tight: LiveService) -> None:
    refused = []
    for number in range(6):
        with tight.client(**fresh(tight, "flight")) as client:
            answer = client.post("/cluster/submit", json={"user_id": "u", "memories": [f"{number}", "y"]})
            if answer.status_code != 202:
                refused.append(answer)
    assert [answer.status_code for answer in refused] == [429, 429]
    assert 1 <= int(refused[0].headers["retry-after"]) <= 300


def test_what_is_there_already_is_answered_however_much_waits(tight: LiveService) -> None:
    def submit(number: int) -> httpx.Response:
        with tight.client(**fresh(tight, "full")) as client:
            return client.post("/cluster/submit", json={"user_id": "u", "memories": [f"{number}", "z"]})

    before = [submit(number).json()["id"] for number in range(4)]
    assert submit(4).status_code == 429
    again = submit(0)
    assert (again.status_code, again.json()["id"]) == (202, before[0])
    # Done, and neither Redis nor this gateway's memory of bodies knows it.
    done = {"user_id": "done", "memories": ["rain", "snow"]}
    with tight.client(**fresh(tight, "other")) as client:
        first = client.post("/cluster/submit", json=done).json()["id"]
    tight.rows(
        "UPDATE tasks SET tenant = 'full', status = 'succeeded', token = 1, attempts = 1, seq = 1999999, "
        "finished_at = clock_timestamp() WHERE id = %s RETURNING id",
        first,
    )
    tight.rows("INSERT INTO results (task_id, body) VALUES (%s, %s) RETURNING task_id", first, compressed(b"{}"))
    with tight.client(**fresh(tight, "full")) as client:
        answer = client.post("/cluster/submit", json=done)
        assert (answer.status_code, answer.json()["id"], answer.json()["cached"]) == (200, first, True)
        assert client.post("/cluster/submit", json={**done, "memories": ["hail"]}).status_code == 429


async def test_open_sockets_are_counted_per_key(tight: LiveService) -> None:
    mine, other = fresh(tight, "sockets"), fresh(tight, "sockets")
    async with asyncio.timeout(180), tight.session() as session:
        # Each is open before its key was looked up, so the one too many need not be the last.
        sockets = [await session.ws_connect("/results", headers=mine) for _ in range(4)]
        waits = [asyncio.create_task(socket.receive()) for socket in sockets]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        assert [socket.close_code for socket, wait in zip(sockets, waits, strict=True) if wait.done()] == [4429]
        async with session.ws_connect("/results", headers=other) as allowed:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(allowed.receive(), 0.2)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        for socket in sockets:
            await socket.close()


async def test_headers_without_end_are_cut_off(tight: LiveService) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", tight.ports[0])
    writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: ")
    ended = asyncio.ensure_future(reader.read())
    with contextlib.suppress(ConnectionError):
        for _ in range(10_000):  # 80 MB, were it not cut off
            writer.write(b"a" * 8192)
            await asyncio.wait_for(writer.drain(), 60)
            if ended.done():
                break
    assert ended.done() or writer.is_closing()
    with contextlib.suppress(ConnectionError):
        await asyncio.wait_for(ended, 60)
    writer.close()


async def test_a_large_head_is_answered_with_431(tight: LiveService) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", tight.ports[0])
    writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: " + b"a" * (guard.HEAD_BYTES + 1))
    answer = await asyncio.wait_for(reader.read(), 30)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"application/problem+json" in answer
    writer.close()


async def test_a_head_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import uvicorn

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    monkeypatch.setattr(guard, "HEAD_SECONDS", 0.3)
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, http=guard.BoundedHeadProtocol, lifespan="off", log_level="critical")
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    silent, whole, half = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
    whole[1].write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert (await whole[0].readline()).startswith(b"HTTP/1.1 204")
    half[1].write(b"GET / HTTP/1.1\r\nho")
    assert await asyncio.wait_for(silent[0].read(), 30) == b""
    assert (await asyncio.wait_for(half[0].read(), 30)).startswith(b"HTTP/1.1 408 ")
    # A kept connection may wait between requests, but its next request must come whole as well.
    whole[1].write(b"GET / HTTP/1.1\r\nho")
    assert b"HTTP/1.1 408 " in await asyncio.wait_for(whole[0].read(), 30)
    for _, writer in (silent, whole, half):
        writer.close()
    server.should_exit = True
    await serving


HOSTILE = {
    "deeply nested": b'{"user_id":"u","memories":' + b"[" * 8_000_000,
    "a huge integer": b'{"user_id":"u","memories":[{"text":"a","access_count":' + b"9" * 8_000_000 + b"}]}",
    "millions of numbers": b'{"user_id":"u","memories":[' + b"1," * 12_000_000 + b"1]}",
    "millions of empty objects": b'{"user_id":"u","memories":[' + b"{}," * 8_000_000 + b"{}]}",
    "millions of members": b'{"user_id":"u","memories":[{' + b'"a":1,' * 4_000_000 + b'"text":"x"}]}',
    "one endless string": b'{"user_id":"u","memories":["' + b"a" * 30_000_000,
    "invalid UTF-8": b'{"user_id":"u","memories":["' + b"\xff" * 20_000_000 + b'"]}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_costs_less_than_a_hundred_megabytes(service: LiveService, name: str) -> None:
    gateway = psutil.Process(service.processes["gateway0"].pid)
    with service.client(**{"content-type": "application/json"}) as client:
        client.post("/cluster/submit", content=b'{"user_id":"u","memories":["' + b"a" * 200_000)  # starts the checker
        before = peaks(gateway)
        answer = client.post("/cluster/submit", content=HOSTILE[name])
    assert answer.status_code in (413, 422), answer.text[:200]
    after = peaks(gateway)
    body = len(HOSTILE[name]) / 2**20
    cost = sum(after.values()) - sum(before.get(pid, 0.0) for pid in after)
    assert cost < 100, f"{cost:.0f} MB for a body of {body:.0f} MB"


def peaks(gateway: psutil.Process) -> dict[int, float]:
    """Peak memory of the gateway and its checker in MB, each reset to the present after the look."""
    found = {}
    for process in (gateway, *gateway.children(recursive=True)):
        with open(f"/proc/{process.pid}/status") as lines:
            found[process.pid] = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
        with open(f"/proc/{process.pid}/clear_refs", "w") as reset:
            reset.write("5")
    return found

"""The main job when Valkey is away, a client never reads, or there is very much of it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import re
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from reverie.embedded import RunningServers, start_servers
from tests.live import LiveService


@pytest.fixture
def valkey() -> Iterator[RunningServers]:
    """A Valkey of this test's own, so that it can be killed."""
    folder = Path(tempfile.mkdtemp(prefix="reverie-own-"))
    running = start_servers(folder, database_url="postgresql:///elsewhere")
    try:
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def alone(database_url: str, valkey: RunningServers) -> Iterator[LiveService]:
    """A service on the Valkey that can be killed."""
    with LiveService(database_url, valkey.redis_url) as live:
        yield live
        live.check_invariants()


async def test_what_is_submitted_while_valkey_is_down_is_accepted_and_completes_when_it_is_back(
    alone: LiveService, valkey: RunningServers
) -> None:
    async with alone.session() as session:
        os.kill(valkey.pids["valkey"], signal.SIGKILL)
        accepted = []
        for number in range(5):
            body = {"user_id": "dark", "memories": [f"said in the dark {number}", "and heard"]}
            async with session.post("/cluster/submit", json=body) as answer:
                assert answer.status == 202, await answer.text()
                accepted.append((await answer.json())["id"])
        following = [asyncio.create_task(alone.follow(session, task, seconds=120)) for task in accepted]
        async with asyncio.timeout(60):
            killed = valkey.pids["valkey"]
            while valkey.pids["valkey"] == killed:
                await asyncio.to_thread(valkey.check, print)
                await asyncio.sleep(0.1)
        for events in await asyncio.gather(*following):
            assert [event["type"] for event in events].count("succeeded") == 1
            assert events[-1]["type"] == "succeeded"


def _streams(metrics: str) -> int:
    found = re.search(r"^reverie_streams (\d+)", metrics, re.MULTILINE)
    assert found is not None
    return int(found[1])


async def test_a_client_that_never_reads_is_dropped_and_the_others_miss_nothing(service: LiveService) -> None:
    address = ("127.0.0.1", service.ports[0])
    key = base64.b64encode(os.urandom(16)).decode()
    hello = (
        f"GET /results?user_id=slow HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nAuthorization: Bearer {service.key}\r\n\r\n"
    )
    # Small buffers, so that what is not read fills them soon.
    with contextlib.closing(socket.socket()) as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        silent.connect(address)
        silent.sendall(hello.encode())
        assert silent.recv(12) == b"HTTP/1.1 101"
        async with service.session() as session, session.ws_connect("/results?user_id=slow", max_msg_size=0) as reader:
            async with session.get("/metrics") as answer:
                assert _streams(await answer.text()) == 2
            wanted = set()
            for number in range(6):
                texts = [f"text {number} {i}" for i in range(3000)]
                async with session.post("/embed/submit", json={"user_id": "slow", "texts": texts}) as answer:
                    wanted.add((await answer.json())["id"])
            async with asyncio.timeout(120):
                while wanted:
                    event = await reader.receive_json()
                    if event["type"] == "succeeded":
                        assert event["result"]["count"] == 3000
                        wanted.discard(event["task_id"])
                while True:  # the one that reads stays, the silent one goes
                    async with session.get("/metrics") as answer:
                        if _streams(await answer.text()) == 1:
                            break
                    await asyncio.sleep(0.2)
            assert not reader.closed


async def test_ten_thousand_memories_become_themes(service: LiveService) -> None:
    subjects = [
        "climbing wall rope",
        "grey cat sofa",
        "sourdough oven bread",
        "violin concert string",
        "kayak river sun",
    ]
    memories = [f"{subjects[i % 5]} {subjects[i % 5].split()[i % 3]} number {i}" for i in range(10_000)]
    async with service.session() as session:
        async with session.post("/cluster/submit", json={"user_id": "many", "memories": memories}) as answer:
            assert answer.status == 202
            task = (await answer.json())["id"]
        result = (await service.follow(session, task, seconds=300))[-1]["result"]
    placed = [m for theme in result["themes"] for m in theme["memory_ids"]] + result["unclustered"]
    assert sorted(map(int, placed)) == list(range(10_000))
    assert len(result["themes"]) >= 5
    for theme in result["themes"]:
        assert len({int(m) % 5 for m in theme["memory_ids"]}) == 1, theme["label"]

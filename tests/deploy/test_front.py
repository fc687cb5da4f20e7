"""The front of Compose as it is shipped: slow and overlong heads do not get through. With HAProxy where it is there."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.ports import free_port

CONFIG = (Path(__file__).parents[2] / "deploy" / "docker" / "haproxy.cfg").read_text(encoding="utf-8")
PROGRAM = shutil.which("haproxy")


def test_a_head_has_no_more_time_than_the_gateway_gives_it() -> None:
    found = re.search(r"^\s*timeout http-request (\d+)s$", CONFIG, re.MULTILINE)
    assert found is not None
    assert 0 < int(found.group(1)) <= 15
    # Waiting for a body as well would hold uploads to the same time; the gateway sees to them.
    assert "http-buffer-request" not in CONFIG


@contextlib.asynccontextmanager
async def front(folder: Path) -> AsyncIterator[tuple[int, list[bytes]]]:
    """``(its port, heads that came through)``: the shipped file with one gateway, and a second for a head."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port, behind = free_port(), server.sockets[0].getsockname()[1]
    text = CONFIG.replace("bind :8000", f"bind 127.0.0.1:{port}").replace("http-request 15s", "http-request 1s")
    text = re.sub(r"^resolvers docker\n(?:    .*\n)+", "", text, flags=re.MULTILINE)
    text = re.sub(r"^    (option httpchk|default-server) .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"server-template .*", f"server one 127.0.0.1:{behind}", text)
    path = folder / "haproxy.cfg"
    path.write_text(text, encoding="utf-8")
    assert PROGRAM is not None
    process = await asyncio.create_subprocess_exec(PROGRAM, "-f", str(path), "-db", stderr=subprocess.DEVNULL)
    try:
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                assert process.returncode is None
                await asyncio.sleep(0.02)
        yield port, heads
    finally:
        process.kill()
        await process.wait()
        server.close()
        await server.wait_closed()


@pytest.mark.skipif(PROGRAM is None, reason="HAProxy is not installed here; the image's build has it")
async def test_a_head_that_comes_in_drops_is_refused_and_a_whole_one_gets_through(tmp_path: Path) -> None:
    async with front(tmp_path) as (port, heads):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        began = time.monotonic()
        writer.write(b"GET /slow HTTP/1.1\r\nhost: x\r\n")
        answer = asyncio.create_task(reader.read(100))
        while not answer.done():
            with contextlib.suppress(OSError):
                writer.write(b"x-drop: 1\r\n")
            await asyncio.wait([answer], timeout=0.1)
            assert time.monotonic() - began < 60
        assert answer.result().startswith(b"HTTP/1.1 408")
        writer.close()
        for size, expected in ((100, (b"HTTP/1.1 200",)), (200_000, (b"HTTP/1.1 400", b"reset"))):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.suppress(OSError):
                writer.write(b"GET /whole HTTP/1.1\r\nhost: x\r\nx-long: " + b"a" * size + b"\r\n\r\n")
                await writer.drain()
            try:
                told = await reader.read(100)
            except ConnectionResetError:  # it closes on what it has not read
                told = b"reset"
            assert told.startswith(expected)
            writer.close()
    assert [head.split()[1] for head in heads] == [b"/whole"]
    assert len(heads[0]) < 1000

"""A disk that is really full: nothing accepted is lost, the service says so and goes on by itself."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from reverie.embedded.servers import start_servers
from reverie.store import migrate
from tests.live import LiveService

MEMORIES = [f"{'rowing on the lake' if n % 2 else 'bread with olives'} {n}" for n in range(8)]


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 120 MB."""
    folder = Path(tempfile.mkdtemp(prefix="reverie-disk-"))
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=120m,mode=755", "tmpfs", folder], capture_output=True, check=False
    )
    if made.returncode != 0:
        folder.rmdir()
        pytest.skip("a file system cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
        folder.rmdir()


def fill(disk: Path) -> Path:
    """Take all that is left of it."""
    path = disk / "filler"
    with path.open("wb", buffering=0) as file:
        piece = b"\0" * 65536
        while piece:
            try:
                file.write(piece)
            except OSError:
                piece = piece[: len(piece) // 2]
    return path


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system")
async def test_a_full_disk_is_said_and_nothing_accepted_is_lost(small_disk: Path, redis_url: str) -> None:
    with start_servers(small_disk / "data", redis_url=redis_url) as running:
        migrate(running.database_url)
        with LiveService(running.database_url, redis_url) as live, live.client() as client:

            def submit(number: int) -> httpx.Response:
                texts = [f"{text} of {number} " + "and more " * 200 for text in MEMORIES]
                return client.post("/cluster/submit", json={"user_id": "u", "memories": texts})

            accepted = [submit(0).json()["id"]]
            filler = fill(small_disk)
            for number in range(1, 1000):
                answer = submit(number)
                if answer.status_code != 202:
                    break
                accepted.append(answer.json()["id"])
            assert answer.status_code == 503, answer.text
            assert "disk is full" in answer.json()["detail"]
            # Nobody writes any more, and it is known all the same: the trials find no place either.
            for _ in range(2):
                await asyncio.sleep(2.1)  # longer than the time between two trials
                told = client.get("/readyz")
                assert (told.status_code, told.json()["checks"]["database"]) == (503, "disk full")
            filler.unlink()
            async with asyncio.timeout(120):
                while client.get("/readyz").status_code != 200:
                    await asyncio.sleep(0.1)
                for task in accepted:
                    while (state := client.get(f"/tasks/{task}").json())["status"] != "succeeded":
                        assert state["status"] in ("queued", "running"), state
                        await asyncio.sleep(0.1)
            assert submit(1000).status_code == 202

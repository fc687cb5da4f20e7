"""``reverie up`` as a person runs it: one command, everything watched, nothing left behind."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

# Large enough a body to be checked in a process of its own, which must end with the others.
LARGE = [f"memory {n} of a long list" + " that goes on" * 40 for n in range(400)]


class Up:
    """A running ``reverie up`` with the fake embedder."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        environment = {k: v for k, v in os.environ.items() if not k.startswith("REVERIE_")}
        self.command = [sys.executable, "-m", "reverie", "up", "--port", "0", "--data-dir", str(data_dir)]
        self.environment = {**environment, "REVERIE_EMBEDDER": "hash"}
        self.process = subprocess.Popen(
            [*self.command, "--workers", "1"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.banner = self.read_until("Ctrl-C")
        self.url = json.loads((data_dir / "run.json").read_text())["url"]
        self.headers = {"authorization": "Bearer " + (data_dir / "key").read_text().strip()}

    def read_until(self, word: str) -> str:
        """What it prints up to the line with ``word``."""
        said = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said += line
            if word in line:
                return said
        raise AssertionError(f"it ended without saying {word!r}:\n{said}")

    def cluster(self, memories: list[str], seconds: float = 60.0) -> dict[str, Any]:
        """A finished task; waits through restarts of the parts that it needs."""
        body, end = {"user_id": "ada", "memories": memories}, time.monotonic() + seconds
        with httpx.Client(base_url=self.url, headers=self.headers, timeout=15) as client:
            task: dict[str, Any] = {}
            while time.monotonic() < end:
                with contextlib.suppress(httpx.TransportError):
                    answer = client.get(f"/tasks/{task['id']}") if task else client.post("/cluster/submit", json=body)
                    if answer.status_code < 300:
                        task = answer.json()
                        if task["status"] == "succeeded":
                            return task
                time.sleep(0.1)
        raise AssertionError(f"no result: {task}")


def family(pid: int) -> dict[int, str]:
    """The living processes below ``pid`` with their command lines."""
    parents: dict[int, tuple[int, str]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
                if state != "Z":
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    parents[int(entry.name)] = (int(parent), command)
    found: dict[int, str] = {}
    below = [pid]
    while below:
        above = below.pop()
        for child, (parent, command) in parents.items():
            if parent == above:
                found[child] = command
                below.append(child)
    return found


def until_gone(pids: set[int], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while left := [pid for pid in pids if _alive(pid)]:
        assert time.monotonic() < end, f"still there: {left}"
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="rv-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def up(folder: Path) -> Iterator[Up]:
    running = Up(folder / "data")
    yield running
    if running.process.poll() is None:
        running.process.kill()
    running.process.wait()


def test_it_says_where_it_is_and_answers_there(up: Up) -> None:
    assert up.url in up.banner
    assert str(up.data_dir / "key") in up.banner
    assert up.cluster(["coffee in the morning", "tea at night"])["result"]["assignments"].keys() == {"0", "1"}


def test_its_key_and_address_are_for_its_user_alone(up: Up) -> None:
    for name in ("key", "run.json"):
        assert (up.data_dir / name).stat().st_mode & 0o777 == 0o600


def test_a_second_one_on_the_folder_is_refused_and_told_where_the_first_is(up: Up) -> None:
    second = subprocess.run(up.command, env=up.environment, capture_output=True, text=True)
    assert second.returncode == 1
    assert str(up.process.pid) in second.stderr
    assert up.url in second.stderr
    assert (up.data_dir / "run.json").exists()


@pytest.mark.parametrize(
    "part", ["reverie gateway", "reverie worker --queues clustering", "data/valkey", "bin/postgres"]
)
def test_a_part_that_is_killed_comes_back(up: Up, part: str) -> None:
    # Valkey is known by its folder: where Redis is installed instead, the program has another name.
    victims = [pid for pid, command in family(up.process.pid).items() if part in command]
    assert victims, family(up.process.pid)
    os.kill(min(victims), signal.SIGKILL)
    up.read_until("starts again")
    assert up.cluster([f"after {part}", "another memory"])["status"] == "succeeded"


def test_killing_it_ends_every_process_and_keeps_what_was_accepted(up: Up) -> None:
    task = up.cluster(LARGE)
    everything = family(up.process.pid)
    assert any("spawn_main" in command for command in everything.values())
    up.process.kill()
    up.process.wait()
    until_gone(set(everything))

    again = Up(up.data_dir)
    try:
        stored = httpx.get(f"{again.url}/tasks/{task['id']}", headers=again.headers, timeout=60).json()
        assert stored["result"] == task["result"]
        again.cluster(LARGE[1:])
        everything = family(again.process.pid)
        again.process.send_signal(signal.SIGINT)
        assert again.process.wait(timeout=60) == 0
        until_gone(set(everything))
        assert not (again.data_dir / "run.json").exists()
    finally:
        again.process.kill()
        again.process.wait()

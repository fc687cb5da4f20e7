"""A worker whose interpreter is held by one call keeps its task, and is ended when its time is over."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from reverie.settings import QueueSettings
from reverie.worker.keeper import Board, Keeper, processor_seconds
from tests.live import LiveService

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the keeper is for Linux")

HELD = """
import re, sys
from reverie.settings import QueueSettings
from reverie.store import WorkerStore
from reverie.worker.attempt import Attempt
from reverie.worker.keeper import start_keeper

url, limit, with_keeper = sys.argv[1], float(sys.argv[2]), sys.argv[3] == "kept"
settings = QueueSettings(lease_seconds=3.0, heartbeat_seconds=0.5, task_time_limit=limit)
board = start_keeper(url, settings) if with_keeper else None

class Nobody:
    def publish(self, *told): pass

row = next(filter(None, (WorkerStore(url).claim(queue, "w", 3.0) for queue in ("fast", "clustering"))))
forever = lambda: float("inf")
with Attempt(
    row, heartbeat_store=WorkerStore(url), events=Nobody(), settings=settings, drain_at=forever, board=board
):
    print("claimed", flush=True)
    re.match("(a*)*b", "a" * 60)  # longer than anybody waits, and no other thread runs
"""


@pytest.fixture
def live(database_url: str, redis_url: str) -> Iterator[LiveService]:
    with LiveService(database_url, redis_url, workers={}) as running:
        yield running


@contextlib.contextmanager
def _held(
    live: LiveService, database_url: str, limit: float, keeper: str
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A process that holds its interpreter in a task, and the task's id; both are ended, so no later test joins it."""
    with live.client(prefer="respond-async") as client:
        answer = client.post("/cluster/submit", json={"user_id": "u", "memories": [f"cat {i}" for i in range(8)]})
        task_id = answer.raise_for_status().json()["id"]
        process = subprocess.Popen(
            [sys.executable, "-c", HELD, database_url, str(limit), keeper],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            said = process.stdout.readline()
            assert said == b"claimed\n", said or process.stderr.read().decode()
            yield process, task_id
        finally:
            process.kill()
            process.communicate()
            client.delete(f"/tasks/{task_id}").raise_for_status()


@pytest.mark.parametrize("keeper", ["kept", "alone"])
def test_a_call_that_holds_the_interpreter_lets_no_lease_run_out_where_a_keeper_is(
    live: LiveService, database_url: str, keeper: str
) -> None:
    with _held(live, database_url, 600.0, keeper) as (process, task_id):
        time.sleep(8)
        (row,) = live.rows("SELECT clock_timestamp() - beat_at AS silent FROM tasks WHERE id = %s", task_id)
        silent = row["silent"].total_seconds()
        assert process.poll() is None
        # A lease is three seconds long.
        assert silent < 3 if keeper == "kept" else silent > 6


def test_a_call_that_does_not_end_is_killed_when_its_time_is_over(live: LiveService, database_url: str) -> None:
    with _held(live, database_url, 1.0, "kept") as (process, _):
        assert process.wait(timeout=60) == -signal.SIGKILL


class Store:
    """**A fake** store that counts renewals and owns a task or not."""

    def __init__(self, owned: bool = True) -> None:
        self.owned, self.renewed = owned, 0

    def renew(self, task_id: str, token: int, lease: float) -> bool:
        self.renewed += 1
        return self.owned


def test_a_worker_whose_thread_is_alive_or_that_does_nothing_is_left_alone() -> None:
    board, store = Board(), Store()
    settings = QueueSettings(heartbeat_seconds=0.01)
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        keeper = Keeper(board, sleeper.pid, store, settings)  # type: ignore[arg-type]
        keeper.look()  # nothing is under way
        board.begin("tsk_a", 1, time.monotonic() + 600)
        board.beat()
        keeper.look()
        time.sleep(0.05)
        keeper.look()  # late, but the process uses no processor: it is stuck, and its lease may run out
        assert store.renewed == 0
        assert sleeper.poll() is None
    finally:
        sleeper.kill()
        sleeper.wait()


def test_what_is_written_on_the_board_is_read_from_it() -> None:
    board = Board()
    assert board.read() is None
    board.begin("tsk_" + "0" * 26, 7, 12.5)
    watched = board.read()
    assert watched is not None
    assert (watched.task_id, watched.token, watched.until) == ("tsk_" + "0" * 26, 7, 12.5)
    board.end()
    board.beat()  # too late: the attempt is over
    assert board.read() is None


def test_processor_time_is_that_of_the_process() -> None:
    before = processor_seconds(os.getpid())
    sum(i * i for i in range(2_000_000))
    assert processor_seconds(os.getpid()) >= before > 0
    assert processor_seconds(2**22 + 1) == 0.0

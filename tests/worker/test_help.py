"""What a worker does for others: it steps back for the fast lane, and helps out a queue that has too much."""

from __future__ import annotations

import contextlib
import mmap
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from reverie.errors import InvalidInput
from reverie.settings import QueueSettings, Settings
from reverie.worker import app as worker_app
from reverie.worker.app import _queues_to_help
from tests.live import LiveService

_STEPS_BACK = """
import os, sys
from reverie.worker import app
app.AUTOGROUP = sys.argv[1]
before = os.nice(0)
app._step_back(sys.argv[2].split(","))
print(os.nice(0) - before)
"""


@pytest.mark.parametrize(
    ("queues", "session", "nicer", "group"),
    [
        ("clustering,analysis", True, "5", "5"),
        ("upkeep", True, "15", "5"),
        ("fast,clustering", True, "0", "/autogroup-7 nice 0\n"),  # somebody waits for its answers
        ("clustering", False, "5", "/autogroup-7 nice 0\n"),  # the session is somebody else's
    ],
)
def test_heavy_work_steps_back_in_its_session_and_with_its_session(
    tmp_path: Path, queues: str, session: bool, nicer: str, group: str
) -> None:
    file = tmp_path / "autogroup"
    file.write_text("/autogroup-7 nice 0\n")
    done = subprocess.run(
        [sys.executable, "-c", _STEPS_BACK, str(file), queues],
        capture_output=True,
        text=True,
        check=True,
        start_new_session=session,
    )
    assert done.stdout.strip() == nicer
    # The kernel's file takes a number; a plain one keeps what stood behind it.
    assert file.read_text().startswith(group)


_YIELDS = """
import os, sys, threading
from reverie.worker import app
app._yield_at_once(sys.argv[1].split(","))
found = []
thread = threading.Thread(target=lambda: found.append(os.sched_getscheduler(0)))
thread.start()
thread.join()
print(os.sched_getscheduler(0) == os.SCHED_IDLE, found == [os.SCHED_IDLE])
"""


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="Linux has it")
@pytest.mark.parametrize(
    ("queues", "idle"), [("clustering,analysis", True), ("fast,clustering", False), ("upkeep", False)]
)
def test_heavy_work_and_its_threads_leave_the_processor_to_whatever_wakes_up(queues: str, idle: bool) -> None:
    done = subprocess.run([sys.executable, "-c", _YIELDS, queues], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(idle)] * 2


def test_only_queues_of_others_are_helped_out() -> None:
    def helped(named: str) -> list[str]:
        settings = Settings(queue=QueueSettings(help_queues=named))  # type: ignore[call-arg]
        return _queues_to_help(settings, ["clustering"])

    assert helped("") == []
    assert helped("analysis, clustering,analysis") == ["analysis"]
    with pytest.raises(InvalidInput, match="REVERIE_HELP_QUEUES: unknown queue anlysis"):
        helped("anlysis")


def test_a_worker_with_nothing_to_do_takes_what_waits_in_another_queue(database_url: str, redis_url: str) -> None:
    environment = {"REVERIE_HELP_QUEUES": "analysis,fast"}
    with LiveService(database_url, redis_url, environment=environment, workers={"worker": ("clustering", 1)}) as live:
        with live.client(prefer="wait=60") as client:
            body = {"user_id": "u", "memories": [f"the cat ate fish {n}" for n in range(12)]}
            answer = client.post("/analyze/submit", json=body, timeout=90)
        assert answer.json()["status"] == "succeeded", answer.text
        live.check_invariants()


@pytest.mark.parametrize(("children", "large"), [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2)])
def test_half_of_a_workers_children_take_large_upkeeps_at_most_and_any_of_them_may(
    monkeypatch: pytest.MonkeyPatch, children: int, large: int
) -> None:
    monkeypatch.setattr(worker_app, "_takers", [mmap.mmap(-1, children)] if children > 1 else [])
    for order in (range(children), reversed(range(children))):
        with contextlib.ExitStack() as busy:
            found = []
            for index in order:
                monkeypatch.setattr(worker_app, "current_process", lambda index=index: SimpleNamespace(index=index))
                found.append(busy.enter_context(worker_app._most("upkeep")))
                with worker_app._most("clustering") as most:
                    assert most is None
            assert [most is None for most in found] == [True] * large + [False] * (children - large)

"""A worker of an older release, frozen as a zip of its sources, serves under the gateway and schema of today."""

from __future__ import annotations

import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reverie.embedded.children import spawn
from tests.live import LiveService

RELEASES = sorted(Path(__file__).parent.glob("worker-*.zip"))
MEMORIES = [
    f"{what} {when}" for when in ("today", "again", "at last") for what in ("climbing", "tea", "the cat", "exams")
]


class Mixed(LiveService):
    """The worker called ``old`` runs the sources in ``older``."""

    older: Path

    def _spawn(self, name: str, arguments: list[str]) -> None:
        if name != "old":
            super()._spawn(name, arguments)
            return
        with open(self.data_dir / f"{name}.log", "ab") as log:
            self.processes[name] = spawn(
                [sys.executable, "-m", "reverie", *arguments],
                log=log,
                env={**self.environment, "PYTHONPATH": str(self.older)},
                cwd=self.older,
                death_signal=signal.SIGKILL,
            )


@pytest.fixture(params=RELEASES, ids=[path.stem for path in RELEASES])
def older(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    zipfile.ZipFile(request.param).extractall(tmp_path)
    return tmp_path


@pytest.fixture
def mixed(older: Path, database_url: str, redis_url: str) -> Iterator[Mixed]:
    workers = dict.fromkeys(("old", "new"), ("fast,clustering,analysis", 1))
    live = Mixed(database_url, redis_url, workers=workers)
    live.older = older
    live.start_gateway()
    try:
        live.wait_ready()
        yield live
    finally:
        live.stop()


def _requests(user: str) -> dict[str, dict[str, Any]]:
    texts = [f"{text} {user}" for text in MEMORIES]
    return {
        "cluster": {"user_id": user, "memories": texts},
        "analyze": {"user_id": user, "memories": texts},
        "recall": {"user_id": user, "query": "the cat", "memories": texts},
        "embed": {"user_id": user, "texts": texts},
    }


def _submit(live: LiveService, user: str) -> list[str]:
    with live.client() as client:
        answers = [client.post(f"/{operation}/submit", json=body) for operation, body in _requests(user).items()]
    assert {a.status_code for a in answers} <= {200, 202}, [a.text for a in answers]
    return [a.json()["id"] for a in answers]


def _finish(live: LiveService, ids: list[str]) -> dict[str, dict[str, Any]]:
    """Wait for each, by the gateway's own stream of events."""
    found = {}
    with live.client() as client:
        for task_id in ids:
            with client.stream("GET", f"/results/{task_id}", timeout=120) as stream:
                stream.read()
            found[task_id] = client.get(f"/tasks/{task_id}").json()
    return found


def test_the_old_sources_are_what_runs(older: Path) -> None:
    code = "import reverie.worker.app as a; print(a.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(older)},
        cwd=older,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(done.stdout.strip()).is_relative_to(older)


def test_an_old_worker_serves_a_new_gateway_until_a_new_one_takes_over(mixed: Mixed) -> None:
    mixed.start_worker("old")
    first = _finish(mixed, _submit(mixed, "before"))
    assert [task["status"] for task in first.values()] == ["succeeded"] * 4, mixed.log("old")
    assert all(task["result"] for task in first.values())

    # The change of guard, with work in the queue: the old one is asked to leave, the new one starts.
    waiting = [task_id for number in range(5) for task_id in _submit(mixed, f"during-{number}")]
    mixed.start_worker("new")
    mixed.kill("old", signal.SIGTERM)
    after = _finish(mixed, waiting)
    assert {task["status"] for task in after.values()} == {"succeeded"}, mixed.log("old") + mixed.log("new")
    assert mixed.processes["old"].wait(timeout=60) == 0
    mixed.check_invariants()

"""``reverie demo`` from nothing: real servers, gateway, workers; only the model is the fake."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not pytest's own folder: its path is long and closed to the user that PostgreSQL runs as.
    path = Path(tempfile.mkdtemp(prefix="reverie-demo-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_the_demo_groups_three_people_and_leaves_nothing_running(folder: Path) -> None:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("REVERIE_URL", "REVERIE_API_KEY", "REVERIE_DATABASE_URL", "REVERIE_REDIS_URL")
    }
    environment |= {"REVERIE_DATA_DIR": str(folder), "REVERIE_EMBEDDER": "hash", "COLUMNS": "80"}

    # A port where nothing listens: the demo must not find somebody's service on the standard one.
    (folder / "run.json").write_text('{"url": "http://127.0.0.1:9"}')

    def reverie(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "reverie", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)

    shown = reverie("demo")
    assert shown.returncode == 0, shown.stderr
    for text in ("Mara  100 memories", "Tomás  100 memories", "Ines  100 memories", "from the cache", "reverie up"):
        assert text in shown.stdout
    assert not (folder / "run.json").exists()

    again = reverie("demo", "--json")
    assert again.returncode == 0, again.stderr
    people = json.loads(again.stdout)["cluster"]
    assert sorted(people) == ["ines", "mara", "tomas"]
    for person in people.values():
        assert len(person["result"]["assignments"]) == 100

    listed = reverie("keys", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    assert len(json.loads(listed.stdout)) == 1

"""The dashboard's reader, run by Node, against the same files and the same expectations as the command line's."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reverie.readers import read_file
from tests.readers.shared_cases import DATA, EXPECTED, SCRIPT, script

KNOWN: list[dict[str, Any]] = json.loads(EXPECTED.read_text(encoding="utf-8"))


Read = Callable[[list[dict[str, Any]], Path], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """What the page's own modules make of files in a folder."""
    node = shutil.which("node")
    if node is None:
        pytest.fail("Node runs the dashboard's modules here; ./dev test tells how to install it", pytrace=False)
    # Node takes a file for a module by the package beside it; the page serves it as one anyway.
    modules = tmp_path_factory.mktemp("page") / "js"
    shutil.copytree(SCRIPT.parent, modules)
    (modules / "package.json").write_text('{"type": "module"}')
    runner = Path(__file__).with_name("run_cases.mjs")

    def run(cases: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
        done = subprocess.run(
            [node, str(runner), str(modules), str(folder)],
            input=json.dumps([{"file": case["file"], "author": case["author"]} for case in cases]),
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        told: list[dict[str, Any]] = json.loads(done.stdout)
        return told

    return run


@pytest.fixture(scope="module")
def dashboard(read: Read) -> list[dict[str, Any]]:
    """What they make of every case."""
    return read(KNOWN, DATA)


@pytest.mark.parametrize("index", range(len(KNOWN)), ids=[f"{case['file']}-{case['author']}" for case in KNOWN])
def test_the_dashboard_reads(index: int, dashboard: list[dict[str, Any]]) -> None:
    told, case = dashboard[index], KNOWN[index]
    if "refused" in case:
        # The words differ, since there is no --author in a page.
        assert told.get("refused"), told
        assert told["authors"] == case["authors"]
    else:
        assert told == case


def test_the_dashboards_table_of_formats_is_the_command_lines() -> None:
    assert SCRIPT.read_text(encoding="utf-8") == script(), "write it anew: python -m tests.readers.shared_cases"


@pytest.mark.parametrize("name", ["memories.parquet", "memories"])
def test_parquet_is_refused_with_the_two_ways_to_read_it(name: str, read: Read, tmp_path: Path) -> None:
    pd.DataFrame({"text": ["green tea", "a new wall"]}).to_parquet(tmp_path / name)
    (told,) = read([{"file": name, "author": None}], tmp_path)
    assert f'reverie cluster "{name}"' in told["refused"]
    assert 'to_json("memories.jsonl"' in told["refused"]
    assert [m.text for m in read_file(tmp_path / name).memories] == ["green tea", "a new wall"]

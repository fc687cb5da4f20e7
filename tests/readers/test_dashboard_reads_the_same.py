"""The dashboard's reader, run by Node, against the same files and the same expectations as the command line's."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.readers.shared_cases import DATA, EXPECTED, SCRIPT, script

KNOWN: list[dict[str, Any]] = json.loads(EXPECTED.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the page's own modules make of every case."""
    node = shutil.which("node")
    if node is None:
        pytest.fail("Node runs the dashboard's modules here; ./dev test tells how to install it", pytrace=False)
    # Node takes a file for a module by the package beside it; the page serves it as one anyway.
    modules = tmp_path_factory.mktemp("page") / "js"
    shutil.copytree(SCRIPT.parent, modules)
    (modules / "package.json").write_text('{"type": "module"}')
    runner = Path(__file__).with_name("run_cases.mjs")
    asked = json.dumps([{"file": case["file"], "author": case["author"]} for case in KNOWN])
    done = subprocess.run(
        [node, str(runner), str(modules), str(DATA)], input=asked, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    told: list[dict[str, Any]] = json.loads(done.stdout)
    return told


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

"""CONTRIBUTING.md is right about what an addition touches: a toy of each, added to a copy of the sources, works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.additions.toys import TOYS, apply

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))

BOUNDS = {
    "Add an operation": 7,
    "Add a cloud provider that embeds": 5,
    "Add a kind of pattern": 3,
    "Add a setting": 2,
    "Add a page to the dashboard": 3,
}
"""Most files that the numbered list of each section may name."""

TABLES = ("tests/test_operations.py", "tests/test_pattern_kinds.py")
"""Tests that walk the tables, and fail where something of an addition is missing."""


@pytest.mark.parametrize("section", TOYS)
def test_a_toy_touches_only_files_that_its_section_names_and_few_of_them(section: str) -> None:
    touched = {change.path for change in TOYS[section]}
    text = SECTIONS[section]
    numbered = "\n".join(re.findall(r"^\d\. .*$", text, re.MULTILINE))
    # A file of one's own, texts in each language, the place of use of a setting: told by an example or in words.
    examples = {
        "src/reverie/contracts/count.py": "src/reverie/contracts/recall.py",
        "src/reverie/embedding/providers/toy.py": "src/reverie/embedding/providers/openai.py",
        "src/reverie/gateway/static/js/views/toy.js": "src/reverie/gateway/static/js/views/work.js",
        "src/reverie/gateway/routes/ops.py": "Where it is used",
        **{
            f"src/reverie/{folder}/{language}.json": f"src/reverie/{folder}/en.json"
            for folder in ("bot/texts", "pattern_words")
            for language in ("de", "es", "fr")
        },
    }
    for path in touched:
        assert examples.get(path, path) in text, f"CONTRIBUTING.md does not name {path}"
    beside = {path for path in touched if examples.get(path, path) not in numbered or path.endswith(".json")}
    counted = touched - beside
    print(f"{section}: {len(counted)} files {sorted(counted)}, and beside them {sorted(beside)}")
    assert len(counted) <= BOUNDS[section]


def test_the_toys_work_and_satisfy_the_tests_that_walk_the_tables(tmp_path: Path) -> None:
    for folder in ("src", "docs"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "vendor"))
    tests = tmp_path / "tests"
    tests.mkdir()
    for path in TABLES:
        shutil.copy(ROOT / path, tests)
    shutil.copy(Path(__file__).with_name("check_toys.py"), tests / "test_toys.py")
    for changes in TOYS.values():
        apply(tmp_path, changes)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:asyncio", "tests"],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]

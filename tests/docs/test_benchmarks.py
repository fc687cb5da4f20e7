"""The benchmarks run: one small one for real, never judged by its times; the page that all write holds together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import all as everything

ROOT = Path(__file__).resolve().parents[2]


def test_a_small_benchmark_runs_to_its_end() -> None:
    before = everything.PAGE.read_bytes()
    command = [sys.executable, "-m", "benchmarks.all", "--small", "--only", "hostile"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert {row.split("|")[3].strip() for row in rows[2:]} <= {"413", "422"}
    assert len(rows) >= 9
    assert everything.PAGE.read_bytes() == before, "a small run writes nothing"


def test_a_benchmark_that_fails_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(everything, "ROOT", tmp_path)
    monkeypatch.setattr(everything, "names", lambda: ["main", "lanes"])
    monkeypatch.setattr(everything, "PAGE", tmp_path / "benchmarks.md")
    monkeypatch.setattr(everything, "run", lambda name, small: (name == "main", "a\n| b |\n|---|\n| c |", 2.0))
    monkeypatch.setattr(sys, "argv", ["all", "--only", "main", "lanes"])
    assert everything.main() == 1
    page = (tmp_path / "benchmarks.md").read_text()
    assert "`./dev bench main`, 2 s.\n\na\n\n| b |\n|---|\n| c |" in page
    assert "## lanes\n\nDid not run to its end here." in page


def test_the_page_links_to_pages_that_are_there() -> None:
    links = [part.split(")")[0] for part in everything.pages().split("](")[1:]]
    assert len(links) > 8
    assert all((everything.PAGE.parent / link).is_file() for link in links)

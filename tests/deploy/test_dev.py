"""What ./dev looks for and does not find, it says, and leaves out the tests that need it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

DEV = Path(__file__).resolve().parents[2] / "dev"


def ask(call: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Call one of its functions where no program can be found."""
    functions = DEV.read_text().split("\ncommand=${1:-help}")[0]
    environment = {k: v for k, v in os.environ.items() if k not in ("CI", "REVERIE_CHROMIUM")}
    return subprocess.run(
        ["sh", "-c", f"{functions}\nPATH=/nowhere\n{call}\necho left out: $left_out", str(DEV)],
        env=environment | more,
        capture_output=True,
        text=True,
        check=True,
    )


def test_a_missing_browser_is_not_taken_for_one_that_is_there() -> None:
    done = ask("a_chromium")
    assert "NO CHROMIUM FOUND" in done.stderr
    assert done.stdout == "left out: and not browser\n"


def test_all_that_is_missing_is_left_out_together() -> None:
    assert ask("a_chromium; a_curl").stdout == "left out: and not browser and not curl\n"


@pytest.mark.parametrize("told", [{"REVERIE_CHROMIUM": "/opt/chromium"}, {"CI": "true"}])
def test_a_browser_that_was_named_or_that_ci_must_have_leaves_nothing_out(told: dict[str, str]) -> None:
    assert ask("a_chromium", **told).stdout == "left out:\n"

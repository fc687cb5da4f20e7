"""CONTRIBUTING.md names files that are there; that its lists are short and suffice, tests/additions show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:src|tests|docs)/[\w./-]+)`", TEXT))))
def test_each_path_is_there(path: str) -> None:
    assert (ROOT / path).exists()

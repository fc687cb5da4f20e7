"""CONTRIBUTING.md names files that are there, and the lists are as short as they promise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:src|tests|docs)/[\w./-]+)`", TEXT))))
def test_each_path_is_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize(
    ("section", "most"),
    [
        ("Add an operation", 7),
        ("Add a cloud provider that embeds", 5),
        ("Add a kind of pattern", 3),
        ("Add a setting", 2),
        ("Add a page to the dashboard", 3),
    ],
)
def test_an_addition_touches_few_source_files(section: str, most: int) -> None:
    numbered = "\n".join(re.findall(r"^\d\. .*$", SECTIONS[section], re.MULTILINE))
    sources = set(re.findall(r"`(src/reverie/[\w/]+\.(?:py|js|sql))`", numbered))
    assert 1 <= len(sources) <= most

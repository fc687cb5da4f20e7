"""docs/security.md: each promise in its table names tests that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
PROMISES = re.findall(r"^\| (?!promise|-)(.+?) \| (`tests/.+?) \|$", TEXT, re.MULTILINE)


def test_the_table_is_read() -> None:
    rows = TEXT.partition("## Where each promise is shown")[2].count("\n| ") - 1
    assert len(PROMISES) == rows > 40


@pytest.mark.parametrize(("promise", "shown"), PROMISES)
def test_each_promise_names_a_test_that_is_there(promise: str, shown: str) -> None:
    for path, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", shown):
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        there = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert name in there, f"{promise}: {path} has no {name}"

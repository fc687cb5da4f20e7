"""The Python of docs/data-science.md, as it stands there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.docs.pages import on_page
from tests.science.test_sklearn import TEXTS, embed

PAGE = on_page("docs/data-science.md", "python")
HERE = [example for example in PAGE if "await " not in example.text]


@pytest.mark.parametrize("example", HERE, ids=str)
def test_what_needs_no_service_runs(example):
    if "bertopic" in example.text:
        pytest.importorskip("bertopic")
    names: dict[str, Any] = {"texts": TEXTS, "vectors": embed(TEXTS)}
    exec(compile(example.text, str(example), "exec"), names)
    if "labels" in names:
        assert len(names["labels"]) == len(TEXTS)
    else:
        assert len(names["found"]) == len(TEXTS)

"""Every kind of pattern has words wherever patterns are shown; the type checker holds the engine to the same kinds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from reverie.contracts import PATTERN_KINDS
from reverie.pattern_words import LANGUAGES

SOURCES = Path(__file__).parent.parent / "src" / "reverie"


@pytest.mark.parametrize("path", sorted((SOURCES / "bot" / "texts").glob("*.json")), ids=lambda path: str(path.stem))
def test_the_bot_has_a_name_for_each_kind_in_each_language(path: Path) -> None:
    texts = json.loads(path.read_text(encoding="utf-8"))
    named = {name.removeprefix("pattern.") for name in texts if name.startswith("pattern.")}
    assert set(PATTERN_KINDS) <= named


def test_a_sentence_has_the_same_places_in_each_language() -> None:
    """And ``tests/bot/test_patterns.py`` tells one of each kind."""
    found = {}
    for language in LANGUAGES:
        texts = json.loads((SOURCES / "pattern_words" / f"{language}.json").read_text(encoding="utf-8"))
        found[language] = {key: sorted(re.findall(r"\{(\w+)\}", text)) for key, text in texts.items()}
        assert len(texts["weekdays"].split(",")) == 7
    assert all(places == found["en"] for places in found.values())


def test_the_dashboard_has_a_name_for_each_kind_and_no_others() -> None:
    script = (SOURCES / "gateway" / "static" / "js" / "views" / "time.js").read_text(encoding="utf-8")
    found = re.search(r"const KINDS = \{(.*?)\}", script, re.DOTALL)
    assert found is not None
    assert set(re.findall(r"(\w+): \"", found[1])) == set(PATTERN_KINDS)

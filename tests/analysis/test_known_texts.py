"""What texts were read as before saves time and changes nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from reverie.analysis import KnownTexts, analyze
from reverie.analysis.supersession import find_superseded
from reverie.contracts import Memory
from reverie.demo import PEOPLE, load
from tests.analysis.people import NOW, embed


def _told() -> list[Memory]:
    """Half of what the demo's people say, as one person's, and some that take each other's place."""
    texts = [memory.text for person in PEOPLE for memory in load(person.id)][::4]
    texts += ["I live in Bern.", "We moved to Zurich", texts[0].upper(), texts[1] + "!"]
    return [
        Memory(id=str(i), text=text, created_at=NOW - timedelta(hours=7 * i), speaker="Ana" if i % 2 else None)
        for i, text in enumerate(texts)
    ]


def _analysed(memories: list[Memory], known: KnownTexts | None) -> dict[str, Any]:
    result = analyze(memories, embed([m.text for m in memories]), now=NOW, known=known)
    return result.model_dump(exclude={"stats"})


def test_an_analysis_that_knows_most_texts_tells_what_one_that_reads_all_tells() -> None:
    memories = _told()
    known = KnownTexts()
    links = find_superseded(memories[:-20], known=known)
    assert links == find_superseded(memories[:-20])
    assert _analysed(memories[:-20], known) == _analysed(memories[:-20], None)
    before = known.made
    assert find_superseded(memories, known=known) == find_superseded(memories)
    assert _analysed(memories, known) == _analysed(memories, None)
    kinds = 4
    assert 0 < known.made - before <= kinds * 20
    assert _analysed(memories[::-1], known) == _analysed(memories[::-1], None)


def test_only_texts_that_are_still_there_stay_known() -> None:
    known = KnownTexts()
    for text in ("tea", "coffee", "tea"):
        assert known.of("length", text, len) == len(text)
        known.of("upper", text, str.upper)
    assert (len(known), known.made, known.chars) == (4, 4, 9)
    known.keep_only(["coffee", "milk"])
    assert (len(known), known.chars) == (2, 6)
    assert known.of("upper", "tea", str.upper) == "TEA"
    assert known.made == 5

"""An index of memories that come and go answers as one that is made anew."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

import reverie.worker.stored as stored
from reverie.analysis import RecallIndex, read_durable, recall_in
from reverie.contracts import Memory, RecallOptions, RecallResult
from reverie.embedding import HashEmbedder
from reverie.worker.stored import KnownIndex
from tests.analysis.people import NOW, embed, memories, themed

TOLD = [
    *memories(themed(40)),
    *(
        Memory(id=f"x{n}", text=text, created_at=NOW - timedelta(days=days))
        for n, (text, days) in enumerate([("I am allergic to peanuts", 3), ("Never mention my father", 2), ("Rain", 1)])
    ),
]
VECTORS = embed([m.text for m in TOLD])


def _index(first: int, last: int) -> RecallIndex:
    return RecallIndex.of(TOLD[first:last], VECTORS[first:last])


def _asked(index: RecallIndex) -> RecallResult:
    vector = HashEmbedder(128).embed(["allergic to peanuts"], kind="query").vectors[0]
    return recall_in(index, "allergic to peanuts", vector, RecallOptions(top=20), now=NOW)


def test_memories_added_one_by_one_are_found_as_in_an_index_made_at_once() -> None:
    index = _index(0, 10)
    _asked(index)  # what an index finds out for a question must grow with it
    for row in range(10, len(TOLD)):
        index = index.changed(TOLD[row : row + 1], VECTORS[row : row + 1])
    whole = _index(0, len(TOLD))
    assert index.ids == whole.ids
    assert (index.rows, index.joined) == (whole.rows, whole.joined)
    assert np.array_equal(index.vectors, whole.vectors)
    assert _asked(index) == _asked(whole)


def test_two_additions_to_the_same_index_do_not_disturb_each_other() -> None:
    index = _index(0, 10).changed(TOLD[10:11], VECTORS[10:11])
    one, other = (index.changed(TOLD[row : row + 1], VECTORS[row : row + 1]) for row in (11, 12))
    assert np.array_equal(one.vectors, VECTORS[:12])
    assert np.array_equal(other.vectors, np.concatenate([VECTORS[:11], VECTORS[12:13]]))
    assert np.array_equal(index.vectors, VECTORS[:11])


def test_what_went_and_what_changed_is_not_found_as_it_was() -> None:
    index = _index(0, 20)
    _asked(index)
    other = TOLD[3].model_copy(update={"text": "allergic to peanuts after all"})
    index = index.changed([other], embed([other.text]), {TOLD[5].id})
    assert index.ids == [m.id for m in TOLD[:20] if m.id not in (TOLD[3].id, TOLD[5].id)] + [other.id]
    assert index.rows[other.id] == len(index) - 1
    assert _asked(index).memories[0].memory_id == other.id


def test_what_lasts_among_the_newest_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def reading(texts: list[str]) -> object:
        read.extend(texts)
        return read_durable(texts)

    monkeypatch.setattr(stored, "read_durable", reading)
    since = (NOW - timedelta(days=4)).timestamp()
    known = KnownIndex("model", _index(0, len(TOLD)))
    found = known.lasting_since(since)
    assert [id_ for id_, _, _ in found] == ["x1", "x0"], "boundaries first; what passes is left out"
    assert known.lasting_since(since) == found
    more = Memory(id="more", text="My daughter is called Mia", created_at=NOW)
    later = known.changed([more], embed([more.text]))
    assert {id_ for id_, _, _ in later.lasting_since(since)} == {"x0", "x1", "more"}
    assert sorted(read) == sorted([*(m.text for m in TOLD[-3:]), more.text])

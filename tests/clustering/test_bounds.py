"""Steps that must not take the square of what they are given answer what the plain way does."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from reverie.clustering import oneness
from reverie.clustering.geometry import centred, dots, lengths, unit
from reverie.clustering.oneness import repeated
from reverie.clustering.pipeline import _largest
from reverie.embedding.base import Vectors


def vectors(count: int, dimensions: int = 6, seed: int = 3) -> Vectors:
    return unit(np.random.default_rng(seed).normal(size=(count, dimensions)))


def test_texts_that_are_said_again_and_again_go_to_the_nearest_leader_whatever_the_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = vectors(200)
    labels, weights = np.full(200, -1, dtype=np.int64), np.arange(200) % 7 + 5
    found = []
    for block in (1, 16, 512):
        monkeypatch.setattr(oneness, "_BLOCK", block)
        found.append(repeated(x, labels, weights, 2))
    leaders: list[int] = []
    expected = labels.copy()
    for row in np.lexsort((np.arange(200), -weights)).tolist():
        close = [float(np.round(x[row] @ x[leader], 5)) for leader in leaders]
        if close and max(close) >= 0.5:
            expected[row] = expected[leaders[int(np.argmax(close))]]
        else:
            expected[row] = len(leaders)
            leaders.append(row)
    assert len(leaders) > 10
    for one in found:
        assert one.tolist() == expected.tolist()


def test_the_smallest_theme_joins_the_nearest_until_as_many_are_left_as_are_wanted() -> None:
    x = vectors(300)
    cut = np.split(np.random.default_rng(5).permutation(300), np.sort(np.random.default_rng(6).integers(1, 299, 24)))
    members = [np.sort(m) for m in cut if len(m)]
    expected = [m.copy() for m in members]
    while len(expected) > 5:
        piece = expected.pop(min(range(len(expected)), key=lambda i: (len(expected[i]), i)))
        near = [float(unit(x[m].mean(axis=0)[None])[0] @ x[piece].mean(axis=0)) for m in expected]
        at = int(np.argmax(np.round(near, 6)))
        expected[at] = np.sort(np.concatenate([expected[at], piece]))
    assert [m.tolist() for m in _largest(members, 5, x)] == [m.tolist() for m in expected]


def test_geometry_in_blocks_is_what_whole_arrays_give_and_takes_little_more_than_its_answer() -> None:
    x = np.random.default_rng(1).normal(size=(50_000, 32)).astype(np.float32)
    mean = x.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
    tracemalloc.start()
    try:
        found = centred(x)
        assert tracemalloc.get_traced_memory()[1] < 1.7 * x.nbytes
    finally:
        tracemalloc.stop()
    away = x - mean
    assert (found == away / np.linalg.norm(away, axis=1, keepdims=True)).all()
    assert (lengths(x, mean) == np.linalg.norm(away, axis=1)).all()
    rows, others = np.random.default_rng(2).integers(0, len(x), (2, 20_000))
    assert (dots(x, rows, others) == np.einsum("nd,nd->n", x[rows], x[others])).all()

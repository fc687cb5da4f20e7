"""What very large sets need: whole arrays once, work for what is asked alone, and the same answers."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from reverie.clustering import Steps, cluster, communities, geometry, grouping, nearest
from reverie.clustering.duplicates import merge_alike
from reverie.clustering.geometry import centred, moved_up, unit
from reverie.clustering.grouping import Labels, Neighbourhood, neighbourhood, scorer
from reverie.clustering.labels import Label
from reverie.clustering.nearest import Indices, Neighbours, neighbours
from reverie.clustering.words import Phrasebook
from reverie.contracts import ClusterOptions, Memory
from reverie.embedding.base import OnProgress, Vectors, silent
from tests.clustering.sets import blobs


def with_doubles(count: int, dimensions: int) -> Vectors:
    """Unit vectors of which every tenth is that of the row before it."""
    x = unit(np.random.default_rng(4).normal(size=(count, dimensions)).astype(np.float32))
    x[1::10] = x[::10]
    return x


def next_ones(c: Vectors) -> Neighbourhood:
    """The next three rows as the nearest ones: a search that costs nothing."""
    index = (np.arange(len(c))[:, None] + np.arange(1, 4)) % len(c)
    value = np.full(index.shape, 0.5, dtype=np.float32)
    value[::10, 0] = 1.0
    return Neighbourhood(c, index, value)


def test_grouping_holds_two_whole_arrays_beside_the_one_it_was_given_which_stays_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(geometry, "_BLOCK", 256)
    given = with_doubles(5000, 1024)
    kept = given.copy()
    seen: list[Vectors] = []

    def near(x: Vectors, seed: int, on_progress: OnProgress) -> Neighbourhood:
        return next_ones(centred(x))

    def halves(x: Vectors, near: Neighbourhood, granularity: float, on_progress: OnProgress) -> Labels:
        seen.append(x[:3].copy())
        return np.arange(len(x)) % 2

    def all_stay(*given: Any) -> Labels:
        return given[2]

    def whole(x: Vectors, graph: Any, rows: Indices) -> Labels:
        return np.zeros(len(rows), dtype=np.int64)

    def numbers(texts: Sequence[str], x: Vectors, groups: Sequence[Indices], *rest: Any) -> list[Label]:
        seen.append(x[[0, 2, 3, 4999]])
        return [Label(f"number {i}", []) for i in range(len(groups))]

    told = [Memory(id=str(n), text=f"note {n}") for n in range(len(given))]
    steps = Steps(near, halves, all_stay, whole, numbers)
    tracemalloc.start()
    try:
        result = cluster(told, given, ClusterOptions(map=False), steps=steps).result
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert result.stats["distinct"] == 4500
    assert (seen[0] == unit(kept)[[0, 2, 3]]).all()
    assert (seen[1] == unit(kept)[[0, 2, 3, 4999]]).all()
    assert (given == kept).all()
    assert peak < 2.6 * given.nbytes


@pytest.mark.parametrize("own", ["a copy", "what it was given", "not writable"])
def test_copies_are_joined_whatever_array_a_search_answers_with(own: str) -> None:
    x = with_doubles(3000, 16)
    if own == "a copy":
        c = x.copy()
    elif own == "what it was given":
        c = x
    else:
        c = x.copy()
        c.flags.writeable = False
    expected = np.delete(x, np.arange(1, 3000, 10), axis=0)
    near, copies = merge_alike(x, next_ones(c), [[i] for i in range(3000)], 0, silent)
    assert len(copies) == 2700
    assert copies[0] == [0, 1]
    assert (near.centred == expected).all()


def test_rows_move_up_in_the_place_of_their_array() -> None:
    x = np.random.default_rng(1).normal(size=(20_000, 3)).astype(np.float32)
    rows = np.flatnonzero(np.random.default_rng(2).random(20_000) < 0.7)
    expected = x[rows]
    found = moved_up(x, rows)
    assert np.shares_memory(found, x)
    assert (found == expected).all()


def test_unit_vectors_of_some_rows_are_those_of_all() -> None:
    x = np.random.default_rng(1).normal(size=(20_000, 7)).astype(np.float32)
    rows = np.arange(3, 20_000, 2)
    assert (unit(x, rows) == unit(x)[rows]).all()


def test_search_by_cells_looks_up_those_alone_that_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    x, _ = blobs(60, 50, spread=1.0)
    index, value = neighbours(x, 10, exact=0)
    ordered: list[int] = []
    plain = nearest._in_order

    def counted(columns: NDArray[np.int64], s: Vectors, k: int) -> Neighbours:
        ordered.append(len(s))
        return plain(columns, s, k)

    monkeypatch.setattr(nearest, "_in_order", counted)
    neighbours(x, 10, exact=0)
    all_rows = sum(ordered)
    ordered.clear()
    rows = np.arange(0, 3000, 4)
    some, their = neighbours(x, 10, exact=0, rows=rows)
    # Products of other blocks may differ in their last bits, and so in the fifth digit.
    np.testing.assert_allclose(their, value[rows], atol=2e-5)
    assert (some == index[rows]).mean() > 0.99
    # Each row's cells are found for all of them, its neighbours for a quarter.
    assert sum(ordered) < 0.5 * all_rows


def test_single_rows_of_a_large_set_are_searched_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    x, _ = blobs(40, 100, spread=1.0)
    rows = np.arange(0, 4000, 5)
    index, value = neighbours(x, 10, rows=rows)
    monkeypatch.setattr(nearest, "_PRODUCTS", 50 * len(x))
    tracemalloc.start()
    try:
        some, their = neighbours(x, 10, rows=rows)
        # The products of all rows that are asked for would be 12.8 MB.
        assert tracemalloc.get_traced_memory()[1] < 4e6
    finally:
        tracemalloc.stop()
    np.testing.assert_allclose(their, value, atol=2e-5)
    assert (some == index).mean() > 0.99


def test_a_cell_in_which_nobody_sees_anything_nearer_is_passed_over() -> None:
    # A hundred cells of a hundred rows in one direction each: whoever has seen their own need no other.
    x = np.repeat(np.eye(100, dtype=np.float32), 100, axis=0)
    _, value = neighbours(x, 5, exact=0)
    assert (value == 1.0).all()


def test_the_graph_is_what_its_edges_say_and_none_leads_nowhere() -> None:
    index = np.array([[1, 2], [0, 1], [2, 0]])  # to itself where there is no other
    value = np.array([[0.5, 0.25], [0.5, 0.0], [0.0, -0.5]], dtype=np.float32)
    graph = Neighbourhood(np.eye(3, dtype=np.float32), index, value).graph
    assert graph.toarray().tolist() == [[0.0, 1.0, 0.25], [1.0, 0.0, 0.0], [0.25, 0.0, 0.0]]
    assert graph.nnz == 4
    assert graph.indices.dtype == np.int32


def test_edges_looked_at_a_few_rows_at_a_time_score_and_weigh_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    x, labels = blobs(12, 60, spread=1.0)
    near = neighbourhood(x)
    score, net = scorer(x, near)(labels), communities._network(near.graph)
    monkeypatch.setattr(grouping, "_ROWS", 7)
    monkeypatch.setattr(communities, "_ROWS", 7)
    assert scorer(x, near)(labels) == pytest.approx(score, abs=2e-6)
    again = communities._network(near.graph)
    assert (again.data == net.data).all()
    assert (again.strength == net.strength).all()
    edges = sparse.coo_matrix(near.graph)
    part = edges.data / edges.data.sum()
    assert net.strength == pytest.approx(np.bincount(edges.row, part), rel=1e-6)


def test_a_phrase_is_kept_once_however_many_texts_use_it() -> None:
    book = Phrasebook(
        ["The garden gate is open", "I painted the garden gate", "Das Gartentor ist offen"], language="en"
    )
    first, second = ({key: (key, surface) for key, surface in book[i].items()}["garden gate"] for i in (0, 1))
    assert first[0] is second[0]
    assert first[1] is second[1]


def test_the_usual_language_of_a_set_is_counted_once() -> None:
    book = Phrasebook(
        ["I went to the sea with them", "we are at home", "ich bin nicht zu Hause und du", "été à la mer"]
    )
    assert book.usual == ("en", 2)
    assert Phrasebook([]).usual == (None, 0)


def test_the_search_for_neighbours_has_one_array_beside_the_one_that_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    given = with_doubles(3000, 1024)
    held: list[int] = []

    def search(c: Vectors, k: int, on_progress: OnProgress, **more: Any) -> Neighbours:
        held.append(tracemalloc.get_traced_memory()[0])
        near = next_ones(c)
        return near.index, near.value

    monkeypatch.setattr(grouping, "neighbours", search)
    told = [Memory(id=str(n), text=f"note {n}") for n in range(len(given))]
    tracemalloc.start()
    try:
        cluster(told, given, ClusterOptions(map=False))
    finally:
        tracemalloc.stop()
    assert held[0] < 1.5 * given.nbytes

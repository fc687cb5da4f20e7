"""Neighbours: exact ones are exact, approximate ones nearly."""

from __future__ import annotations

import numpy as np
import pytest

from reverie.clustering.geometry import unit
from reverie.clustering.nearest import neighbours
from tests.clustering.sets import blobs


@pytest.mark.parametrize(
    ("count", "k"),
    [
        (3, 15),  # fewer rows than neighbours wanted
        (40, 5),  # too small for column groups
        (1500, 15),  # column groups and two blocks
    ],
)
def test_neighbours_are_those_of_a_full_sort(count: int, k: int) -> None:
    x, _ = blobs(1, count, spread=3.0)
    index, value = neighbours(x, k)
    s = x @ x.T
    np.fill_diagonal(s, -2)
    wanted = -np.sort(-s, axis=1)[:, : min(k, count - 1)]
    np.testing.assert_allclose(value, wanted, atol=2e-5)
    np.testing.assert_allclose(np.take_along_axis(s, index, axis=1), value, atol=2e-5)


def test_equal_neighbours_come_in_the_order_of_their_rows() -> None:
    x = np.repeat(np.eye(2, dtype=np.float32), 5, axis=0)
    assert neighbours(x, 4)[0][0].tolist() == [1, 2, 3, 4]


def test_search_by_cells_finds_nearly_all_true_neighbours_and_never_the_row_itself() -> None:
    x, _ = blobs(60, 50, spread=1.0)
    exact, _ = neighbours(x, 10)
    found, value = neighbours(x, 10, exact=0)
    assert (found != np.arange(len(x))[:, None]).all()
    assert (np.diff(value, axis=1) <= 0).all()
    hits = np.mean([len(set(a) & set(b)) for a, b in zip(exact, found, strict=True)])
    assert hits > 9.5
    again, _ = neighbours(x, 10, exact=0)
    assert (again == found).all()


@pytest.mark.parametrize("exact", [20_000, 0])
def test_single_rows_get_their_exact_neighbours(exact: int) -> None:
    x, _ = blobs(10, 200, spread=3.0)
    index, value = neighbours(x, 10)
    rows = np.array([3, 700, 1999])
    some, their = neighbours(x, 10, exact=exact, rows=rows)
    assert (some == index[rows]).all()
    assert (their == value[rows]).all()


def test_where_cells_hold_too_few_the_row_itself_stands_for_nobody() -> None:
    # Each cell holds one direction: 12 cells of 12 rows, of which 10 are looked into.
    x = np.repeat(np.eye(12, dtype=np.float32), 12, axis=0)
    index, value = neighbours(x, 143, exact=0)
    nobody = index == np.arange(144)[:, None]
    assert nobody.any()
    assert (value[nobody] == 0.0).all()
    assert (np.sort(index[0][~nobody[0]])[:11] == np.arange(1, 12)).all()


def test_cells_that_are_all_looked_into_find_what_an_exact_search_finds() -> None:
    rng = np.random.default_rng(3)
    x = unit(rng.normal(size=(110, 6)).astype(np.float32))  # ten cells, and each row looks into ten
    for found, known in zip(neighbours(x, 7, exact=0), neighbours(x, 7), strict=True):
        assert np.array_equal(found, known)


@pytest.mark.parametrize("seed", range(8))
def test_a_cell_in_which_nobody_finds_anything_nearer_is_passed_over(seed: int) -> None:
    x = np.random.default_rng(1).normal(size=(1024, 8)).astype(np.float32) * 0.3
    x[:330, 0] += 3  # those who look, in about as many cells as they look into
    x[330:, 1] += 3
    index, _ = neighbours(unit(x), 1, exact=0, rows=np.arange(330), seed=seed)
    assert (index < 330).all()

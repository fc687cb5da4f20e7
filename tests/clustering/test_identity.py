"""Theme ids that last."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reverie.clustering import ThemeState, cluster, dump_states, load_states, place
from reverie.clustering.identity import match_themes
from reverie.contracts import ClusterOptions, Memory
from tests.clustering.sets import blobs, memories


def state(name: str, ids: str, centre: list[float]) -> ThemeState:
    return ThemeState(name, name, tuple(ids), np.array(centre, dtype=np.float32))


EAST, NORTH, UP = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]


def test_a_theme_keeps_its_id_while_its_members_mostly_stay() -> None:
    before = [state("A", "abcdef", EAST), state("B", "uvwxyz", NORTH)]
    centres = np.array([NORTH, EAST], dtype=np.float32)
    ids, changes = match_themes([list("uvwxg"), list("abcdeyz")], centres, before)
    assert ids == ["B", "A"]
    assert (changes.born, changes.gone, changes.merged, changes.split) == ([], [], [], [])


def test_born_gone_merged_and_split_are_told() -> None:
    before = [
        state("A", "abcdef", EAST),
        state("B", "ghijkl", EAST),
        state("C", "mnopqr", NORTH),
        state("D", "stuv", UP),
    ]
    groups = [list("abcdefghijkl"), list("mno"), list("pqr"), list("WXYZ")]
    centres = np.array([EAST, NORTH, NORTH, [-1, 0, 0]], dtype=np.float32)
    ids, changes = match_themes(groups, centres, before)
    assert ids[0] in {"A", "B"}
    assert "C" in ids[1:3]
    assert changes.merged[0].into == ids[0]
    assert set(changes.merged[0].themes) == {"A", "B"}
    assert changes.split[0].theme == "C"
    assert set(changes.split[0].into) == set(ids[1:3])
    assert "D" in changes.gone
    assert ids[3] in changes.born


def test_themes_whose_memories_all_have_new_ids_are_known_by_their_centres() -> None:
    before = [state("A", "abc", EAST), state("B", "xyz", NORTH)]
    ids, _ = match_themes([list("123"), list("456")], np.array([NORTH, EAST], dtype=np.float32), before)
    assert ids == ["B", "A"]


@pytest.mark.parametrize("size", [16, 90])
def test_a_twentieth_more_memories_moves_hardly_anyone(size: int) -> None:
    x, labels = blobs(6, size, spread=1.0)
    told = memories(len(x), labels)
    start = round(len(x) / 1.05)
    old = cluster(told[:start], x[:start], ClusterOptions(map=False))
    new = cluster(told, x, ClusterOptions(map=False), previous=old.states)
    moved = [i for i, theme in old.result.assignments.items() if theme and new.result.assignments[i] != theme]
    assert len(moved) <= 0.03 * start


def test_states_survive_bytes_and_damage_is_noticed() -> None:
    x, labels = blobs(3, 10)
    states = cluster(memories(len(x), labels), x).states
    data = dump_states(states)
    again = load_states(data)
    assert [(s.id, s.label, s.memory_ids, s.reach) for s in again] == [
        (s.id, s.label, s.memory_ids, s.reach) for s in states
    ]
    assert all((a.centroid == b.centroid).all() for a, b in zip(again, states, strict=True))
    assert load_states(dump_states([])) == []
    with pytest.raises(ValueError):
        load_states(data[:-4])


def test_new_memories_are_placed_where_a_full_run_puts_them() -> None:
    x, labels = blobs(5, 42, spread=0.7)
    told = memories(len(x), labels)
    old = cluster(told[:200], x[:200], ClusterOptions(map=False))
    full = cluster(told, x, ClusterOptions(map=False), previous=old.states).result
    placed = place(x[200:], old.states)
    assert sum(p.certain for p in placed) >= 8
    for memory, placement in zip(told[200:], placed, strict=True):
        if placement.certain:
            assert placement.theme_id == full.assignments[memory.id]


def test_a_stranger_is_placed_nowhere_and_company_changes_nothing() -> None:
    x, labels = blobs(4, 20, spread=0.5)
    states = cluster(memories(len(x), labels), x).states
    stranger = -sum(s.centroid for s in states)[None, :]
    assert place(stranger, states)[0].theme_id is None
    assert place(x[:30], states)[7] == place(x[7:8], states)[0]
    assert place(x[:1], [])[0].theme_id is None
    with pytest.raises(ValueError, match="64"):
        place(np.ones((1, 3), dtype=np.float32), states)


def test_ids_do_not_depend_on_the_run_that_made_them() -> None:
    told = [Memory(id=str(i), text=f"text {i} cats") for i in range(12)]
    x, _ = blobs(1, 12)
    assert [t.id for t in cluster(told, x).result.themes] == [t.id for t in cluster(told, x).result.themes]


def test_the_same_memories_again_change_nothing_even_among_cuts_of_equal_merit() -> None:
    x, labels = blobs(9, 14, spread=1.6)
    told = memories(len(x), labels)
    old = cluster(told, x, ClusterOptions(map=False))
    new = cluster(told, x, ClusterOptions(map=False), previous=old.states)
    assert new.result.assignments == old.result.assignments
    assert (new.result.born, new.result.gone, new.result.merged, new.result.split) == ([], [], [], [])


@pytest.mark.parametrize("size", [20, 100])
def test_a_new_subject_is_born_beside_themes_that_stay(size: int) -> None:
    x, labels = blobs(6, size, spread=0.7)
    told = memories(len(x), labels)
    known = np.flatnonzero(labels != 5)
    old = cluster([told[i] for i in known], x[known], ClusterOptions(map=False))
    order = np.concatenate([known, np.flatnonzero(labels == 5)])
    new = cluster([told[i] for i in order], x[order], ClusterOptions(map=False), previous=old.states).result
    assert len(new.born) == 1
    born = next(t for t in new.themes if t.id == new.born[0])
    assert sum(labels[int(i[1:])] == 5 for i in born.memory_ids) >= 0.9 * size
    stayed = [old.result.assignments[told[i].id] == new.assignments[told[i].id] for i in known]
    assert np.mean(stayed) >= 0.97


def test_an_old_grouping_gives_way_to_one_that_is_clearly_better_or_wanted_otherwise() -> None:
    x, labels = blobs(6, 20, spread=0.7)
    told = memories(len(x), labels)
    options = ClusterOptions(map=False)
    fresh = cluster(told, x, options)
    wrong = np.arange(len(x)) % 2
    centre = x.mean(axis=0)
    poor = [
        replace(fresh.states[j], id=f"old{j}", memory_ids=tuple(told[i].id for i in np.flatnonzero(wrong == j)))
        for j in range(2)
    ]
    poor = [replace(state, centroid=(centre / np.linalg.norm(centre)).astype(np.float32)) for state in poor]
    assert len(cluster(told, x, options, previous=poor).result.themes) == len(fresh.result.themes)
    finer = ClusterOptions(map=False, granularity=1.0)
    assert len(cluster(told, x, finer, previous=fresh.states).result.themes) == len(
        cluster(told, x, finer).result.themes
    )

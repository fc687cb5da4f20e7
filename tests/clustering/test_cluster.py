"""What holds for every result of ``cluster``."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from reverie.clustering import Steps, cluster
from reverie.clustering.grouping import Labels, Neighbourhood, group, neighbourhood
from reverie.clustering.labels import Label
from reverie.contracts import ClusterOptions, ClusterResult, Memory
from reverie.embedding import HashEmbedder
from reverie.embedding.base import OnProgress, Vectors
from tests.clustering.sets import blobs, memories


def labels_of(result: ClusterResult, ids: list[str]) -> list[str]:
    return [result.assignments[i] or f"alone {i}" for i in ids]


def check_whole(result: ClusterResult, given_ids: list[str]) -> None:
    in_themes = [i for t in result.themes for i in t.memory_ids]
    assert sorted(in_themes + result.unclustered) == sorted(given_ids)
    assert set(result.assignments) == set(given_ids)
    for theme in result.themes:
        assert theme.size == len(theme.memory_ids) >= 2
        assert all(result.assignments[i] == theme.id for i in theme.memory_ids)
        assert set(theme.representative_ids) <= set(theme.memory_ids)
        assert theme.representative_ids
        assert -1.0 <= theme.cohesion <= 1.0
        below = [i for s in theme.subthemes for i in s.memory_ids]
        assert len(below) == len(set(below))
        assert set(below) <= set(theme.memory_ids)
    assert all(result.assignments[i] is None for i in result.unclustered)
    folded = [t.label.casefold() for t in result.themes]
    assert len(folded) == len(set(folded))
    assert len({t.id for t in result.themes}) == len(result.themes)
    if result.map is not None:
        assert [p.id for p in result.map] == given_ids
        assert all(abs(p.x) <= 1 and abs(p.y) <= 1 for p in result.map)


texts = st.lists(
    st.one_of(
        st.text(min_size=1, max_size=40).filter(lambda t: t.strip() and "\x00" not in t),
        st.sampled_from(
            ["猫が好きです", "Я люблю кошек", "أحب القطط كثيرا", "😀😀", "a cat", "A cat!", "...", "1 2 3"]
        ),
    ),
    max_size=24,
)


@settings(max_examples=40, deadline=None)
@given(texts, st.sampled_from(["coarse", "medium", "fine", 0.0, 1.0]), st.sampled_from([None, 1, 3]))
def test_every_memory_is_in_exactly_one_theme_or_unclustered(told: list[str], granularity: object, most: int) -> None:
    given_memories = [Memory(id=f"id{i}", text=t) for i, t in enumerate(told)]
    options = ClusterOptions.model_validate({"granularity": granularity, "max_themes": most})
    x = HashEmbedder(dimensions=64).embed(told).vectors
    result = cluster(given_memories, x, options).result
    check_whole(result, [m.id for m in given_memories])
    if most:
        assert len(result.themes) <= most


@pytest.mark.parametrize(
    ("groups", "size"),
    [
        (4, 12),  # the tree
        (9, 60),  # communities
    ],
)
def test_groups_that_are_plain_to_see_are_found(groups: int, size: int) -> None:
    x, labels = blobs(groups, size)
    told = memories(len(x), labels)
    result = cluster(told, x).result
    check_whole(result, [m.id for m in told])
    assert adjusted_mutual_info_score(labels, labels_of(result, [m.id for m in told])) > 0.95


@pytest.mark.parametrize("count", [70, 600])
def test_the_same_input_gives_the_same_bytes(count: int) -> None:
    x, labels = blobs(5, count // 5, spread=1.2)
    told = memories(len(x), labels)
    one, two = (cluster(told, x, ClusterOptions(seed=3)).result.model_dump_json() for _ in range(2))
    assert one == two


@pytest.mark.parametrize("count", [90, 600])
def test_noise_in_the_last_bits_of_vectors_changes_no_theme(count: int) -> None:
    x, labels = blobs(6, count // 6, spread=0.9)
    told = memories(len(x), labels)
    noisy = (x + np.random.default_rng(1).normal(scale=1e-8, size=x.shape)).astype(np.float32)
    assert cluster(told, x).result.assignments == cluster(told, noisy).result.assignments


def test_the_order_of_a_small_set_does_not_matter() -> None:
    x, labels = blobs(5, 14, spread=0.8)
    told = memories(len(x), labels)
    order = np.random.default_rng(0).permutation(len(x))
    straight = cluster(told, x).result
    mixed = cluster([told[i] for i in order], x[order]).result
    ids = [m.id for m in told]
    assert adjusted_rand_score(labels_of(straight, ids), labels_of(mixed, ids)) == 1.0


def test_finer_never_means_fewer_themes() -> None:
    for groups, size in ((6, 12), (8, 70)):
        x, labels = blobs(groups, size, spread=1.3)
        told = memories(len(x), labels)
        counts = [
            len(cluster(told, x, ClusterOptions(granularity=g, map=False)).result.themes)
            for g in (0.0, 0.25, 0.5, 0.75, 1.0)
        ]
        assert counts == sorted(counts)
        assert counts[0] < counts[-1]


def test_none_one_and_two_memories() -> None:
    empty = cluster([], np.empty((0, 64), dtype=np.float32)).result
    assert (empty.themes, empty.unclustered, empty.map) == ([], [], [])
    x, _ = blobs(2, 1)
    one = cluster(memories(1), x[:1]).result
    assert (one.themes, one.unclustered) == ([], ["m0"])
    alike = cluster(memories(2), np.stack([x[0], x[0] * 0.9 + x[1] * 0.1])).result
    assert [t.size for t in alike.themes] == [2]
    apart = cluster(memories(2), np.stack([x[0], -x[0]])).result
    assert apart.unclustered == ["m0", "m1"]


def test_copies_of_one_text_are_one_theme_and_nothing_else_is() -> None:
    told = [Memory(id=str(i), text="I like cats" + "!" * i) for i in range(30)]
    x, _ = blobs(1, 1)
    result = cluster(told, np.repeat(x, 30, axis=0)).result
    assert [t.size for t in result.themes] == [30]


def test_near_duplicates_stay_together_without_making_themes_of_themselves() -> None:
    x, labels = blobs(4, 12)
    rng = np.random.default_rng(2)
    lone = rng.normal(size=64)
    lone /= np.linalg.norm(lone)
    flood = lone + rng.normal(scale=0.005, size=(60, 64))
    vectors = np.concatenate([x, flood]).astype(np.float32)
    told = memories(len(x), labels) + [Memory(id=f"f{i}", text=f"buy {i} coins now") for i in range(60)]
    result = cluster(told, vectors).result
    check_whole(result, [m.id for m in told])
    assert result.stats["distinct"] == len(x) + 1
    assert len({result.assignments[f"f{i}"] for i in range(60)}) == 1
    assert adjusted_mutual_info_score(labels, labels_of(result, [f"m{i}" for i in range(len(x))])) > 0.9


@pytest.mark.parametrize("size", [30, 110])
def test_what_belongs_nowhere_is_unclustered_and_little_else(size: int) -> None:
    x, labels = blobs(5, size, spread=0.5)
    rng = np.random.default_rng(4)
    strange = rng.normal(size=(6, 64))
    strange = (strange / np.linalg.norm(strange, axis=1, keepdims=True)).astype(np.float32)
    told = [*memories(len(x), labels), *(Memory(id=f"s{i}", text=f"odd {i} thing") for i in range(6))]
    result = cluster(told, np.concatenate([x, strange])).result
    assert sum(i.startswith("s") for i in result.unclustered) >= 5
    assert sum(i.startswith("m") for i in result.unclustered) <= 0.05 * len(x)


def test_large_themes_of_large_sets_have_subthemes() -> None:
    x, labels = blobs(4, 180, spread=0.4)
    sub = np.random.default_rng(0).integers(0, 3, len(x))
    directions = np.linalg.qr(np.random.default_rng(1).normal(size=(64, 64)))[0]
    mixed = x + 0.5 * directions[labels * 3 + sub]
    vectors = (mixed / np.linalg.norm(mixed, axis=1, keepdims=True)).astype(np.float32)
    result = cluster(memories(len(x), labels), vectors, ClusterOptions(granularity=0.1)).result
    ids = [f"m{i}" for i in range(len(x))]
    check_whole(result, ids)
    inner = {i: s.id for t in result.themes for s in t.subthemes for i in s.memory_ids}
    assert adjusted_mutual_info_score(labels * 3 + sub, [inner.get(i, i) for i in ids]) > 0.8
    assert adjusted_mutual_info_score(labels, labels_of(result, ids)) > 0.8


def test_fewest_members_and_most_themes_are_kept() -> None:
    x, labels = blobs(8, 20, spread=0.9)
    told = memories(len(x), labels)
    assert all(t.size >= 15 for t in cluster(told, x, ClusterOptions(min_cluster_size=15)).result.themes)
    assert len(cluster(told, x, ClusterOptions(max_themes=3)).result.themes) == 3


def test_progress_is_told_and_may_stop_the_work() -> None:
    class Stop(Exception):
        pass

    x, labels = blobs(6, 100)
    told = memories(len(x), labels)
    seen: list[str] = []
    cluster(told, x, on_progress=lambda stage, done, total: seen.append(stage))
    assert {"clustering", "labelling", "mapping"} == set(seen)
    for stage in ("clustering", "labelling", "mapping"):

        def stop(at: str, done: int, total: int, wanted: str = stage) -> None:
            if at == wanted:
                raise Stop

        with pytest.raises(Stop):
            cluster(told, x, on_progress=stop)


def test_vectors_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="3 memories, but 2 vectors"):
        cluster(memories(3), np.eye(2, dtype=np.float32))


def test_a_labeler_names_themes_unless_it_declines_or_repeats_itself() -> None:
    x, labels = blobs(3, 10)
    told = memories(len(x), labels)
    named = cluster(told, x, labeler=lambda groups, names: ["Pets", None, "pets"]).result
    assert sorted(t.label_source for t in named.themes) == ["keywords", "keywords", "llm"]
    assert [t.label for t in named.themes if t.label_source == "llm"] == ["Pets"]


def test_neighbours_are_near_on_the_map() -> None:
    x, labels = blobs(6, 25, spread=0.6)
    told = memories(len(x), labels)
    points = cluster(told, x).result.map
    assert points is not None
    xy = np.array([[p.x, p.y] for p in points])
    d = np.linalg.norm(xy[:, None] - xy[None], axis=2)
    np.fill_diagonal(d, np.inf)
    near = np.argsort(d, axis=1)[:, :5]
    assert (labels[near] == labels[:, None]).mean() > 0.9


@pytest.mark.parametrize(("groups", "size"), [(10, 30), (12, 60)])
def test_granularity_moves_smoothly_from_coarse_to_fine(groups: int, size: int) -> None:
    x, _ = blobs(groups, size, spread=1.3)
    near = neighbourhood(x)
    counts = [int(group(x, near, g).max()) + 1 for g in np.linspace(0.0, 1.0, 21)]
    assert counts == sorted(counts)
    # A twentieth of the way is 15 % more groups; whole groups and rounding leave room for a little more.
    assert all(after <= before * 1.35 + 1 for before, after in itertools.pairwise(counts))
    assert counts[-1] >= 3 * counts[10] >= 9 * counts[0]


def test_each_step_may_be_replaced() -> None:
    x, labels = blobs(4, 120)
    told = memories(len(x), labels)
    called: list[str] = []

    def near(x: Vectors, seed: int, on_progress: OnProgress) -> Neighbourhood:
        called.append("neighbourhood")
        return neighbourhood(x, seed, on_progress)

    def halves(x: Vectors, near: Neighbourhood, granularity: float, on_progress: OnProgress) -> Labels:
        return np.arange(len(x)) % 2

    def nobody_leaves(*given: Any) -> Labels:
        return given[2]

    def no_parts(x: Vectors, graph: Any, rows: Any) -> Labels:
        called.append("divide")
        return np.zeros(len(rows), dtype=np.int64)

    def numbers(*given: Any) -> list[Label]:
        return [Label(f"number {i}", []) for i in range(len(given[2]))]

    def line(near: Neighbourhood, seed: int, on_progress: OnProgress) -> Any:
        return np.linspace(-1, 1, len(near.index)).astype(np.float32)[:, None].repeat(2, axis=1)

    steps = Steps(near, halves, nobody_leaves, no_parts, numbers, line)
    result = cluster(told, x, steps=steps).result
    check_whole(result, [m.id for m in told])
    assert sorted(t.memory_ids for t in result.themes) == sorted([m.id for m in told[i::2]] for i in (0, 1))
    assert sorted(t.label for t in result.themes) == ["number 0", "number 1"]
    assert result.map is not None
    assert [p.x for p in result.map] == sorted(p.x for p in result.map)
    assert set(called) == {"neighbourhood", "divide"}

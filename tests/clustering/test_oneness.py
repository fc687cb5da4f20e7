"""One claim in many wordings is one theme, and a message that is repeated is one too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reverie.clustering import cluster
from reverie.clustering.oneness import joined, repeated
from reverie.contracts import ClusterOptions, ClusterResult, Memory
from reverie.embedding import Embedder, create_embedder
from tests.clustering.sets import blobs, memories

OTHERS = [
    "I am allergic to penicillin",
    "My sister lives in Oslo",
    "I work as a nurse",
    "I love chess",
    "my car broke down",
    "we bought a house in May",
]


@pytest.fixture(scope="module")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return create_embedder("auto", "all-MiniLM-L6-v2", data_dir=Path(tmp_path_factory.mktemp("models")))


def themes(embedder: Embedder, texts: list[str], **options: object) -> ClusterResult:
    found = [Memory(id=str(i), text=text) for i, text in enumerate(texts)]
    return cluster(found, embedder.embed(texts).vectors, ClusterOptions(map=False, **options)).result  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [300, 500])
@pytest.mark.parametrize("granularity", ["medium", "fine"])
def test_one_sentence_with_other_numbers_is_one_theme(minilm: Embedder, count: int, granularity: str) -> None:
    texts = [f"Momo the dog walked {i + 1} metres in the park today" for i in range(count)]
    found = themes(minilm, texts, granularity=granularity)
    assert [(theme.size, theme.subthemes) for theme in found.themes] == [(count, [])]


def test_copies_of_a_message_are_treated_alike_and_are_a_theme(minilm: Embedder) -> None:
    said = ["gm", "gm gm", "good morning", "morning!!"]
    found = themes(minilm, [text for text in said for _ in range(35)] + OTHERS)
    for start in range(0, 140, 35):
        assert len({found.assignments[str(i)] for i in range(start, start + 35)}) == 1
        assert found.assignments[str(start)] is not None


def test_a_text_said_twice_is_no_theme_by_itself(minilm: Embedder) -> None:
    found = themes(minilm, ["the weather is dull", "the weather is dull", *OTHERS, "Steuererklärung fertig"])
    assert all(theme.size > 2 for theme in found.themes)


def test_groups_that_are_apart_stay_apart() -> None:
    x, labels = blobs(5, 20)
    assert (joined(x, labels) == labels).all()


def test_groups_of_one_direction_become_one_and_what_has_none_stays_out() -> None:
    x, _ = blobs(1, 60, spread=0.1)
    labels = np.arange(60) % 4 - 1
    found = joined(x, labels)
    assert set(found[labels >= 0].tolist()) == {0}
    assert (found[labels < 0] == -1).all()


def test_only_what_is_said_five_times_and_has_no_theme_gets_its_own() -> None:
    x = np.eye(4, dtype=np.float32)
    labels = np.array([0, -1, -1, -1])
    assert repeated(x, labels, np.array([9, 5, 4, 7]), 2).tolist() == [0, 2, -1, 1]
    assert repeated(x, labels, np.array([9, 5, 4, 7]), 6).tolist() == [0, -1, -1, 1]


def test_a_grouping_of_distinct_subjects_is_what_it_was() -> None:
    x, labels = blobs(6, 15)
    sizes = sorted(theme.size for theme in cluster(memories(90, labels), x).result.themes)
    assert sizes == [15] * 6

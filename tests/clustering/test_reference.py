"""``REVERIE_STEPS=sklearn``: the engine with scikit-learn's AgglomerativeClustering as its grouping."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_mutual_info_score

from reverie.clustering import Steps, cluster, options_of, reference
from reverie.clustering.reference import steps_named
from reverie.contracts import ClusterOptions
from reverie.errors import MissingExtra, TooLarge
from tests.clustering.sets import blobs, memories


def test_the_groups_are_those_of_scikit_learn() -> None:
    x, labels = blobs(5, 20, spread=0.4)
    theirs = AgglomerativeClustering(n_clusters=None, distance_threshold=0.75, metric="cosine", linkage="average")
    told = memories(len(x), labels)
    result = cluster(told, x, ClusterOptions(seed=1), steps=steps_named("sklearn")).result
    found = [result.assignments[m.id] for m in told]
    assert adjusted_mutual_info_score([str(group) for group in found], theirs.fit_predict(x)) == pytest.approx(1.0)
    assert result.stats["method"] == "sklearn"


def test_finer_means_more_groups() -> None:
    x, _ = blobs(12, 15, spread=1.2)
    near = Steps().neighbourhood(x, 0, lambda *_: None)
    counts = [int(steps_named("sklearn").group(x, near, g, lambda *_: None).max()) + 1 for g in (0.0, 0.5, 1.0)]
    assert counts[0] < counts[1] < counts[2]


def test_themes_of_the_other_steps_keep_their_ids_and_are_not_carried_on() -> None:
    x, labels = blobs(4, 12, spread=0.4)
    told = memories(len(x), labels)
    own = cluster(told, x)
    theirs = cluster(told, x, previous=own.states, steps=steps_named("sklearn"))
    assert {t.id for t in theirs.result.themes} == {t.id for t in own.result.themes}
    assert {s.made_by.removesuffix(" sklearn") for s in theirs.states} == {s.made_by for s in own.states}
    assert options_of(theirs.states) == options_of(own.states)

    def one(x: np.ndarray, *_: object) -> np.ndarray:
        return np.zeros(len(x), dtype=np.int64)

    # Carried on, the four themes would stay whatever a new grouping says.
    assert len(cluster(told, x, previous=own.states, steps=Steps(group=one, name="one")).result.themes) == 1


def test_more_texts_than_fit_are_refused_with_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "LARGEST", 10)
    x, labels = blobs(2, 6)
    with pytest.raises(TooLarge, match=r"at most 10 different texts, not 12: REVERIE_STEPS=own"):
        cluster(memories(12, labels), x, steps=steps_named("sklearn"))


def test_without_scikit_learn_the_cure_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    with pytest.raises(MissingExtra, match=r"REVERIE_STEPS=sklearn needs: pip install 'reverie\[sklearn\]'"):
        steps_named("sklearn")

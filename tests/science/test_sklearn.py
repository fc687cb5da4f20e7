"""``ThemeClusterer`` as scikit-learn and BERTopic use a clusterer."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer
from sklearn.utils.estimator_checks import parametrize_with_checks

from reverie.clustering import cluster
from reverie.contracts import ClusterOptions
from reverie.embedding import HashEmbedder
from reverie.embedding.calibration import Scale
from reverie.sklearn import ThemeClusterer
from tests.clustering.sets import blobs, memories

SUBJECTS = {
    "cat": ["my cat sleeps all day", "the cat hates the vacuum", "cat food is expensive", "our cat chased a bird"],
    "guitar": ["guitar practice in the evening", "new guitar strings", "my guitar teacher is kind", "guitar solo done"],
    "bread": ["bread rises in the oven", "sourdough bread for breakfast", "bread recipe of grandma", "rye bread again"],
}
TEXTS = [text for texts in SUBJECTS.values() for text in texts]


def embed(texts):
    """(n, d) vectors that are near where words are shared."""
    return HashEmbedder().embed(list(texts)).vectors


# No check is expected to fail; scikit-learn itself skips array_api without its own variable.
@parametrize_with_checks([ThemeClusterer()])
def test_it_passes_scikit_learns_checks_of_an_estimator(estimator, check):
    check(estimator)


def test_it_finds_known_groups_and_puts_new_rows_into_them():
    x, truth = blobs(6, 40, d=64)
    model = ThemeClusterer(seed=3).fit(x[:200])
    assert adjusted_rand_score(truth[:200], model.labels_) > 0.9
    sizes = np.bincount(model.labels_[model.labels_ >= 0]).tolist()
    assert sizes == sorted(sizes, reverse=True)
    placed = model.predict(x[200:])
    inside = placed >= 0
    assert inside.mean() > 0.75  # those seldom seen so far from a centre are left out
    assert adjusted_rand_score(truth[200:][inside], placed[inside]) == 1.0
    labels, closeness = model.approximate_predict(model.cluster_centers_)
    assert labels.tolist() == list(range(len(model.cluster_centers_)))
    assert closeness == pytest.approx(1.0, abs=1e-4)


def test_a_new_row_unlike_every_theme_belongs_to_none():
    x, _ = blobs(4, 30, d=64)
    model = ThemeClusterer().fit(x)
    assert model.predict([-model.cluster_centers_.sum(axis=0), np.zeros(64)]).tolist() == [-1, -1]
    alone = ThemeClusterer().fit(x[:1])
    assert (alone.labels_.tolist(), alone.predict(x[:2]).tolist()) == ([-1], [-1, -1])


def test_its_themes_are_those_of_the_engine_that_serves_requests():
    vectors, truth = blobs(5, 20)
    kept = [m.model_copy(update={"id": str(i)}) for i, m in enumerate(memories(len(vectors), truth))]
    result = cluster(kept, vectors, ClusterOptions(granularity="fine", max_themes=4, seed=7)).result
    model = ThemeClusterer("fine", max_themes=4, seed=7).fit(vectors, texts=[m.text for m in kept])
    where = {theme.id: number for number, theme in enumerate(result.themes)}
    assert model.labels_.tolist() == [where.get(result.assignments[m.id] or "", -1) for m in kept]
    assert model.theme_names_ == [theme.label for theme in result.themes]


def test_texts_name_the_themes():
    model = ThemeClusterer().fit(embed(TEXTS), texts=TEXTS)
    assert model.theme_names_ is not None
    assert len(model.theme_names_) == len(model.cluster_centers_)
    assert any("bread" in name.lower() for name in model.theme_names_)
    assert ThemeClusterer().fit(embed(TEXTS)).theme_names_ is None


def test_it_ends_a_pipeline_that_begins_with_texts():
    pipeline = make_pipeline(FunctionTransformer(embed), Normalizer(), ThemeClusterer(max_themes=3))
    labels = pipeline.fit_predict(TEXTS, themeclusterer__texts=TEXTS)
    assert labels.tolist() == pipeline[-1].labels_.tolist()
    assert pipeline.predict(["the cat sleeps", "bread in the oven"]).tolist() == [labels[0], labels[8]]


def test_parameters_are_read_set_and_cloned():
    model = ThemeClusterer(0.7, min_cluster_size=3, scale=Scale(((0.2, 0.8),)))
    assert clone(model).get_params() == model.get_params()
    assert model.set_params(granularity="coarse", max_themes=2).get_params()["max_themes"] == 2
    x, _ = blobs(6, 10)
    assert len(ThemeClusterer(max_themes=2).fit(x).cluster_centers_) == 2


@pytest.mark.parametrize(
    ("wrong", "texts", "said"),
    [
        ({"granularity": "huge"}, None, "granularity"),
        ({"min_cluster_size": 1}, None, "min_cluster_size"),
        ({"max_themes": 0}, None, "max_themes"),
        ({}, ["one"], "1 texts for 12 rows"),
        ({}, "one text", "texts is one text"),
        ({}, [*TEXTS[:11], None], r"texts\[11\]"),  # a missing value of a table
        ({}, [*TEXTS[:11], " "], "blank"),
    ],
)
def test_what_cannot_be_used_is_named(wrong, texts, said):
    with pytest.raises(ValueError, match=said):
        ThemeClusterer(**wrong).fit(embed(TEXTS), texts=texts)


def test_bertopic_takes_it_in_place_of_hdbscan():
    bertopic = pytest.importorskip("bertopic")
    pytest.importorskip("hdbscan")  # BERTopic asks whether a clusterer is one before it places new texts
    from bertopic.dimensionality import BaseDimensionalityReduction

    vectors = embed(TEXTS)
    clusterer = ThemeClusterer()
    topics = bertopic.BERTopic(hdbscan_model=clusterer, umap_model=BaseDimensionalityReduction(), embedding_model=None)
    found, _ = topics.fit_transform(TEXTS, embeddings=vectors)
    # BERTopic numbers its topics by size, as the themes already are.
    assert adjusted_rand_score(clusterer.labels_, found) == 1.0
    assert {-1, *found} >= set(topics.get_topics())
    words = " ".join(word for topic in topics.get_topics().values() for word, _ in topic)
    assert "bread" in words
    new, _ = topics.transform(["bread in the oven"], embeddings=embed(["bread in the oven"]))
    assert new[0] == found[8]

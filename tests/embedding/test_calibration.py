"""Cosines of any model on one scale, and constants that are all written on it."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reverie.analysis
import reverie.clustering
from reverie.analysis import analyze, recall
from reverie.clustering import cluster
from reverie.contracts import Memory, RecallOptions
from reverie.embedding import HashEmbedder, ModelSpec
from reverie.embedding.base import Embeddings
from reverie.embedding.calibration import (
    NEAR,
    REFERENCE,
    SAME,
    UNRELATED,
    Centring,
    Cosine,
    Scale,
    scale_from,
    scale_of,
)
from reverie.embedding.measuring import (
    RANKS,
    Scales,
    measure,
    pair_cosines,
    sentences,
    texts_to_measure,
)

SQUEEZED = Scale(((0.1, 0.86), (0.3, 0.89), (0.5, 0.92), (0.8, 0.96), (0.97, 0.99)))
"""What raw multilingual-e5 is like: everything is near everything."""

SPEC = ModelSpec("m", "1", 3, "p")


def engine_modules() -> list[Any]:
    found = []
    for package in (reverie.analysis, reverie.clustering):
        found += [
            importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)
        ]
    return found


def test_a_scale_goes_there_and_back_and_never_turns() -> None:
    own = np.array([SQUEEZED.own(x) for x in np.linspace(-1, 1, 201)])
    assert (np.diff(own) > 0).all()
    np.testing.assert_allclose(SQUEEZED.read(own), np.linspace(-1, 1, 201), atol=1e-9)
    assert SQUEEZED.read(SQUEEZED.own(0.72)) == pytest.approx(0.72)
    assert SQUEEZED.read(own.astype(np.float32)).dtype == np.float32


def test_the_reference_changes_nothing_at_all() -> None:
    cosines = np.random.default_rng(0).uniform(-1, 1, 50).astype(np.float32)
    assert REFERENCE.read(cosines) is cosines
    assert REFERENCE.own(0.72) == 0.72
    assert scale_of("sentence-transformers/all-MiniLM-L6-v2") is REFERENCE
    assert scale_of("text-embedding-3-small") is None


def test_relevance_is_zero_for_the_unrelated_and_one_for_the_same_in_every_model() -> None:
    for scale in (REFERENCE, SQUEEZED):
        assert scale.relevance(scale.own(UNRELATED)) == pytest.approx(0.0, abs=1e-9)
        assert 0.5 < scale.relevance(scale.own(NEAR)) < 0.7
        assert scale.relevance(scale.own(SAME)) == pytest.approx(1.0)
    assert (SQUEEZED.relevance(np.array([-1.0, 0.5, 0.84])) == 0).all()


@pytest.mark.parametrize("knots", [((0.5, 0.5), (0.4, 0.6)), ((0.2, 0.3), (0.5, 0.3)), ((0.5, 1.2),)])
def test_knots_that_do_not_rise_are_refused(knots: Any) -> None:
    with pytest.raises(ValueError, match="rise"):
        Scale(knots)


class Squeezed(HashEmbedder):
    """A model whose vectors all point one way."""

    @property
    def model(self) -> ModelSpec:
        return replace(super().model, provider="squeezed", scale=None)

    def embed(self, texts: Any, **options: Any) -> Embeddings:
        vectors = super().embed(texts).vectors + 2.0 * np.eye(256, dtype=np.float32)[0]
        return Embeddings(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def test_a_models_scale_is_measured_from_the_packages_sentences() -> None:
    plain, squeezed = measure(HashEmbedder()), measure(Squeezed())
    assert squeezed.own(0.1) > 0.75 > 0.3 > plain.own(0.1)
    ours = plain.read(pair_cosines(HashEmbedder().embed(texts_to_measure()).vectors))
    theirs = squeezed.read(pair_cosines(Squeezed().embed(texts_to_measure()).vectors))
    # Both models now say "above this level" of the same share of pairs as the reference does.
    for level in (0.1, 0.5, 0.8):
        assert (ours < level).mean() == pytest.approx(RANKS[level], abs=0.02)
        assert (theirs < level).mean() == pytest.approx(RANKS[level], abs=0.02)


def test_a_scale_is_measured_once_and_kept_for_the_next_process(tmp_path: Path) -> None:
    asked: list[int] = []

    class Counted(Squeezed):
        def embed(self, texts: Any, **options: Any) -> Embeddings:
            asked.append(len(texts))
            return super().embed(texts)

    first = Scales(tmp_path)
    assert first.known(Counted().model) is None
    scale = first.of(Counted())
    assert first.of(Counted()) is scale
    assert Scales(tmp_path).of(Counted()) == scale
    assert asked == [len(texts_to_measure())]
    assert Scales(tmp_path).known(SPEC) is None
    assert Scales(tmp_path).of(HashEmbedder()) is REFERENCE
    next((tmp_path / "scales").iterdir()).write_text('{"knots": [[0.5')
    assert Scales(tmp_path).known(Counted().model) is None


def test_levels_that_a_model_does_not_tell_apart_are_left_out() -> None:
    assert scale_from(np.zeros(100), {0.2: 0.5, 0.5: 0.8, 0.9: 0.99}).knots == ((0.2, 0.0),)
    assert scale_from(np.ones(100), {0.2: 0.5}).knots == ()


def test_every_similarity_of_the_engines_is_read_through_a_scale() -> None:
    """Constants that are similarities have the type, and no comparison uses one beside an unread product."""
    found: dict[str, float] = {}
    for module in engine_modules():
        source = Path(module.__file__).read_text()
        own = {n: v for n, v in vars(module).items() if isinstance(v, Cosine)}
        found |= {f"{module.__name__.removeprefix('reverie.')}.{name}": float(value) for name, value in own.items()}
        if own:
            assert "scale" in source or ".contradictions" in module.__name__, module.__name__
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.Compare):
                continue
            sides = [node.left, *node.comparators]
            parts = [n for side in sides for n in ast.walk(side)]
            multiplied = any(isinstance(n, ast.BinOp) and isinstance(n.op, ast.MatMult) for n in parts)
            constant = any(isinstance(n, ast.Constant) and isinstance(n.value, float) for n in parts)
            named = any(isinstance(n, ast.Name) and n.id in own for n in parts)
            read = "scale." in ast.unparse(node)
            assert not (multiplied and (constant or named)) or read, f"{module.__name__}:{node.lineno}"
    for level in (SAME, NEAR, UNRELATED):
        assert level in found.values()
    assert {"clustering.pipeline._PAIR", "clustering.placing._MARGIN", "clustering.outliers._UNRELATED"} <= set(found)
    assert {"clustering.duplicates._ALIKE", "clustering.identity._SAME_CENTRE"} <= set(found)
    assert {"analysis.duplicates._CLOSE", "analysis.contradictions.SUBJECT", "analysis.importance.SAME"} <= set(found)


def squeeze(vectors: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The same vectors in a model in which 1 - cosine is a tenth: one more dimension that all share."""
    shared = np.full((len(vectors), 1), np.sqrt(0.9), dtype=np.float32)
    return np.hstack([np.sqrt(np.float32(0.1)) * vectors, shared]).astype(np.float32)


TENTH = Scale(((0.0, 0.9), (0.5, 0.95)))

TEXTS = [
    f"{subject} {detail}"
    for subject in ("my cat sleeps on", "we hiked over", "green tea from")
    for detail in ("the sofa", "the sofa again", "the hills", "the hills of Wales", "a box", "a small box in the hall")
]


def test_a_squeezed_model_gives_the_same_analysis_as_the_one_it_was_made_of() -> None:
    memories = [Memory(id=str(i), text=text) for i, text in enumerate(TEXTS)]
    vectors = HashEmbedder(128).embed(TEXTS).vectors
    from tests.analysis.people import NOW

    one = analyze(memories, vectors, now=NOW)
    two = analyze(memories, squeeze(vectors), now=NOW, scale=TENTH)
    assert [g.memory_ids for g in one.duplicates] == [g.memory_ids for g in two.duplicates]
    assert one.core == two.core
    assert one.graph is not None
    assert two.graph is not None
    assert [c.memory_ids for c in one.graph.communities] == [c.memory_ids for c in two.graph.communities]
    raw = analyze(memories, squeeze(vectors), now=NOW)
    assert raw.graph is not None
    # Unread, everything is near everything.
    assert len(raw.graph.communities) < len(one.graph.communities) or len(raw.graph.isolated) < len(one.graph.isolated)


def test_a_squeezed_model_gives_the_same_themes_and_answers() -> None:
    memories = [Memory(id=str(i), text=text) for i, text in enumerate(TEXTS)]
    vectors = HashEmbedder(128).embed(TEXTS).vectors
    question = HashEmbedder(128).embed(["tea box"]).vectors
    one = cluster(memories, vectors).result
    two = cluster(memories, squeeze(vectors), scale=TENTH).result
    assert [t.memory_ids for t in one.themes] == [t.memory_ids for t in two.themes]
    assert one.unclustered == two.unclustered
    pair = [memories[0], memories[8]]
    rows = vectors[[0, 8]]
    assert cluster(pair, rows).result.themes == cluster(pair, squeeze(rows), scale=TENTH).result.themes == []
    from tests.analysis.people import NOW

    a = recall("tea box", question[0], memories, vectors, RecallOptions(top=5), now=NOW)
    b = recall("tea box", squeeze(question)[0], memories, squeeze(vectors), RecallOptions(top=5), now=NOW, scale=TENTH)
    assert [m.memory_id for m in a.memories] == [m.memory_id for m in b.memories]
    for ours, theirs in zip(a.memories, b.memories, strict=True):
        assert ours.terms.relevance == pytest.approx(theirs.terms.relevance, abs=1e-4)


def test_centring_takes_the_language_away_and_keeps_the_meaning() -> None:
    rng = np.random.default_rng(1)
    topics, tongues = rng.normal(size=(40, 64)), 3 * rng.normal(size=(5, 64))
    said = (topics[None] + tongues[:, None] + 8.0).astype(np.float32)
    said /= np.linalg.norm(said, axis=2, keepdims=True)
    centring = Centring.learnt(said[:, :20], directions=4)
    held_out = np.stack([centring(part) for part in said[:, 20:]])
    to_first = np.einsum("lid,jd->lij", held_out, held_out[0])
    assert (to_first.argmax(axis=2) == np.arange(20)).mean() > 0.95
    raw = np.einsum("lid,jd->lij", said[1:, 20:], said[0, 20:])
    assert (raw.argmax(axis=2) == np.arange(20)).mean() < 0.7
    np.testing.assert_allclose(np.linalg.norm(held_out, axis=2), 1.0, atol=1e-5)


def test_a_centring_is_part_of_a_models_key_and_a_scale_is_not() -> None:
    assert replace(SPEC, centring="0011aabb").key != SPEC.key
    assert replace(SPEC, scale=SQUEEZED).key == SPEC.key
    a = Centring(np.ones(3, dtype=np.float32), np.zeros((0, 3), dtype=np.float32))
    assert a.fingerprint != Centring(np.zeros(3, dtype=np.float32), a.directions).fingerprint


def test_the_sentences_are_distinct_and_of_equal_number() -> None:
    assert len(set(sentences())) == 64
    assert len(set(texts_to_measure())) == len(texts_to_measure())

"""Fewer dimensions, where the model was trained for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reverie.embedding import HashEmbedder, ModelSpec, create_embedder
from reverie.embedding.models import shortens
from reverie.embedding.shorten import shorten
from reverie.errors import InvalidInput

from . import tiny_model

VECTORS = HashEmbedder(256).embed(["my cat sleeps", "green tea", ""]).vectors


@pytest.mark.parametrize(
    ("model", "may"),
    [
        ("nomic-ai/nomic-embed-text-v1.5", True),
        ("text-embedding-3-small", True),
        ("google/embeddinggemma-300m", True),
        ("all-MiniLM-L6-v2", False),  # cutting it would look fine and lose meaning
        ("text-embedding-ada-002", False),
    ],
)
def test_model_cards_say_which_may_be_cut(model: str, may: bool) -> None:
    assert shortens(model) is may


def test_a_model_trained_for_it_gives_shorter_vectors_of_unit_length() -> None:
    short = shorten(VECTORS, 64, ModelSpec("m", "1", 256, "hash", shortens=True))
    assert short.shape == (3, 64)
    np.testing.assert_allclose(np.linalg.norm(short, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(short[0] * np.linalg.norm(VECTORS[0, :64]), VECTORS[0, :64], atol=1e-6)


@pytest.mark.parametrize(("dimensions", "why"), [(64, "not trained"), (257, "has 256")])
def test_any_other_size_is_refused_with_the_reason(dimensions: int, why: str) -> None:
    plain = ModelSpec("plain", "1", 256, "x")
    with pytest.raises(InvalidInput, match=why) as caught:
        shorten(VECTORS, dimensions, plain)
    assert caught.value.extra["errors"][0]["item"] == "options.dimensions"
    np.testing.assert_array_equal(shorten(VECTORS, 256, plain), VECTORS)


def test_a_models_own_files_may_allow_it(tmp_path: Path) -> None:
    tiny_model.build(tmp_path / "own", **{"config_sentence_transformers.json": {"truncate_dim": 16}})
    embedder = create_embedder("ctranslate2", str(tmp_path / "own"), data_dir=tmp_path / "data")
    assert embedder.model.shortens
    embedder.close()

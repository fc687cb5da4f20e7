"""The default model against vectors that SentenceTransformers computed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from reverie.embedding import create_embedder
from reverie.embedding.openvino_backend import refusal
from reverie.errors import UnsupportedModel

REFERENCE = json.loads((Path(__file__).parent / "minilm_reference.json").read_text())


@pytest.mark.parametrize(
    ("engine", "precision", "tolerance"),
    [
        ("ctranslate2", "float32", 1e-5),
        ("ctranslate2", "int8", 0.02),
        ("openvino", "float32", 1e-5),
        ("openvino", "bfloat16", 0.003),
    ],
)
def test_the_default_model_gives_the_vectors_of_sentence_transformers(
    tmp_path: Path, engine: str, precision: str, tolerance: float
) -> None:
    pytest.importorskip(engine)
    if precision == "bfloat16" and refusal(precision):
        with pytest.raises(UnsupportedModel, match="this processor has no bfloat16"):
            create_embedder(engine, precision=precision, data_dir=tmp_path)
        return
    embedder = create_embedder(engine, precision=precision, data_dir=tmp_path)
    known = REFERENCE["first_8_dimensions"]
    found = embedder.embed([row["text"] for row in known]).vectors
    np.testing.assert_allclose(found[:, :8], [row["vector"] for row in known], atol=tolerance)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert embedder.model.dimensions == 384
    embedder.close()

"""A multilingual model by one setting, through the whole service with the real loading code.

The model is tiny and random, but of the family, the folder layout and the name of multilingual E5: so its conversion,
tokenizer, positions, pooling and prefixes are what a real one meets.
"""

from __future__ import annotations

import base64
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from tests.embedding import tiny_model
from tests.live import LiveService

TEXTS = ["the cat drinks green tea", "a dog runs while rain falls", "日本 مرحبا"]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    root = Path(tempfile.mkdtemp(prefix="reverie-model-"))
    yield root / "multilingual-e5-small"
    shutil.rmtree(root)


@pytest.fixture(scope="module")
def weights(folder: Path) -> dict[str, Any]:
    return tiny_model.build(folder, family="xlm-roberta")


@pytest.fixture(scope="module")
def multilingual(database_url: str, redis_url: str, folder: Path, weights: dict[str, Any]) -> Iterator[LiveService]:
    environment = {"REVERIE_MODEL": str(folder), "REVERIE_EMBEDDER": "auto", "CUDA_VISIBLE_DEVICES": ""}
    with LiveService(database_url, redis_url, environment=environment, workers={"worker": ("fast", 1)}) as live:
        yield live
        live.check_invariants()


@pytest.mark.parametrize(("kind", "prefix"), [("document", "passage: "), ("query", "query: ")])
def test_texts_get_their_prefix_and_the_models_vectors(
    multilingual: LiveService, folder: Path, weights: dict[str, Any], kind: str, prefix: str
) -> None:
    with multilingual.client(prefer="wait=30") as client:
        answer = client.post("/embed/submit", json={"user_id": "u", "texts": TEXTS, "options": {"kind": kind}})
    assert answer.status_code == 200, answer.text
    result = answer.json()["result"]
    assert (result["model"]["name"], result["model"]["provider"]) == ("multilingual-e5-small", "ctranslate2")
    found = np.frombuffer(base64.b64decode(result["vectors"]), dtype="<f4").reshape(3, tiny_model.HIDDEN)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    for text, vector in zip(TEXTS, found, strict=True):
        hidden = tiny_model.forward(weights, tokenizer.encode(prefix + text).ids, offset=2)
        np.testing.assert_allclose(vector, tiny_model.unit(hidden.mean(0)), atol=2e-5)


def test_a_size_the_model_was_not_trained_for_is_refused(multilingual: LiveService) -> None:
    with multilingual.client() as client:
        answer = client.post(
            "/v1/embeddings", json={"model": multilingual_name(multilingual), "input": "tea", "dimensions": 8}
        )
    assert answer.status_code == 422
    assert "not trained for shorter" in answer.json()["detail"]


def multilingual_name(service: LiveService) -> str:
    with service.client() as client:
        return str(client.get("/v1/models").json()["data"][0]["id"])

"""The official OpenAI client against a real gateway and worker, over a real socket."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import numpy as np
import openai
import pytest

from reverie.embedding import HashEmbedder
from tests.live import LiveService

TEXTS = ["my cat sleeps", "green tea at night", "🎉 日本語 مرحبا", "my cat sleeps"]
MODEL = "all-MiniLM-L6-v2"  # its name; the test service's vectors come from the fake


@pytest.fixture(scope="module")
def client(service: LiveService) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=service.url + "/v1", api_key=service.key, max_retries=0, timeout=60) as client:
        yield client


def test_a_list_gives_vectors_in_order_and_the_tokens_used(client: openai.OpenAI) -> None:
    found = client.embeddings.create(model=MODEL, input=TEXTS)  # the client asks for base64 on its own
    expected = HashEmbedder().embed(TEXTS)
    np.testing.assert_array_equal([row.embedding for row in found.data], expected.vectors)
    assert [row.index for row in found.data] == [0, 1, 2, 3]
    assert found.model == MODEL
    assert found.usage.prompt_tokens == found.usage.total_tokens > 0


def test_a_single_string_gives_one_vector_in_either_encoding(client: openai.OpenAI) -> None:
    expected = HashEmbedder().embed(["green tea"]).vectors[0]
    as_floats = client.embeddings.create(model=MODEL, input="green tea", encoding_format="float")
    np.testing.assert_array_equal(np.array(as_floats.data[0].embedding, dtype=np.float32), expected)
    as_base64 = client.embeddings.create(model=MODEL, input="green tea", encoding_format="base64")
    raw = base64.b64decode(as_base64.data[0].embedding)  # type: ignore[arg-type]
    np.testing.assert_array_equal(np.frombuffer(raw, dtype="<f4"), expected)


def test_dimensions_shorten_the_vectors_where_the_model_allows_it(client: openai.OpenAI) -> None:
    found = client.embeddings.create(model=MODEL, input=TEXTS, dimensions=64)
    vectors = np.array([row.embedding for row in found.data])
    assert vectors.shape == (4, 64)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    with pytest.raises(openai.UnprocessableEntityError, match="has 256"):
        client.embeddings.create(model=MODEL, input=TEXTS, dimensions=512)


@pytest.mark.parametrize("tokens", [[1, 2, 3], [[1, 2], [3]]])
def test_tokens_are_refused_with_the_reason(client: openai.OpenAI, tokens: list[int]) -> None:
    with pytest.raises(openai.UnprocessableEntityError, match="send the text"):
        client.embeddings.create(model=MODEL, input=tokens)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"input": []}, "input"),
        ({"input": ["tea", ""]}, r"input\[1\]"),
        ({"input": ["tea", 7]}, "input"),
        ({"input": "tea", "model": "text-embedding-3-small"}, MODEL),  # tells which one is served
        ({"input": "tea", "dimensions": 0}, "dimensions"),
        ({"input": "tea", "encoding_format": "int8"}, "encoding_format"),
    ],
)
def test_bad_requests_name_what_is_wrong(client: openai.OpenAI, wrong: dict[str, object], told: str) -> None:
    with pytest.raises(openai.UnprocessableEntityError, match=told):
        client.embeddings.create(**{"model": MODEL, **wrong})  # type: ignore[call-overload]


def test_a_wrong_key_is_an_authentication_error(service: LiveService) -> None:
    with openai.OpenAI(base_url=service.url + "/v1", api_key="wrong", max_retries=0) as stranger:
        with pytest.raises(openai.AuthenticationError):
            stranger.embeddings.create(model=MODEL, input="tea")
        with pytest.raises(openai.AuthenticationError):
            stranger.models.list()


def test_models_lists_what_is_served(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [MODEL]


def test_the_same_texts_again_come_from_the_cache(client: openai.OpenAI, service: LiveService) -> None:
    texts = ["only here", "and here"]
    first = client.embeddings.create(model=MODEL, input=texts, user="someone")
    count = len(service.rows("SELECT id FROM tasks"))
    again = client.embeddings.create(model=MODEL, input=texts, user="someone")
    assert [row.embedding for row in again.data] == [row.embedding for row in first.data]
    assert len(service.rows("SELECT id FROM tasks")) == count

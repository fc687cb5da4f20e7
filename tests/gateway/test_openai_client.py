"""The official OpenAI client against a real gateway and worker, over a real socket."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import openai
import pytest

from reverie.embedding import HashEmbedder
from tests.live import LiveService

TEXTS = ["my cat sleeps", "green tea at night", "🎉 日本語 مرحبا", "my cat sleeps"]
MODEL = "all-MiniLM-L6-v2"  # the configured name; the test service's vectors come from the fake
SERVED = HashEmbedder().model.name  # the fake's own name, which is told to who asks for the models


@pytest.fixture(scope="module")
def client(service: LiveService) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=service.url + "/v1", api_key=service.key, max_retries=0, timeout=60) as client:
        end = time.monotonic() + 60
        while [model.id for model in client.models.list()] != [SERVED] and time.monotonic() < end:
            time.sleep(0.1)  # the worker names its model with its first sign of life
        yield client


def test_a_list_gives_vectors_in_order_and_the_tokens_used(client: openai.OpenAI) -> None:
    found = client.embeddings.create(model=MODEL, input=TEXTS)  # the client asks for base64 on its own
    expected = HashEmbedder().embed(TEXTS)
    np.testing.assert_array_equal([row.embedding for row in found.data], expected.vectors)
    assert [row.index for row in found.data] == [0, 1, 2, 3]
    assert found.model == MODEL
    assert found.model_extra == {"precision": "float32"}, "what the numbers were computed in"
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


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ([13553, 15600], "green tea"),  # one text
        ([[13553, 15600], [2465, 8415]], "green tea"),  # LangChain's way: a list for each text
    ],
)
def test_token_ids_are_turned_back_into_text(client: openai.OpenAI, tokens: list[Any], text: str) -> None:
    found = client.embeddings.create(model=MODEL, input=tokens)
    np.testing.assert_array_equal(found.data[0].embedding, HashEmbedder().embed([text]).vectors[0])


def test_token_ids_are_those_of_the_tokenizer_that_the_request_names(client: openai.OpenAI) -> None:
    found = client.embeddings.create(model=MODEL, input=[22743, 17966], extra_body={"tokenizer": "o200k_base"})
    np.testing.assert_array_equal(found.data[0].embedding, HashEmbedder().embed(["green tea"]).vectors[0])


@pytest.mark.parametrize(
    ("tokens", "told"),
    [([1, 999_999], "input: 999999 is no token of cl100k_base; send the text"), ([[1], [-1]], r"input\[1\]: -1 is no")],
)
def test_numbers_that_are_no_tokens_are_refused_with_the_cure(
    client: openai.OpenAI, tokens: list[Any], told: str
) -> None:
    with pytest.raises(openai.UnprocessableEntityError, match=told):
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
    assert [model.id for model in client.models.list()] == [SERVED]


@pytest.mark.parametrize("name", [MODEL, SERVED, "default", f"sentence-transformers/{MODEL}"])
def test_the_served_model_is_found_by_each_of_its_names(client: openai.OpenAI, name: str) -> None:
    assert client.models.retrieve(name).id == SERVED
    expected = HashEmbedder().embed(["green tea"]).vectors[0]
    found = client.embeddings.create(model=name, input="green tea")
    np.testing.assert_array_equal(found.data[0].embedding, expected)
    assert found.model == name  # clients compare it with what they asked for


def test_a_model_that_is_not_served_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match=f"'gpt-9' is not served here; '{SERVED}' is") as caught:
        client.models.retrieve("gpt-9")
    assert caught.value.code == "model_not_found"


def test_what_of_openai_is_not_served_here_is_not_found_in_openais_words(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="Not Found") as caught:
        client.chat.completions.create(model="default", messages=[{"role": "user", "content": "tea?"}])
    assert (caught.value.type, caught.value.code) == ("invalid_request_error", "not_found")


def test_every_answer_names_its_request(client: openai.OpenAI, service: LiveService) -> None:
    first, second = (client.embeddings.with_raw_response.create(model=MODEL, input="tea") for _ in range(2))
    assert first.request_id.startswith("req_")  # type: ignore[union-attr]
    assert first.request_id != second.request_id
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("gpt-9", extra_headers={"X-Request-Id": "mine-7"})
    assert caught.value.request_id == "mine-7"
    with service.client() as http:
        answers = [http.get(path) for path in ("/healthz", "/docs", "/tasks/none", "/no/such")]
        answers.append(http.post("/cluster/submit", json={"user_id": "1", "memories": []}))
        answers.append(http.get("/healthz", headers={"X-Request-Id": "what\tis this"}))
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert all(name.startswith("req_") for name in ids)
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/chat/completions", 404),  # OpenAI's, not ours
        ("POST", "/no/such/path", 404),
        ("DELETE", "/v1/nothing", 404),
        ("GET", "/no/such/path", 404),
        ("GET", "/v1/embeddings", 405),
        ("POST", "/v1/models/default", 405),
        ("POST", "/tasks/x", 405),
        ("POST", "/docs", 405),
        ("POST", "/", 405),  # the dashboard
        ("PUT", "/js/main.js", 405),
    ],
)
def test_an_unknown_path_is_404_and_a_known_one_405(service: LiveService, method: str, path: str, status: int) -> None:
    with service.client() as http:
        answer = http.request(method, path)
    assert answer.status_code == status
    assert answer.json()["status"] == status
    assert ("error" in answer.json()) == path.startswith(("/v1/chat", "/v1/embeddings", "/v1/models"))
    if status == 405:
        assert method not in answer.headers["allow"].split(", ")
        assert answer.headers["allow"]


def test_the_same_texts_again_come_from_the_cache(client: openai.OpenAI, service: LiveService) -> None:
    texts = ["only here", "and here"]
    first = client.embeddings.create(model=MODEL, input=texts, user="someone")
    count = len(service.rows("SELECT id FROM tasks"))
    again = client.embeddings.create(model=MODEL, input=texts, user="someone")
    assert [row.embedding for row in again.data] == [row.embedding for row in first.data]
    assert len(service.rows("SELECT id FROM tasks")) == count


RECORDED = [
    # What they send at their defaults, recorded with the versions named: each is too large to be installed for this.
    ("openai-node 7.59", '{"model":"default","input":["green tea","x"],"encoding_format":"base64"}'),
    (
        "langchain-openai 1.7",
        '{"model":"all-MiniLM-L6-v2","input":[[13553,15600],[2465,8415,11410,236,231,72490]],"encoding_format":"base64"}',
    ),
    (
        "llama-index-embeddings-openai 0.7",
        '{"model":"all-MiniLM-L6-v2","input":["green tea","my cat"],"encoding_format":"base64"}',
    ),
    ("litellm 1.110", '{"model":"all-MiniLM-L6-v2","input":["green tea"]}'),
]


@pytest.mark.parametrize(("sender", "body"), RECORDED, ids=[sender for sender, _ in RECORDED])
def test_requests_of_other_clients_at_their_defaults_are_answered(service: LiveService, sender: str, body: str) -> None:
    with service.client() as http:
        answer = http.post("/v1/embeddings", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200, (sender, answer.text)
    first = answer.json()["data"][0]["embedding"]
    raw = base64.b64decode(first) if "base64" in body else np.asarray(first, dtype="<f4").tobytes()
    assert raw == HashEmbedder().embed(["green tea"]).vectors[0].astype("<f4").tobytes()

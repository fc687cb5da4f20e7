"""Every provider's adapter, by its official client, against a server that speaks its wire format."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from reverie.embedding import HashEmbedder, create_embedder
from reverie.embedding.providers import PROVIDERS, ProviderEmbedder, Tuning, create_provider, missing
from reverie.embedding.providers.calls import CallFailed
from reverie.embedding.providers.sagemaker import SageMakerService, at, fill, pooled
from reverie.embedding.providers.settings import (
    AzureSettings,
    BedrockSettings,
    OpenAISettings,
    SageMakerSettings,
    VertexSettings,
)
from reverie.errors import InvalidInput, ProviderError, UnsupportedModel
from reverie.testing.cloud import FakeCloud, Fault
from tests.cloud.conftest import SECRET

TEXTS = [f"memory {i} about {'cats' if i % 2 else 'climbing'}" for i in range(24)]


def _openai(cloud: FakeCloud) -> ProviderEmbedder:
    return create_provider("openai", None, OpenAISettings(api_key=SECRET, base_url=f"{cloud.url}/v1"))


def _azure(cloud: FakeCloud) -> ProviderEmbedder:
    return create_provider("azure", None, AzureSettings(api_key=SECRET, endpoint=cloud.url, dimensions=256))


def _sagemaker(cloud: FakeCloud) -> ProviderEmbedder:
    settings = SageMakerSettings(endpoint="minilm", region="eu-west-1", url=cloud.url, batch=10)
    return create_provider("sagemaker", None, settings)


def _titan(cloud: FakeCloud) -> ProviderEmbedder:
    return create_provider("bedrock", None, BedrockSettings(region="eu-west-1", url=cloud.url, dimensions=256))


def _cohere(cloud: FakeCloud) -> ProviderEmbedder:
    settings = BedrockSettings(region="eu-west-1", url=cloud.url, model="eu.cohere.embed-v4:0", dimensions=256)
    return create_provider("bedrock", None, settings)


def _vertex(cloud: FakeCloud) -> ProviderEmbedder:
    settings = VertexSettings(
        project="p", url=cloud.url, model="text-embedding-005", dimensions=256, access_token=SECRET
    )
    return create_provider("vertex", None, settings)


def _gemini(cloud: FakeCloud) -> ProviderEmbedder:
    return create_provider("vertex", None, VertexSettings(project=None, api_key=SECRET, url=cloud.url, dimensions=256))


Make = Callable[[FakeCloud], ProviderEmbedder]
ALL: dict[str, Make] = {
    "openai": _openai,
    "azure": _azure,
    "sagemaker": _sagemaker,
    "titan": _titan,
    "cohere": _cohere,
    "vertex": _vertex,
    "gemini": _gemini,
}


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch, cloud: FakeCloud) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAFAKE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("REVERIE_CLOUD_ATTEMPTS", "3")
    monkeypatch.setenv("REVERIE_CLOUD_TIMEOUT", "60")
    cloud.dimensions = 256


@pytest.fixture(params=list(ALL))
def made(request: pytest.FixtureRequest, cloud: FakeCloud) -> Iterator[ProviderEmbedder]:
    embedder = ALL[request.param](cloud)
    yield embedder
    embedder.close()


def test_texts_become_the_vectors_of_their_order(made: ProviderEmbedder, cloud: FakeCloud) -> None:
    answer = made.embed(TEXTS)
    np.testing.assert_allclose(answer.vectors, HashEmbedder(256).embed(TEXTS).vectors, atol=1e-6)
    assert answer.tokens >= sum(len(text.split()) for text in TEXTS)
    assert sorted(set(cloud.texts()) - {"dimension"}) == sorted(TEXTS)
    assert made.model.dimensions == 256
    assert made.embed(["a question"], kind="query").vectors.shape == (1, 256)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500, body="oops"),
        Fault(status=429, headers={"retry-after": "0"}, body="{}"),
        Fault(truncated=True),
        Fault(dropped=True),
    ],
    ids=["500", "429", "truncated", "dropped"],
)
def test_a_passing_failure_is_tried_again_once_each(made: ProviderEmbedder, cloud: FakeCloud, fault: Fault) -> None:
    assert made.model
    cloud.seen.clear()
    cloud.fail(fault)
    answer = made.embed(TEXTS[:1])
    np.testing.assert_allclose(answer.vectors, HashEmbedder(256).embed(TEXTS[:1]).vectors, atol=1e-6)
    assert len(cloud.seen) == 2, "the client library must not try again on its own"


@pytest.mark.parametrize("status", [400, 401])
def test_a_lasting_failure_fails_at_once_without_secrets(made: ProviderEmbedder, cloud: FakeCloud, status: int) -> None:
    assert made.model
    cloud.seen.clear()
    cloud.always = Fault(status=status, body=json.dumps({"message": f"{SECRET} {TEXTS[0]}"}))
    with pytest.raises(ProviderError) as caught:
        made.embed(TEXTS[:1])
    assert f"HTTP {status}" in caught.value.message
    assert len(cloud.seen) == 1
    for secret in (SECRET, TEXTS[0]):
        assert secret not in repr(caught.value)


def test_a_wrong_dimension_is_refused(made: ProviderEmbedder, cloud: FakeCloud) -> None:
    assert made.model
    cloud.always = Fault(more_dimensions=3)
    with pytest.raises(ProviderError, match="259 dimensions where 256 were expected"):
        made.embed(TEXTS[:2])


def test_a_silent_server_is_a_failure_within_the_timeout(cloud: FakeCloud, made: ProviderEmbedder) -> None:
    assert made.model
    made._retrier.tuning = Tuning(timeout=0.3, attempts=1)
    cloud.fail(Fault(delay=3.5))
    with pytest.raises(ProviderError, match="does not work at the moment"):
        made.embed(TEXTS[:1])


@pytest.mark.parametrize("name", ["sagemaker", "titan"])
def test_an_over_long_text_is_cut(cloud: FakeCloud, name: str) -> None:
    cloud.window = 50
    answer = ALL[name](cloud).embed(["short", " ".join(f"word{i}" for i in range(200))])
    assert answer.truncated == 1


def test_a_wrong_key_is_called_that(cloud: FakeCloud) -> None:
    cloud.key = "another"
    for name in ("openai", "azure", "vertex"):
        with pytest.raises(ProviderError, match="refused the credentials"):
            ALL[name](cloud).embed(["x"])


def test_aws_throttling_is_waited_for(cloud: FakeCloud) -> None:
    made = _titan(cloud)
    cloud.fail(Fault(status=400, headers={"x-amzn-errortype": "ThrottlingException"}, body="{}"))
    assert made.embed(["x"]).vectors.shape == (1, 256)


def test_the_default_dimensions_need_no_call(cloud: FakeCloud) -> None:
    assert create_provider("openai", None, OpenAISettings(api_key=SECRET)).model.dimensions == 1536
    large = create_provider("openai", "text-embedding-3-large", OpenAISettings(api_key=SECRET))
    assert large.model.dimensions == 3072
    assert large.usd_per_million == pytest.approx(0.13)
    assert create_provider("vertex", None, VertexSettings(api_key=SECRET)).model.dimensions == 3072
    assert not cloud.seen


def test_two_servers_with_one_model_name_are_two_models(cloud: FakeCloud) -> None:
    official = create_provider("openai", None, OpenAISettings(api_key=SECRET, dimensions=256))
    assert official.model.key != _openai(cloud).model.key


def test_a_provider_is_an_embedder_by_its_name(
    cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("REVERIE_OPENAI_BASE_URL", f"{cloud.url}/v1")
    monkeypatch.setenv("REVERIE_OPENAI_API_KEY", SECRET)
    embedder = create_embedder("openai", data_dir=tmp_path_factory.mktemp("data"))
    assert embedder.model.provider == "openai"
    assert embedder.embed(["x"]).vectors.shape == (1, 256)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    assert {name: missing(name) is not None for name in PROVIDERS} == dict.fromkeys(PROVIDERS, True)
    assert "OPENAI_API_KEY" in (missing("openai") or "")
    with pytest.raises(UnsupportedModel, match="openai is not configured: set OPENAI_API_KEY"):
        create_provider("openai")
    with pytest.raises(UnsupportedModel, match="no provider 'clippy'"):
        missing("clippy")


def test_sagemaker_requests_and_answers_of_any_shape(cloud: FakeCloud) -> None:
    assert fill({"a": ["$texts"], "k": "$kind"}, ["x", "y"], "query") == {"a": [["x", "y"]], "k": "query"}
    assert at({"data": [{"e": [1]}, {"e": [2]}]}, "data.*.e") == [[1], [2]]
    assert at([[1]], "") == [[1]]
    np.testing.assert_array_equal(pooled([[[1, 3], [3, 5]]], "mean"), [2, 4])
    np.testing.assert_array_equal(pooled([[1, 3], [3, 5]], "cls"), [1, 3])
    with pytest.raises(ValueError, match="POOLING"):
        pooled([[1, 3], [3, 5]], "none")
    for request, says in (("{", "not JSON"), ('{"inputs": 1}', "names neither")):
        with pytest.raises(InvalidInput, match=says):
            SageMakerService(SageMakerSettings(endpoint="e", region="eu-west-1", request=request))
    wrong = SageMakerService(
        SageMakerSettings(endpoint="e", region="eu-west-1", url=cloud.url, response="data.*.embedding")
    )
    with pytest.raises(CallFailed, match="cannot be read"):
        wrong.call(["x"], "document", 5.0)


@pytest.mark.parametrize(
    ("model", "size", "asked"),
    [
        ("amazon.titan-embed-text-v2:0", 512, {"dimensions": 512}),
        ("us.cohere.embed-v4:0", 512, {"output_dimension": 512, "embedding_types": ["float"], "truncate": "RIGHT"}),
        ("cohere.embed-v4:0", None, {"output_dimension": 1536}),
        ("cohere.embed-english-v3", None, {"truncate": "END", "output_dimension": None, "dimensions": None}),
        ("amazon.titan-embed-text-v1", None, {"dimensions": None, "normalize": None}),  # it refuses both
    ],
)
def test_each_bedrock_family_is_asked_in_its_own_words(
    cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch, model: str, size: int | None, asked: dict[str, object]
) -> None:
    made = create_provider("bedrock", None, BedrockSettings(url=cloud.url, region="x", model=model, dimensions=size))
    sent: list[bytes] = []
    client = made._service._client
    invoke = client.invoke_model
    monkeypatch.setattr(client, "invoke_model", lambda **call: sent.append(call["body"]) or invoke(**call))
    cloud.dimensions = made.model.dimensions
    assert made.embed(["x"]).vectors.shape == (1, cloud.dimensions)
    body = json.loads(sent[0])
    assert {name: body.get(name) for name in asked} == asked


@pytest.mark.parametrize(
    ("model", "size"),
    [("amazon.titan-embed-text-v1", 256), ("cohere.embed-english-v3", 512), ("amazon.titan-embed-text-v2:0", 100)],
)
def test_a_size_that_a_bedrock_model_lacks_is_refused_before_any_call(cloud: FakeCloud, model: str, size: int) -> None:
    with pytest.raises(UnsupportedModel, match=rf"REVERIE_BEDROCK_DIMENSIONS: {model} has vectors of .*, not {size}"):
        create_provider("bedrock", None, BedrockSettings(url=cloud.url, region="x", model=model, dimensions=size))
    assert not cloud.seen

"""SageMaker's InvokeEndpoint against moto, a stand-in for AWS that others wrote: it routes and answers as AWS does."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import numpy as np
import pytest

from reverie.embedding import HashEmbedder
from reverie.embedding.providers import create_provider
from reverie.embedding.providers.settings import SageMakerSettings

TEXTS = ["rowing at dawn", "bread with rye", "the cat and its vet"]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    from moto.server import ThreadedMotoServer  # slow to import, and needed here alone

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAFAKE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_an_endpoint_at_motos_aws_embeds(aws: str) -> None:
    vectors = HashEmbedder(64).embed(TEXTS).vectors
    answers = [
        {"data": [{"embedding": row.tolist()} for row in rows], "usage": {"total_tokens": 3 * len(rows)}}
        for rows in (vectors[:1], vectors)  # the first call asks how long the vectors are
    ]
    queued = [{"Body": json.dumps(a), "ContentType": "application/json"} for a in answers]
    told = httpx.post(
        f"{aws}/moto-api/static/sagemaker/endpoint-results", json={"region": "eu-west-1", "results": queued}, timeout=60
    )
    assert told.status_code == 201, told.text
    settings = SageMakerSettings(
        endpoint="embedder",
        region="eu-west-1",
        url=aws,
        request='{"input": "$texts", "input_type": "$kind"}',
        response="data.*.embedding",
        tokens="usage.total_tokens",
    )
    embedder = create_provider("sagemaker", None, settings)
    answer = embedder.embed(TEXTS)
    embedder.close()
    np.testing.assert_allclose(answer.vectors, vectors, atol=1e-6)
    assert answer.tokens == 9

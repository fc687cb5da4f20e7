"""Through the whole service: real gateway and worker, policy by the command line, our own gateway as a provider."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from reverie.cli import main
from reverie.embedding import HashEmbedder
from reverie.embedding.providers import create_provider
from reverie.embedding.providers.settings import OpenAISettings
from reverie.testing.cloud import FakeCloud
from tests.cloud.conftest import SECRET
from tests.live import LiveService

MEMORIES = [f"memory {i} on {'rowing' if i % 2 else 'bread'}" for i in range(20)]


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeCloud]:
    with FakeCloud(key=SECRET) as running:
        yield running


@pytest.fixture(scope="module")
def live(database_url: str, redis_url: str, provider: FakeCloud) -> Iterator[LiveService]:
    environment = {
        "REVERIE_OPENAI_BASE_URL": f"{provider.url}/v1",
        "REVERIE_OPENAI_API_KEY": SECRET,
        "REVERIE_OPENAI_USD_PER_MILLION": "10",
        "REVERIE_LOG_LEVEL": "DEBUG",
    }
    with LiveService(database_url, redis_url, environment=environment) as running:
        yield running
        running.check_invariants()


@pytest.fixture
def reverie(live: LiveService, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REVERIE_DATABASE_URL", live.database_url)
    monkeypatch.setenv("REVERIE_REDIS_URL", live.redis_url)

    def run(*arguments: str) -> int:
        return main(list(arguments))

    return run


def ended(client: httpx.Client, task: dict[str, Any]) -> dict[str, Any]:
    """The task once it has ended; a worker on a busy machine may take a while to start."""
    end = time.monotonic() + 240
    while task["status"] in ("queued", "running"):
        assert time.monotonic() < end, task
        time.sleep(0.1)
        task = client.get(f"/tasks/{task['id']}").json()
    return task


def test_the_cloud_is_refused_until_an_operator_allows_it_and_again_after(
    live: LiveService, provider: FakeCloud, reverie, capsys: pytest.CaptureFixture[str]
) -> None:
    body = {"user_id": "u", "memories": MEMORIES, "cloud": {"allowed": True, "provider": "openai"}}
    with live.client() as client:
        refused = client.post("/cluster/submit", json=body)
        assert refused.status_code == 403
        assert refused.json()["type"].endswith("/cloud-refused")
        assert not provider.seen
        assert client.post("/cluster/submit", json={**body, "cloud": {"provider": "clippy"}}).status_code == 422

        assert reverie("cloud", "allow", "--providers", "openai", "--max-usd-day", "1", "--region", "EU") == 0
        allowed = client.post("/cluster/submit", json=body, headers={"Prefer": "wait=1, respond-async"})
        assert allowed.headers["preference-applied"].startswith("wait=1")
        task = ended(client, allowed.json())
        assert task["status"] == "succeeded"
        assert task["lane"] == "cloud"
        assert task["cost"]["provider"] == "openai"
        assert task["cost"]["usd"] > 0
        assert task["estimate_seconds"] > 0
        assert task["result"]["model"]["provider"] == "openai"
        assert set(MEMORIES) <= set(provider.texts())
        capsys.readouterr()
        assert reverie("cloud", "list") == 0
        assert "default: allowed: openai, at most $1 a day, region: EU; today $0.0" in capsys.readouterr().out

        assert reverie("cloud", "deny") == 0
        seen = len(provider.seen)
        # The order reaches every gateway over Redis; at the latest its own memory of the policy ends after 2 s.
        end = time.monotonic() + 20
        while (answer := client.post("/cluster/submit", json={**body, "user_id": "later"})).status_code != 403:
            assert time.monotonic() < end
        assert answer.status_code == 403
        assert len(provider.seen) == seen, "the worker asked for the policy again"
    for name in ("gateway0", "worker"):
        path = live.data_dir / f"{name}.log"
        text = path.read_text(errors="replace")
        assert SECRET not in text
        assert "on rowing" not in text


def test_our_own_gateway_is_a_provider_for_the_openai_client(live: LiveService) -> None:
    settings = OpenAISettings(api_key=live.key, base_url=f"{live.url}/v1", model="all-MiniLM-L6-v2")
    embedder = create_provider("openai", None, settings)
    answer = embedder.embed(MEMORIES)
    np.testing.assert_allclose(answer.vectors, HashEmbedder().embed(MEMORIES).vectors, atol=1e-6)
    embedder.close()


def test_estimates_and_their_error_are_shown_in_the_metrics(live: LiveService) -> None:
    with live.client() as client:
        for number in range(3):
            body = {"user_id": f"m{number}", "memories": MEMORIES}
            assert ended(client, client.post("/cluster/submit", json=body).json())["status"] == "succeeded"
        end = time.monotonic() + 30
        while True:
            lines = client.get("/metrics").text.splitlines()
            if any(line.startswith('reverie_prediction_error_ratio{operation="cluster"}') for line in lines):
                break
            assert time.monotonic() < end, "what ended is read every two seconds"
            time.sleep(0.1)
    assert any(line.startswith('reverie_predicted_cost_seconds{operation="cluster",part="text"}') for line in lines)


def test_respond_async_answers_at_once(live: LiveService) -> None:
    with live.client() as client:
        answer = client.post(
            "/embed/submit", json={"texts": ["a text of its own"]}, headers={"Prefer": "respond-async"}
        )
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async"

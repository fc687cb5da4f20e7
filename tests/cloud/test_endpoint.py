"""Whole tasks at an endpoint, and Azure AI Language: real sockets, the contract both ways, failures on the way."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest
from aiohttp import web

from reverie.contracts import ClusterResult
from reverie.embedding.providers import Budget
from reverie.errors import ProviderError
from reverie.settings import EmbeddingSettings, ServerSettings, Settings
from reverie.testing.cloud import FakeCloud, Fault
from reverie.worker.endpoint import make_app
from reverie.worker.language import AzureLanguage, LanguageSettings
from tests.cloud.conftest import SECRET
from tests.cloud.test_policy import Bench, bench
from tests.worker.test_llm_labels import Chat, chat

__all__ = ["bench", "chat"]  # the fixtures

MEMORIES = [
    "I went climbing at the rock gym",
    "The rock gym has a new climbing wall",
    "Climbing at the gym on Tuesday",
    "My cat Miso slept all day",
    "Miso the cat caught a mouse",
    "The cat Miso needs a vet",
]


@contextlib.contextmanager
def serving(**more: Any) -> Iterator[str]:
    """``reverie serve-endpoint``'s application on a free port, in a thread."""
    settings = Settings(server=ServerSettings(), embedding=EmbeddingSettings(embedder="hash"))
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(make_app(settings, **more))
    loop.run_until_complete(runner.setup())
    loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", 0).start())
    port = runner.addresses[0][1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with serving() as url:
        yield url


def invoke(url: str, **call: Any) -> tuple[int, dict[str, Any]]:
    answer = httpx.post(f"{url}/invocations", json=call, timeout=60)
    return answer.status_code, answer.json()


def test_a_whole_task_runs_and_keeps_its_themes_by_the_states_it_gives_back(endpoint: str) -> None:
    status, first = invoke(endpoint, operation="cluster", request={"user_id": "u", "memories": MEMORIES})
    assert status == 200
    result = ClusterResult.model_validate(first["result"])
    assert len(result.themes) == 2
    assert first["states_count"] == 2
    again = {"user_id": "u", "memories": [*MEMORIES, "A climbing course at the rock gym"]}
    states = {"states": first["states"], "states_model": first["vector_model"]}
    _, second = invoke(endpoint, operation="cluster", request=again, **states)
    assert {t["id"] for t in second["result"]["themes"]} == {t.id for t in result.themes}
    _, strange = invoke(endpoint, operation="cluster", request=again, states=first["states"], states_model="other")
    assert strange["status"] == "succeeded"
    assert httpx.get(f"{endpoint}/ping", timeout=60).status_code == 200


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ({"operation": "cluster"}, "the body is"),
        ({"operation": "dance", "request": {}}, "choose one of"),
        ({"operation": ["cluster"], "request": {}}, "choose one of"),
        ({"operation": "cluster", "request": {"user_id": "u", "memories": [1]}}, "memories"),
        ({"operation": "cluster", "request": {"user_id": "u", "memories": ["a"]}, "states": "%%"}, "not base64"),
    ],
)
def test_a_bad_call_is_a_problem_that_names_the_fault(endpoint: str, call: dict[str, Any], says: str) -> None:
    status, answer = invoke(endpoint, **call)
    assert (status, answer["status"]) == (422, "failed")
    assert says in answer["error"]["detail"]


def test_vertex_wraps_calls_in_instances(endpoint: str) -> None:
    call = {"operation": "embed", "request": {"texts": ["one", "two"]}}
    answer = httpx.post(f"{endpoint}/invocations", json={"instances": [call, {"operation": "x"}]}, timeout=60).json()
    assert [p["status"] for p in answer["predictions"]] == ["succeeded", "failed"]
    assert answer["predictions"][0]["result"]["count"] == 2


def test_an_endpoint_names_themes_by_a_chat_endpoint_of_its_own_network(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVERIE_LABEL_URL", chat.url)
    chat.content = '["The rock gym", "Miso the cat"]'
    with serving() as url:
        status, answer = invoke(url, operation="cluster", request={"user_id": "u", "memories": MEMORIES})
    assert (status, answer["status"]) == (200, "succeeded")
    assert {theme["label"] for theme in answer["result"]["themes"]} == {"The rock gym", "Miso the cat"}


def test_an_endpoint_with_a_key_and_paths_of_its_own() -> None:
    with serving(key=SECRET, predict="/score", health="/live") as url:
        call = {"operation": "embed", "request": {"texts": ["one"]}}
        assert httpx.post(f"{url}/score", json=call, timeout=60).status_code == 401
        headers = {"Authorization": f"Bearer {SECRET}"}
        assert httpx.post(f"{url}/score", json=call, headers=headers, timeout=60).status_code == 200
        assert httpx.get(f"{url}/live", timeout=60).status_code == 200


def test_a_task_runs_at_azure_ml_and_is_billed_by_the_hour(
    bench: Bench, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVERIE_REMOTE_AZUREML_URL", f"{endpoint}/invocations")
    monkeypatch.setenv("REVERIE_REMOTE_USD_PER_HOUR", "36")
    bench.allow(max_usd_task=5.0)
    wish = {"allowed": True, "provider": "azureml-endpoint", "fallback": False}
    row = bench.run(wish)
    assert row["status"] == "succeeded", row["error"]
    assert row["provider"] == "azureml-endpoint"
    assert 0 < row["usd"] < 5
    assert bench.spent()[0] == pytest.approx(row["usd"])
    assert row["result"]["stats"]["cloud"] == {"provider": "azureml-endpoint"}
    ids = {theme["id"] for theme in row["result"]["themes"]}
    again = bench.run(wish, texts=31)  # the themes came back as states, and go out with the next call
    assert ids & {theme["id"] for theme in again["result"]["themes"]}
    analysis = bench.run(wish, operation="analyze")
    assert analysis["status"] == "succeeded", analysis["error"]
    assert analysis["result"]["importance"]


def test_a_task_runs_at_sagemaker_through_its_official_client(
    bench: Bench, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # SageMaker's runtime hands /endpoints/NAME/invocations to the container's /invocations.
    for name, value in (("AWS_ACCESS_KEY_ID", "AKIAFAKE"), ("AWS_SECRET_ACCESS_KEY", SECRET)):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("REVERIE_REMOTE_SAGEMAKER_ENDPOINT", "reverie")
    monkeypatch.setenv("REVERIE_REMOTE_SAGEMAKER_REGION", "eu-west-1")
    bench.allow()
    with serving(predict="/endpoints/reverie/invocations") as url:
        monkeypatch.setenv("REVERIE_REMOTE_SAGEMAKER_URL", url)
        row = bench.run({"allowed": True, "provider": "sagemaker-endpoint", "fallback": False})
    assert row["status"] == "succeeded", row["error"]
    assert row["provider"] == "sagemaker-endpoint"


def test_an_endpoint_that_is_away_is_replaced_or_named(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVERIE_REMOTE_VERTEX_URL", "http://127.0.0.1:9/v1/endpoints/1:rawPredict")
    monkeypatch.setenv("REVERIE_REMOTE_VERTEX_TOKEN", SECRET)
    bench.allow()
    row = bench.run({"allowed": True, "provider": "vertex-endpoint"})
    assert row["status"] == "succeeded"
    assert row["result"]["stats"]["cloud"]["fallback"] == "local"
    row = bench.run({"allowed": True, "provider": "vertex-endpoint", "fallback": False})
    assert row["error"]["status"] == 502
    assert "vertex-endpoint" in row["error"]["detail"]
    assert SECRET not in str(row["error"])
    unset = bench.run({"allowed": True, "provider": "azureml-endpoint", "fallback": False})
    assert "REVERIE_REMOTE_AZUREML_URL" in unset["error"]["detail"]


# -- Azure AI Language ---------------------------------------------------------------------------------

TEXTS = [
    "I love climbing with Anna",
    "I hate the terrible dentist",
    "The weather was ordinary",
    "Ich war gestern mit meiner Schwester im Kino und es war schön",
    "猫は可愛い",
    "We lost the match against Berlin",
]


def language(cloud: FakeCloud, **more: Any) -> AzureLanguage:
    return AzureLanguage(LanguageSettings(endpoint=cloud.url, key=SECRET), **more)


def test_sentiment_names_and_phrases_come_from_azure(cloud: FakeCloud) -> None:
    found = language(cloud).read(TEXTS)
    assert [insight.sentiment for insight in found[:3]] == [1.0, -1.0, 0.0]
    assert found[0].entities == ("Anna",)
    assert "climbing" in found[0].phrases
    assert found[4].sentiment is None, "a language the service cannot read is left open"
    assert len(cloud.seen) == 6, "three features, five texts a call"


def test_azure_language_is_tried_again_here_alone(cloud: FakeCloud) -> None:
    cloud.fail(Fault(status=429, headers={"retry-after": "0"}), Fault(status=500))
    assert language(cloud).read(TEXTS[:1])[0].sentiment == 1.0
    assert len(cloud.seen) == 5
    cloud.always = Fault(status=401, body=f'{{"error": {{"code": "401", "message": "{SECRET} {TEXTS[0]}"}}}}')
    with pytest.raises(ProviderError, match="refused the credentials") as caught:
        language(cloud).read(TEXTS)
    assert SECRET not in caught.value.message
    assert TEXTS[0] not in caught.value.message


def test_an_analysis_asks_azure_language_only_where_policy_allows(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVERIE_LANGUAGE_ENDPOINT", bench.cloud.url)
    monkeypatch.setenv("REVERIE_LANGUAGE_KEY", SECRET)

    def asked() -> bool:
        return any("text/analytics" in seen.path for seen in bench.cloud.seen)

    bench.run(None, operation="analyze")
    bench.allow(providers=("openai",))
    bench.run({"allowed": True}, operation="analyze")
    assert not asked()
    bench.allow()
    row = bench.run({"allowed": True}, operation="analyze", texts=12)
    assert asked()
    assert row["status"] == "succeeded"
    assert row["provider"] == "openai+azure-language" or row["provider"] == "azure-language"
    assert row["result"]["stats"]["insight"] == "azure-language"
    assert row["usd"] == pytest.approx(bench.spent()[0], rel=1.0)
    assert row["usd"] > 12 * 3 * 0.001 * 0.99


# -- those that are not what they should be -------------------------------------------------------------

GOOD = {"status": "succeeded", "vector_model": "00" * 8, "cost": {"tokens": 1}}


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, {**GOOD, "result": {}}),  # not a clustering
        (200, {**GOOD, "result": None}),
        (200, {"status": "failed", "error": "because"}),
        (200, {"predictions": []}),
        (200, {**GOOD, "vector_model": "zz", "result": {}}),
        (200, []),
        (307, {}),
    ],
)
def test_what_an_endpoint_says_is_checked_before_it_is_stored(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, status: int, answer: Any
) -> None:
    bench.allow()
    monkeypatch.setenv("REVERIE_REMOTE_AZUREML_KEY", SECRET)
    monkeypatch.setenv("REVERIE_REMOTE_AZUREML_URL", f"{bench.cloud.url}/v1/embeddings")
    with FakeCloud() as elsewhere:
        headers = {"location": f"{elsewhere.url}/v1/embeddings"}
        bench.cloud.always = Fault(status=status, headers=headers, body=orjson.dumps(answer).decode())
        row = bench.run({"allowed": True, "provider": "azureml-endpoint"}, texts=6)
        assert not elsewhere.seen, "neither texts nor key follow a redirect"
    assert row["status"] == "succeeded"
    assert row["result"]["stats"]["cloud"]["fallback"] == "local"
    assert SECRET not in str(row["result"])


def test_the_language_service_cannot_send_texts_elsewhere_or_hold_a_task(cloud: FakeCloud) -> None:
    with FakeCloud() as elsewhere:
        for status in (301, 302, 307, 308):
            cloud.fail(Fault(status=status, headers={"location": f"{elsewhere.url}/text/analytics/v3.1/sentiment"}))
            with pytest.raises(ProviderError):
                language(cloud).read(TEXTS[:1])
        assert not elsewhere.seen
    cloud.always = Fault(endless=b" ", pause=0.05)
    with pytest.raises(ProviderError, match="did not answer before the task's deadline"):
        language(cloud, budget=Budget(until=time.monotonic() + 0.5)).read(TEXTS[:1])

"""The endpoint that names themes and judges what holds: who may be asked, what it costs, what it changes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import psycopg
import pytest

from reverie.store import decompressed
from reverie.testing.cloud import FakeCloud
from reverie.worker import chat_endpoint
from tests.cloud.test_policy import Bench
from tests.gateway.keeping import START, keep
from tests.worker.test_llm_labels import Chat, chat  # noqa: F401  (a fixture)

OWN = ["http://127.0.0.1:1/v1", "http://localhost/v1", "http://10.1.2.3/v1", "https://[::1]:8/v1", "http://192.168.0.9"]
FOREIGN = ["https://8.8.8.8/v1", "https://[2001:4860:4860::8888]/v1", "https://no-such-host.invalid/v1", "http://[/v1"]
FOREIGN += ["http://[::ffff:8.8.8.8]/v1", "http://[64:ff9b::808:808]/v1"]  # IPv4 inside IPv6


@pytest.mark.parametrize("url", OWN)
def test_an_endpoint_on_a_private_network_is_the_operators(url: str) -> None:
    assert chat_endpoint.on_own_network(url)


@pytest.mark.parametrize("url", FOREIGN)
def test_any_other_endpoint_is_not(url: str) -> None:
    assert not chat_endpoint.on_own_network(url)


@pytest.fixture
def bench(database_url: str, cloud: FakeCloud, chat: Chat, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: F811
    monkeypatch.setenv("REVERIE_LABEL_URL", chat.url)
    made = Bench(database_url, cloud)
    yield made
    made.runtime.close()


def test_the_operators_own_endpoint_names_everybodys_themes(bench: Bench, chat: Chat) -> None:  # noqa: F811
    chat.usage = {"prompt_tokens": 100, "total_tokens": 123}
    row = bench.run(None)
    assert (row["provider"], row["usd"]) == (None, 0.0)
    assert chat.requests
    assert bench.spent() == (0.0, 123 * len(chat.requests)), "counted on the tenant's account, at no price"


@pytest.mark.parametrize(
    ("policy", "wish", "asked"),
    [
        (None, None, False),
        (None, {"allowed": True}, False),  # the tenant did not allow
        ({}, None, False),  # the request did not
        ({}, {"allowed": False}, False),
        ({"allowed": False}, {"allowed": True}, False),
        ({"providers": ("azure",)}, {"allowed": True}, False),
        ({"max_usd_day": 5.0, "providers": ("labels",)}, {"allowed": True}, False),  # no price is known
        ({"max_usd_task": 5.0, "providers": ("labels",)}, {"allowed": True}, False),
        ({"providers": ("labels",)}, {"allowed": True, "max_usd": 1.0}, False),
        ({"providers": ("labels",)}, {"allowed": True}, True),
    ],
)
def test_a_public_endpoint_is_asked_only_where_tenant_and_request_allow(
    bench: Bench,
    chat: Chat,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    policy: dict[str, Any] | None,
    wish: dict[str, Any] | None,
    asked: bool,
) -> None:
    monkeypatch.setattr(chat_endpoint, "on_own_network", lambda _: False)
    monkeypatch.setenv("REVERIE_CLOUD_PROVIDER", "")
    if policy is not None:
        bench.allow(**policy)
    row = bench.run(wish)
    assert row["status"] == "succeeded"
    assert bool(chat.requests) is asked
    if asked:
        assert row["provider"] == "labels", "the record tells to whom the texts went"


@pytest.mark.parametrize(
    ("policy", "wish", "asked"),
    [
        ({}, {"allowed": True}, True),
        ({"max_usd_day": 1.0}, {"allowed": True}, True),
        ({"max_usd_task": 1.0}, {"allowed": True, "max_usd": 1.0}, True),
        ({"max_usd_day": 1e-6}, {"allowed": True}, False),
        ({"max_usd_task": 1e-6}, {"allowed": True}, False),
        ({}, {"allowed": True, "max_usd": 1e-6}, False),
    ],
)
def test_with_a_price_the_ceilings_hold_and_what_was_spent_is_on_the_account(
    database_url: str,
    cloud: FakeCloud,
    chat: Chat,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    policy: dict[str, Any],
    wish: dict[str, Any],
    asked: bool,
) -> None:
    monkeypatch.setattr(chat_endpoint, "on_own_network", lambda _: False)
    monkeypatch.setenv("REVERIE_LABEL_URL", chat.url)
    monkeypatch.setenv("REVERIE_LABEL_USD_PER_MILLION", "2")
    chat.usage = {"total_tokens": 500}
    bench = Bench(database_url, cloud)
    try:
        bench.allow(**{"providers": ("labels",), **policy})
        row = bench.run(wish)
        calls = len(chat.requests)
        assert row["status"] == "succeeded"
        assert bool(calls) is asked
        assert bench.spent() == (pytest.approx(calls * 500 * 2 / 1e6), calls * 500)
        assert row["usd"] == pytest.approx(calls * 500 * 2 / 1e6)
        assert row["provider"] == ("labels" if asked else None)
    finally:
        bench.runtime.close()


@pytest.mark.parametrize(
    ("usage", "status", "content", "counted"),
    [
        (None, 200, "[]", True),  # says nothing of it: by the length of what was sent and answered
        ({"total_tokens": "many"}, 200, "nonsense", True),
        ({"total_tokens": -5}, 200, "[]", True),
        (None, 429, "[]", False),  # refused
    ],
)
def test_tokens_are_counted_also_where_the_answer_is_of_no_use(
    bench: Bench,
    chat: Chat,  # noqa: F811
    usage: dict[str, Any] | None,
    status: int,
    content: str,
    counted: bool,
) -> None:
    chat.usage, chat.status, chat.content = usage, status, content
    assert bench.run(None)["status"] == "succeeded"
    assert chat.requests
    assert (bench.spent()[1] > 0) is counted


def _kept(url: str, tenant: str) -> dict[str, tuple[str | None, str | None]]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT m.id, superseded_by, supersession FROM memories m JOIN people p ON p.id = m.person"
            " WHERE p.tenant = %s",
            (tenant,),
        ).fetchall()
    return {id_: (by, orjson.loads(decompressed(why))["rule"] if why else None) for id_, by, why in rows}


@pytest.mark.parametrize(
    ("judge", "own", "content", "found"),
    [
        (False, True, '["later"]', None),  # off by default
        (True, True, '["later"]', "nurse"),
        (True, True, '["both"]', None),
        (True, True, "I am only a language model", None),
        (True, False, '["later"]', None),  # no request, so no public endpoint
    ],
)
def test_a_judge_says_in_upkeep_what_holds_and_the_rules_need_none(
    database_url: str,
    cloud: FakeCloud,
    chat: Chat,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    judge: bool,
    own: bool,
    content: str,
    found: str | None,
) -> None:
    monkeypatch.setattr(chat_endpoint, "on_own_network", lambda _: own)
    monkeypatch.setenv("REVERIE_LABEL_URL", chat.url)
    if judge:
        monkeypatch.setenv("REVERIE_JUDGE", "true")
    chat.content = content
    said = {"waiter": "I work as a waiter", "nurse": "I work as a nurse", "bern": "I live in Bern"}
    told = [
        {"id": id_, "text": text, "created_at": START + timedelta(days=i)} for i, (id_, text) in enumerate(said.items())
    ]
    told.append({"id": "zurich", "text": "I moved to Zurich", "created_at": START + timedelta(days=9)})
    bench = Bench(database_url, cloud)
    try:
        bench.allow()
        keep(database_url, "u", told, tenant=bench.tenant)
        assert bench.run(None, operation="upkeep")["status"] == "succeeded"
        kept = _kept(database_url, bench.tenant)
        assert kept["waiter"] == (found, "judge" if found else None)
        assert kept["bern"] == ("zurich", "one value")
        judged = [r for r in chat.requests if "takes the place" in r["body"]["messages"][0]["content"]]
        assert len(judged) == (1 if judge and own else 0)
        # What was judged is not judged again until one of both changes.
        assert bench.run(None, operation="upkeep")["status"] == "succeeded"
        again = [r for r in chat.requests if "takes the place" in r["body"]["messages"][0]["content"]]
        assert len(again) == len(judged)
    finally:
        bench.runtime.close()

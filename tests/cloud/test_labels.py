"""The endpoint that names themes gets texts as the tenant and the request allow, unless it is the operator's own."""

from __future__ import annotations

from typing import Any

import pytest

from reverie.testing.cloud import FakeCloud
from reverie.worker import llm_labels
from tests.cloud.test_policy import Bench
from tests.worker.test_llm_labels import Chat, chat  # noqa: F401  (a fixture)

OWN = ["http://127.0.0.1:1/v1", "http://localhost/v1", "http://10.1.2.3/v1", "https://[::1]:8/v1", "http://192.168.0.9"]
FOREIGN = ["https://8.8.8.8/v1", "https://[2001:4860:4860::8888]/v1", "https://no-such-host.invalid/v1", "http://[/v1"]
FOREIGN += ["http://[::ffff:8.8.8.8]/v1", "http://[64:ff9b::808:808]/v1"]  # IPv4 inside IPv6


@pytest.mark.parametrize("url", OWN)
def test_an_endpoint_on_a_private_network_is_the_operators(url: str) -> None:
    assert llm_labels._on_own_network(url)


@pytest.mark.parametrize("url", FOREIGN)
def test_any_other_endpoint_is_not(url: str) -> None:
    assert not llm_labels._on_own_network(url)


@pytest.fixture
def bench(database_url: str, cloud: FakeCloud, chat: Chat, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: F811
    monkeypatch.setenv("REVERIE_LABEL_URL", chat.url)
    made = Bench(database_url, cloud)
    yield made
    made.runtime.close()


def test_the_operators_own_endpoint_names_everybodys_themes(bench: Bench, chat: Chat) -> None:  # noqa: F811
    assert bench.run(None)["provider"] is None
    assert chat.requests


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
    monkeypatch.setattr(llm_labels, "_on_own_network", lambda _: False)
    monkeypatch.setenv("REVERIE_CLOUD_PROVIDER", "")
    if policy is not None:
        bench.allow(**policy)
    row = bench.run(wish)
    assert row["status"] == "succeeded"
    assert bool(chat.requests) is asked
    if asked:
        assert row["provider"] == "labels", "the record tells to whom the texts went"

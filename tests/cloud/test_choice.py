"""Who may send texts to the cloud: the rule. At work in a worker: test_policy.py."""

from __future__ import annotations

from typing import Any

import pytest

from reverie.errors import CloudRefused, InvalidInput
from reverie.settings import CloudSettings, EmbeddingSettings, Settings
from reverie.store import TenantPolicy, choose

YES = TenantPolicy("t", allowed=True)
NO = TenantPolicy("t", allowed=False)
AZURE_FIRST = TenantPolicy("t", allowed=True, providers=("azure", "openai"), max_usd_task=0.5, max_usd_day=3.0)


def settings(embedder: str = "hash", default: str | None = None) -> Settings:
    return Settings(embedding=EmbeddingSettings(embedder=embedder), cloud=CloudSettings(provider=default))


@pytest.mark.parametrize(
    ("policy", "wish", "service", "provider"),
    [
        (None, None, settings(), None),
        (YES, None, settings(default="openai"), None),  # the request did not ask
        (None, {"allowed": True}, settings(default="openai"), None),  # the tenant did not allow: local, quietly
        (NO, {"allowed": True}, settings(default="openai"), None),
        (YES, {"allowed": False}, settings(default="openai"), None),
        (YES, {"allowed": True}, settings(), None),  # nobody names a provider
        (YES, {"allowed": True}, settings(default="openai"), "openai"),
        (YES, {"allowed": True, "provider": "vertex"}, settings(default="openai"), "vertex"),
        (AZURE_FIRST, {"allowed": True}, settings(default="openai"), "azure"),
        (AZURE_FIRST, {"allowed": True, "provider": "openai"}, settings(), "openai"),
        (None, None, settings("openai"), "openai"),  # the operator's own choice
        (None, {"allowed": True}, settings("openai"), "openai"),
    ],
)
def test_where_texts_go(policy: TenantPolicy | None, wish: Any, service: Settings, provider: str | None) -> None:
    assert choose(policy, wish, service).provider == provider


@pytest.mark.parametrize(
    ("policy", "wish", "service", "says"),
    [
        (None, {"allowed": True, "provider": "openai"}, settings(), "does not allow the cloud"),
        (NO, {"allowed": True, "provider": "openai"}, settings(), "does not allow the cloud"),
        (None, {"allowed": True, "fallback": False}, settings(default="openai"), "does not allow the cloud"),
        (YES, {"allowed": False, "provider": "openai"}, settings(), "cloud.allowed is not true"),
        (AZURE_FIRST, {"allowed": True, "provider": "vertex"}, settings(), "azure, openai, not vertex"),
        (YES, {"allowed": True, "fallback": False}, settings(), "No cloud provider is named"),
        (NO, None, settings("openai"), "does not allow the cloud"),
        (None, {"allowed": False}, settings("openai"), "does not allow the cloud"),
        (None, {"allowed": True, "provider": "vertex"}, settings("openai"), "does not allow the cloud"),
    ],
)
def test_what_is_refused(policy: TenantPolicy | None, wish: Any, service: Settings, says: str) -> None:
    with pytest.raises(CloudRefused, match=says):
        choose(policy, wish, service)


def test_an_unknown_provider_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"cloud\.provider: is not a provider"):
        choose(YES, {"allowed": True, "provider": "clippy"}, settings())


def test_the_lower_ceiling_holds() -> None:
    wish = {"allowed": True, "max_usd": 2.0}
    assert choose(AZURE_FIRST, wish, settings()).max_usd == 0.5
    assert choose(AZURE_FIRST, {**wish, "max_usd": 0.1}, settings()).max_usd == 0.1
    assert choose(YES, {"allowed": True}, settings(default="openai")).max_usd is None

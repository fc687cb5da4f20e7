"""Cloud providers behind the one ``Embedder`` seam. Nothing here is imported until a provider is asked for."""

from __future__ import annotations

import importlib
import importlib.util
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic_settings import BaseSettings

from reverie._breaker import Breaker
from reverie._models import NICKNAMES
from reverie.embedding.providers.core import ProviderEmbedder
from reverie.embedding.providers.prices import load_prices
from reverie.embedding.providers.retrier import Budget, BudgetExceeded, Retrier, Tuning
from reverie.embedding.providers.settings import (
    AzureSettings,
    BedrockSettings,
    OpenAISettings,
    SageMakerSettings,
    VertexSettings,
)
from reverie.errors import MissingExtra, UnsupportedModel
from reverie.settings import CloudSettings

__all__ = [
    "PROVIDERS",
    "Breaker",
    "Budget",
    "BudgetExceeded",
    "ProviderEmbedder",
    "Retrier",
    "Tuning",
    "breaker_for",
    "create_provider",
    "missing",
    "tuning_from",
]


@dataclass(frozen=True)
class _Provider:
    extra: str
    #: A module that the extra installs.
    needs: str
    settings: type[BaseSettings]
    #: "module:class" of the adapter.
    adapter: str
    #: What the settings lack; None when they are complete.
    lacks: Callable[[Any], str | None]


def _openai_lacks(settings: OpenAISettings) -> str | None:
    from reverie.embedding.providers.openai import OFFICIAL

    needs_key = settings.api_key is None and settings.base_url.rstrip("/") == OFFICIAL
    return "OPENAI_API_KEY (or REVERIE_OPENAI_BASE_URL of a server of your own)" if needs_key else None


def _azure_lacks(settings: AzureSettings) -> str | None:
    return "REVERIE_AZURE_ENDPOINT" if settings.endpoint is None else None


def _sagemaker_lacks(settings: SageMakerSettings) -> str | None:
    return "REVERIE_SAGEMAKER_ENDPOINT" if settings.endpoint is None else _aws_lacks(settings)


def _aws_lacks(settings: Any) -> str | None:
    import botocore.session

    session = botocore.session.Session()
    if settings.region is None and session.get_config_variable("region") is None:
        return "a region (AWS_DEFAULT_REGION)"
    return None


def _vertex_lacks(settings: VertexSettings) -> str | None:
    return (
        "REVERIE_VERTEX_PROJECT (or GEMINI_API_KEY)" if settings.project is None and settings.api_key is None else None
    )


PROVIDERS: dict[str, _Provider] = {
    "openai": _Provider("openai", "openai", OpenAISettings, "openai:OpenAIService", _openai_lacks),
    "azure": _Provider("azure", "openai", AzureSettings, "azure:AzureService", _azure_lacks),
    "sagemaker": _Provider("aws", "boto3", SageMakerSettings, "sagemaker:SageMakerService", _sagemaker_lacks),
    "bedrock": _Provider("aws", "boto3", BedrockSettings, "bedrock:BedrockService", _aws_lacks),
    "vertex": _Provider("google", "google.genai", VertexSettings, "vertex:VertexService", _vertex_lacks),
}
"""Every provider that embeds, by name."""

_breakers: dict[tuple[str, str], Breaker] = {}
_lock = threading.Lock()


def missing(name: str) -> str | None:
    """What provider ``name`` still needs here, in words for people; None when it can be used.

    Raises ``UnsupportedModel`` for an unknown name.
    """
    provider = _known(name)
    if not _installed(provider.needs):
        return f"pip install 'reverie[{provider.extra}]'"
    return provider.lacks(provider.settings())


def create_provider(name: str, model: str | None = None, settings: BaseSettings | None = None) -> ProviderEmbedder:
    """The embedder over provider ``name``, set up from the environment (or ``settings``).

    ``model`` overrides the provider's own setting, unless it is the default of the local ones. Raises
    ``UnsupportedModel`` or ``MissingExtra``.
    """
    provider = _known(name)
    if not _installed(provider.needs):
        raise MissingExtra(provider.extra, what=f"The provider {name}")
    settings = settings or provider.settings()
    lacks = provider.lacks(settings)
    if lacks is not None:
        raise UnsupportedModel(f"{name} is not configured: set {lacks}")
    cloud = CloudSettings()  # type: ignore[call-arg]
    module, _, adapter = provider.adapter.partition(":")
    if model in NICKNAMES or model in NICKNAMES.values():
        model = None
    service = getattr(importlib.import_module(f"reverie.embedding.providers.{module}"), adapter)(settings, model)
    price = getattr(settings, "usd_per_million", None)
    elsewhere = name == "openai" and service.revision  # OpenAI's list price holds at OpenAI's address alone
    if price is None and (cloud.prices is not None or not elsewhere):
        price = load_prices(cloud.prices).usd_per_million(name, service.name)
    breaker = breaker_for(name, service.revision or service.name, cloud)
    return ProviderEmbedder(service, tuning_from(cloud), breaker=breaker, usd_per_million=price)


def tuning_from(cloud: CloudSettings) -> Tuning:
    """How hard the settings say to try."""
    return Tuning(
        concurrency=cloud.concurrency,
        batch=cloud.batch,
        timeout=cloud.timeout,
        attempts=cloud.attempts,
        patience=cloud.patience,
    )


def breaker_for(name: str, where: str, cloud: CloudSettings) -> Breaker:
    """The one breaker of this process for a provider's address or model."""
    with _lock:
        return _breakers.setdefault((name, where), Breaker(cloud.breaker_failures, cloud.breaker_seconds))


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a parent package is missing
        return False


def _known(name: str) -> _Provider:
    if name not in PROVIDERS:
        raise UnsupportedModel(f"there is no provider {name!r}; choose one of {', '.join(PROVIDERS)}")
    return PROVIDERS[name]

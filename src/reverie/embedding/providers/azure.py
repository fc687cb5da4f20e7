"""Azure OpenAI: OpenAI's wire format at a deployment of one's own resource."""

from __future__ import annotations

from typing import Any

from reverie.embedding.providers.openai import _DIMENSIONS, LIMITS, OpenAIService
from reverie.embedding.providers.settings import AzureSettings
from reverie.errors import InvalidInput

__all__ = ["AzureService"]

_SCOPE = "https://cognitiveservices.azure.com/.default"


class AzureService(OpenAIService):
    """``POST {endpoint}/openai/deployments/{deployment}/embeddings?api-version=...`` by the official client."""

    provider = "azure"
    limits = LIMITS

    def __init__(self, settings: AzureSettings, model: str | None = None) -> None:
        from openai import AzureOpenAI

        if settings.endpoint is None:
            raise InvalidInput("Azure OpenAI needs REVERIE_AZURE_ENDPOINT, as https://NAME.openai.azure.com")
        self.name = model or settings.model
        self.revision = ""
        self._asked = settings.dimensions
        self.dimensions = settings.dimensions or _DIMENSIONS.get(self.name)
        credentials: dict[str, Any] = (
            {"api_key": settings.api_key.get_secret_value()}
            if settings.api_key
            else {"azure_ad_token_provider": _token_provider()}
        )
        self._client = AzureOpenAI(
            azure_endpoint=settings.endpoint,
            azure_deployment=settings.deployment or self.name,
            api_version=settings.api_version,
            max_retries=0,
            http_client=self._http(),
            **credentials,
        )


def _token_provider() -> Any:
    from azure.identity import DefaultAzureCredential, get_bearer_token_provider

    return get_bearer_token_provider(DefaultAzureCredential(), _SCOPE)

"""Google Vertex AI, and the Gemini API with a key, by the official google-genai client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from reverie._logs import quieten
from reverie.embedding.base import EmbedKind
from reverie.embedding.providers.calls import CallFailed, ProviderAnswer, RequestLimits, http_failure, unexpected
from reverie.embedding.providers.guard import Guard, most_bytes
from reverie.embedding.providers.settings import VertexSettings
from reverie.settings import CloudSettings

__all__ = ["VertexService"]

_DIMENSIONS = {"gemini-embedding-001": 3072, "text-embedding-005": 768, "text-multilingual-embedding-002": 768}
_TASKS = {"document": "RETRIEVAL_DOCUMENT", "query": "RETRIEVAL_QUERY"}


class VertexService:
    """``:predict`` of a publisher's model, or ``:batchEmbedContents`` of the Gemini API."""

    provider = "vertex"

    def __init__(self, settings: VertexSettings, model: str | None = None) -> None:
        from google import genai
        from google.genai import types

        quieten("google_genai", "google.auth", "httpx", "httpcore", "httpx2", "httpcore2", "urllib3")
        self.name = model or settings.model
        self.revision = ""
        self._asked = settings.dimensions
        self.dimensions = settings.dimensions or _DIMENSIONS.get(self.name)
        self._vertex = settings.project is not None
        if not self._vertex:
            self.limits = RequestLimits(items=100, tokens=100 * 2048, text_tokens=2048)
        elif self.name.startswith("gemini"):  # takes one text a request there
            self.limits = RequestLimits(items=1, tokens=2048, text_tokens=2048)
        else:
            self.limits = RequestLimits(items=250, tokens=20_000, text_tokens=2048)
        timeout = CloudSettings().timeout  # type: ignore[call-arg]
        # Without retry options the client tries once.
        self._guard = Guard()
        options = types.HttpOptions(
            base_url=settings.url,
            timeout=int(timeout * 1000),
            client_args={"follow_redirects": False, "event_hooks": {"response": [self._guard]}},
        )
        self._types = types
        if self._vertex:
            self._client = genai.Client(
                vertexai=True,
                project=settings.project,
                location=settings.location,
                credentials=_credentials(settings),
                http_options=options,
            )
        else:
            key = settings.api_key.get_secret_value() if settings.api_key else None
            self._client = genai.Client(vertexai=False, api_key=key, http_options=options)

    def call(self, texts: Sequence[str], kind: EmbedKind, timeout: float) -> ProviderAnswer:
        """One request."""
        from google.genai import errors

        config: dict[str, Any] = {"task_type": _TASKS[kind], "output_dimensionality": self._asked}
        if self._vertex:
            config["auto_truncate"] = True
        config["http_options"] = self._types.HttpOptions(timeout=max(1, int(timeout * 1000)))
        try:
            with self._guard.call(most_bytes(len(texts), self.dimensions), timeout):
                answer = self._client.models.embed_content(
                    model=self.name, contents=cast(Any, list(texts)), config=self._types.EmbedContentConfig(**config)
                )
        except CallFailed:
            raise
        except errors.APIError as error:
            headers = getattr(error.response, "headers", None) or {}
            raise http_failure(int(error.code or 500), dict(headers), str(error.details)) from None
        except Exception as error:  # what the transport, the credentials and the parser raise
            raise unexpected(error, timeout) from None
        try:
            found = answer.embeddings or []
            vectors = np.asarray([item.values for item in found], dtype=np.float32)
            counts = [item.statistics.token_count if item.statistics else None for item in found]
            known = [int(count) for count in counts if count is not None]
            cut = sum(bool(item.statistics and item.statistics.truncated) for item in found)
            return ProviderAnswer(vectors, sum(known) if len(known) == len(found) else None, cut)
        except (ValueError, TypeError) as error:
            raise CallFailed("outage", f"an answer that cannot be read ({type(error).__name__})", paid=True) from None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _credentials(settings: VertexSettings) -> Any:
    if settings.access_token is None:
        return None  # the machine's own
    import google.oauth2.credentials as oauth

    made: Any = oauth.Credentials
    return made(token=settings.access_token.get_secret_value())

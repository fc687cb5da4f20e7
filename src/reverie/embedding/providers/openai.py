"""OpenAI's embeddings API, and every server that speaks it (reference: platform.openai.com/docs/api-reference)."""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
import orjson

from reverie._logs import quieten
from reverie.embedding.base import EmbedKind
from reverie.embedding.providers.calls import CallFailed, ProviderAnswer, RequestLimits, http_failure
from reverie.embedding.providers.guard import Guard, most_bytes
from reverie.embedding.providers.settings import OpenAISettings

__all__ = ["OFFICIAL", "OpenAIService", "parse_embeddings"]

OFFICIAL = "https://api.openai.com/v1"

LIMITS = RequestLimits(items=2048, tokens=300_000, text_tokens=8191)

_DIMENSIONS = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}


class OpenAIService:
    """``POST {base_url}/embeddings`` by the official client."""

    provider = "openai"
    limits = LIMITS

    def __init__(self, settings: OpenAISettings, model: str | None = None) -> None:
        self.name = model or settings.model
        self._asked = settings.dimensions
        official = settings.base_url.rstrip("/") == OFFICIAL
        # Two servers may give the same name to different weights, so the address is part of the model's identity.
        self.revision = "" if official else hashlib.blake2b(settings.base_url.encode(), digest_size=4).hexdigest()
        self.dimensions = settings.dimensions or (_DIMENSIONS.get(self.name) if official else None)
        self._client = self._open(settings)

    def _open(self, settings: OpenAISettings) -> Any:
        from openai import OpenAI

        # The client insists on some key; a server of one's own may ask for none.
        key = settings.api_key.get_secret_value() if settings.api_key else "none"
        return OpenAI(api_key=key, base_url=settings.base_url, max_retries=0, http_client=self._http())

    def _http(self) -> Any:
        """The client's transport: texts go to the address that was set and nowhere it may point to."""
        from openai import DefaultHttpxClient

        quieten("openai", "httpx", "httpcore", "httpx2", "httpcore2", "azure")
        self._guard = Guard()
        # The class that stands for "the response as it is": httpx's, or that of what the client has in its place.
        self._raw = import_module(DefaultHttpxClient.__mro__[1].__module__.partition(".")[0]).Response
        return DefaultHttpxClient(follow_redirects=False, event_hooks={"response": [self._guard]})

    def call(self, texts: Sequence[str], kind: EmbedKind, timeout: float) -> ProviderAnswer:
        """One request. The answer is read as bytes: base64 float32 is half the size of numbers and parses faster."""
        import openai

        sent: dict[str, Any] = {"model": self.name, "input": list(texts), "encoding_format": "base64"}
        if self._asked is not None:
            sent["dimensions"] = self._asked
        try:
            with self._guard.call(most_bytes(len(texts), self.dimensions), timeout):
                # Not `embeddings.create`: that walks through every text once more, a third of a request's CPU time.
                answer = self._client.post("/embeddings", body=sent, cast_to=self._raw, options={"timeout": timeout})
            body = answer.content
        except openai.APIStatusError as error:
            raise http_failure(error.status_code, error.response.headers, error.response.text) from None
        except openai.APITimeoutError:
            raise CallFailed("outage", f"no answer within {timeout:.1f} s") from None
        except (openai.APIConnectionError, openai.APIError, OSError) as error:
            cause = error.__cause__ or error
            if isinstance(cause, CallFailed):
                raise cause from None
            raise CallFailed("outage", f"connection failed ({type(cause).__name__})") from None
        return parse_embeddings(body, len(texts))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def parse_embeddings(body: bytes, count: int) -> ProviderAnswer:
    """The wire format's answer: any order of indexes, base64 or numbers. Raises ``CallFailed`` for a broken one."""
    try:
        answer = orjson.loads(body)
        data = answer["data"]
        rows: list[Any] = [None] * count
        for position, item in enumerate(data):
            index = item.get("index", position)
            if not isinstance(index, int) or not 0 <= index < count or rows[index] is not None:
                raise ValueError("an index that was not asked for")
            rows[index] = _vector(item["embedding"])
        if any(row is None for row in rows):
            raise ValueError("missing vectors")
        if len({len(row) for row in rows}) != 1:
            raise ValueError("vectors of several lengths")
        tokens = (answer.get("usage") or {}).get("total_tokens")
        return ProviderAnswer(np.stack(rows), tokens if isinstance(tokens, int) and tokens >= 0 else None)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise CallFailed("outage", f"an answer that cannot be read ({type(error).__name__})", paid=True) from None


def _vector(value: Any) -> Any:
    if isinstance(value, str):
        return np.frombuffer(binascii.a2b_base64(value, strict_mode=True), dtype="<f4")
    return np.asarray(value, dtype=np.float32)

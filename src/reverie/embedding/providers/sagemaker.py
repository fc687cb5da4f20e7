"""A SageMaker endpoint that embeds: InvokeEndpoint with a request and an answer of any shape, given by settings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import orjson

from reverie.embedding.base import EmbedKind
from reverie.embedding.providers import aws
from reverie.embedding.providers.calls import CallFailed, ProviderAnswer, RequestLimits
from reverie.embedding.providers.settings import SageMakerSettings
from reverie.errors import InvalidInput

__all__ = ["SageMakerService", "at", "fill", "pooled"]


class SageMakerService:
    """``POST /endpoints/{name}/invocations`` by boto3."""

    provider = "sagemaker"
    dimensions = None

    def __init__(self, settings: SageMakerSettings, model: str | None = None) -> None:
        if settings.endpoint is None:
            raise InvalidInput("SageMaker needs REVERIE_SAGEMAKER_ENDPOINT")
        self._endpoint = settings.endpoint
        self.name = model or settings.model or settings.endpoint
        # A name says little of what an endpoint runs, and how it is asked and read decides the vectors too.
        identity = (settings.endpoint, settings.region, settings.url, settings.request, settings.response)
        text = "\x1f".join(str(part) for part in (*identity, settings.pooling))
        self.revision = hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
        try:
            self._template = json.loads(settings.request)
        except ValueError as error:
            raise InvalidInput(f"REVERIE_SAGEMAKER_REQUEST is not JSON: {error}") from None
        single = '"$text"' in settings.request
        if not single and '"$texts"' not in settings.request:
            raise InvalidInput('REVERIE_SAGEMAKER_REQUEST names neither "$texts" nor "$text"')
        self._settings = settings
        items = 1 if single else settings.batch
        self.limits = RequestLimits(items=items, tokens=settings.text_tokens * items, text_tokens=settings.text_tokens)
        self._client = aws.client("sagemaker-runtime", settings.region, settings.url)

    def call(self, texts: Sequence[str], kind: EmbedKind, timeout: float) -> ProviderAnswer:
        """One invocation."""
        body = json.dumps(fill(self._template, texts, kind), ensure_ascii=False).encode()
        ask = partial(self._client.invoke_endpoint, EndpointName=self._endpoint, Body=body)
        raw, _ = aws.invoke(partial(ask, ContentType="application/json", Accept="application/json"), timeout)
        try:
            parsed = orjson.loads(raw)
            found = at(parsed, self._settings.response)
            rows = [found] if self.limits.items == 1 and _depth(found) == 1 else found
            vectors = np.stack([pooled(row, self._settings.pooling) for row in rows])
            tokens = at(parsed, self._settings.tokens) if self._settings.tokens else None
            return ProviderAnswer(vectors, sum(tokens) if isinstance(tokens, list) else tokens)
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise CallFailed("outage", f"an answer that cannot be read ({type(error).__name__})", paid=True) from None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def fill(template: Any, texts: Sequence[str], kind: str) -> Any:
    """The template with ``$texts``, ``$text`` and ``$kind`` replaced, wherever they stand."""
    if template == "$texts":
        return list(texts)
    if template == "$text":
        return texts[0]
    if template == "$kind":
        return kind
    if isinstance(template, dict):
        return {key: fill(value, texts, kind) for key, value in template.items()}
    if isinstance(template, list):
        return [fill(value, texts, kind) for value in template]
    return template


def at(value: Any, path: str) -> Any:
    """What stands at a dotted path; ``*`` takes every element of a list."""
    for number, step in enumerate(parts := [part for part in path.split(".") if part]):
        if step == "*":
            return [at(item, ".".join(parts[number + 1 :])) for item in value]
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def pooled(row: Any, pooling: str) -> np.ndarray[Any, Any]:
    """One vector: as it is, or made of one per token by their mean or the first (CLS)."""
    array = np.asarray(row, dtype=np.float32)
    while array.ndim > 2 and len(array) == 1:
        array = array[0]
    if array.ndim == 2 and len(array) == 1:
        array = array[0]
    if array.ndim == 2 and pooling != "none":
        return np.asarray(array.mean(axis=0) if pooling == "mean" else array[0], dtype=np.float32)
    if array.ndim != 1:
        raise ValueError("one vector a text was expected; see REVERIE_SAGEMAKER_POOLING")
    return array


def _depth(value: Any) -> int:
    return 1 + _depth(value[0]) if isinstance(value, list) and value else 0

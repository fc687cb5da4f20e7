"""Amazon Bedrock: Titan, one text a request, and Cohere, up to 96 (reference: Bedrock user guide, model parameters).

The families differ in more than their names: which sizes of vectors they know, how they are asked for one, and what
they call cutting a long text. One table says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import orjson

from reverie.embedding.base import EmbedKind
from reverie.embedding.providers import aws
from reverie.embedding.providers.calls import CallFailed, ProviderAnswer, RequestLimits
from reverie.embedding.providers.settings import BedrockSettings
from reverie.errors import UnsupportedModel

__all__ = ["BedrockService"]


@dataclass(frozen=True)
class _Family:
    #: Part of the model's id; a regional profile carries a prefix, as ``eu.cohere.embed-v4:0``.
    part: str
    limits: RequestLimits
    #: Sizes of vectors it can give, its own choice first.
    sizes: tuple[int, ...]
    #: Member of the request that asks for a size; None where there is one size alone.
    asks: str | None = None
    cohere: bool = False
    #: Further members of every request.
    more: Mapping[str, Any] = field(default_factory=dict)


_TITAN = RequestLimits(items=1, tokens=8192, text_tokens=8192)
_COHERE = RequestLimits(items=96, tokens=96 * 512, text_tokens=512)
# Its window is 128,000 tokens, more than a memory can have; the request stays within Bedrock's 20 MB.
_COHERE_4 = RequestLimits(items=96, tokens=128_000, text_tokens=128_000)

_FAMILIES = (
    _Family("titan-embed-text-v2", _TITAN, (1024, 512, 256), asks="dimensions"),
    _Family("titan-embed-text-v1", _TITAN, (1536,)),
    _Family("titan-embed-g1-text", _TITAN, (1536,)),
    _Family("cohere.embed-v4", _COHERE_4, (1536, 1024, 512, 256), asks="output_dimension", cohere=True,
            more={"truncate": "RIGHT", "embedding_types": ["float"]}),
    _Family("cohere.embed", _COHERE, (1024,), cohere=True, more={"truncate": "END"}),
)  # fmt: skip


def _family(name: str, size: int | None) -> _Family:
    found = next((family for family in _FAMILIES if family.part in name), None)
    if found is None:
        raise UnsupportedModel(f"{name!r} is not a Titan or Cohere model for texts")
    if size is not None and size not in found.sizes:
        known = " or ".join(str(size) for size in sorted(found.sizes))
        raise UnsupportedModel(f"REVERIE_BEDROCK_DIMENSIONS: {name} has vectors of {known} numbers, not {size}")
    return found


class BedrockService:
    """``POST /model/{id}/invoke`` by boto3. Raises ``UnsupportedModel`` for models and sizes it does not have."""

    provider = "bedrock"

    def __init__(self, settings: BedrockSettings, model: str | None = None) -> None:
        self.name = model or settings.model
        self.revision = ""
        self._family = _family(self.name, settings.dimensions)
        self.limits = self._family.limits
        self.dimensions: int | None = settings.dimensions or self._family.sizes[0]
        self._client = aws.client("bedrock-runtime", settings.region, settings.url)

    def call(self, texts: Sequence[str], kind: EmbedKind, timeout: float) -> ProviderAnswer:
        """One invocation."""
        body: dict[str, Any]
        if self._family.cohere:
            body = {"texts": list(texts), "input_type": f"search_{kind}"}
        else:
            body = {"inputText": texts[0]}
        body |= self._family.more
        if self._family.asks is not None:
            body[self._family.asks] = self.dimensions
        raw_body = json.dumps(body, ensure_ascii=False).encode()
        ask = partial(self._client.invoke_model, modelId=self.name, body=raw_body)
        raw, answer = aws.invoke(partial(ask, contentType="application/json", accept="application/json"), timeout)
        try:
            parsed = orjson.loads(raw)
            if not self._family.cohere:
                tokens = parsed.get("inputTextTokenCount")
                return ProviderAnswer(np.asarray([parsed["embedding"]], dtype=np.float32), tokens)
            rows = parsed["embeddings"]
            rows = rows["float"] if isinstance(rows, dict) else rows
            counted = answer["ResponseMetadata"]["HTTPHeaders"].get("x-amzn-bedrock-input-token-count")
            return ProviderAnswer(np.asarray(rows, dtype=np.float32), int(counted) if counted else None)
        except (ValueError, KeyError, TypeError) as error:
            raise CallFailed("outage", f"an answer that cannot be read ({type(error).__name__})", paid=True) from None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

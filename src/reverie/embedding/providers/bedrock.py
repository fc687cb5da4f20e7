"""Amazon Bedrock: Titan, one text a request, and Cohere, up to 96 (reference: Bedrock user guide, model parameters)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import orjson

from reverie.embedding.base import EmbedKind
from reverie.embedding.providers import aws
from reverie.embedding.providers.calls import Answer, CallFailed, Limits
from reverie.embedding.providers.settings import BedrockSettings
from reverie.errors import UnsupportedModel

__all__ = ["BedrockService"]

_TITAN_DIMENSIONS = {"amazon.titan-embed-text-v1": 1536, "amazon.titan-embed-text-v2:0": 1024}


class BedrockService:
    """``POST /model/{id}/invoke`` by boto3."""

    provider = "bedrock"

    def __init__(self, settings: BedrockSettings, model: str | None = None) -> None:
        self.name = model or settings.model
        self.revision = ""
        self._asked = settings.dimensions
        # A regional profile carries a prefix, as eu.cohere.embed-v4:0.
        self._cohere = "cohere.embed" in self.name
        if not self._cohere and "titan-embed-text" not in self.name:
            raise UnsupportedModel(f"{self.name!r} is not a Titan or Cohere model for texts")
        self.limits = (
            Limits(items=96, tokens=96 * 512, text_tokens=512)
            if self._cohere
            else Limits(items=1, tokens=8192, text_tokens=8192)
        )
        self.dimensions = settings.dimensions or (1024 if "v3" in self.name else _TITAN_DIMENSIONS.get(self.name))
        self._client = aws.client("bedrock-runtime", settings.region, settings.url)

    def call(self, texts: Sequence[str], kind: EmbedKind, timeout: float) -> Answer:
        """One invocation."""
        body: dict[str, Any]
        if self._cohere:
            body = {"texts": list(texts), "input_type": f"search_{kind}", "truncate": "END"}
        else:
            body = {"inputText": texts[0]}
            if self._asked is not None:
                body |= {"dimensions": self._asked, "normalize": True}
        raw_body = json.dumps(body, ensure_ascii=False).encode()
        ask = partial(self._client.invoke_model, modelId=self.name, body=raw_body)
        raw, answer = aws.invoke(partial(ask, contentType="application/json", accept="application/json"), timeout)
        try:
            parsed = orjson.loads(raw)
            if not self._cohere:
                tokens = parsed.get("inputTextTokenCount")
                return Answer(np.asarray([parsed["embedding"]], dtype=np.float32), tokens)
            rows = parsed["embeddings"]
            rows = rows["float"] if isinstance(rows, dict) else rows
            counted = answer["ResponseMetadata"]["HTTPHeaders"].get("x-amzn-bedrock-input-token-count")
            return Answer(np.asarray(rows, dtype=np.float32), int(counted) if counted else None)
        except (ValueError, KeyError, TypeError) as error:
            raise CallFailed("outage", f"an answer that cannot be read ({type(error).__name__})", paid=True) from None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

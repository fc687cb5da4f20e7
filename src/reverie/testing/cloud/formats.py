"""The providers' wire formats, written from their public references. Each function answers one request."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from reverie.embedding.hashed import HashEmbedder
from reverie.testing.cloud.faults import Fault

if TYPE_CHECKING:
    from reverie.testing.cloud.server import FakeCloud

__all__ = ["ROUTES", "Reply", "Wanted"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request, and the server it came to."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    cloud: FakeCloud
    fault: Fault


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; ``body`` is JSON unless it is bytes."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def words(text: str) -> int:
    """This fake's tokens."""
    return max(1, len(text.split()))


def vectors(wanted: Wanted, texts: Sequence[str], dimensions: int | None = None) -> np.ndarray[Any, Any]:
    """(n, d) float32, wrong where the fault says so."""
    size = (dimensions or wanted.cloud.dimensions) + wanted.fault.more_dimensions
    if wanted.cloud.constant:
        return np.broadcast_to(np.full(size, size**-0.5, dtype=np.float32), (len(texts), size))
    return HashEmbedder(size).embed(texts).vectors


def _openai_error(status: int, kind: str, code: str | None, message: str) -> Reply:
    return Reply({"error": {"message": message, "type": kind, "param": None, "code": code}}, status)


def openai(wanted: Wanted) -> Reply:
    """``POST /v1/embeddings``: platform.openai.com/docs/api-reference/embeddings/create."""
    if wanted.cloud.key is not None and wanted.headers.get("Authorization") != f"Bearer {wanted.cloud.key}":
        message = f"Incorrect API key provided: {wanted.headers.get('Authorization', '')[7:]}."
        return _openai_error(401, "invalid_request_error", "invalid_api_key", message)
    return _embeddings(wanted)


def azure(wanted: Wanted) -> Reply:
    """``POST /openai/deployments/{name}/embeddings``: learn.microsoft.com/azure/ai-services/openai/reference."""
    if not wanted.query.get("api-version"):
        return Reply({"error": {"code": "404", "message": "Resource not found"}}, 404)
    given = wanted.headers.get("api-key") or wanted.headers.get("Api-Key")
    if wanted.cloud.key is not None and given != wanted.cloud.key:
        message = "Access denied due to invalid subscription key or wrong API endpoint."
        return Reply({"error": {"code": "401", "message": message}}, 401)
    return _embeddings(wanted)


def _embeddings(wanted: Wanted) -> Reply:
    body = wanted.body
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    if len(texts) > 2048:
        return _openai_error(400, "invalid_request_error", None, "'$.input' is too long: at most 2048 items")
    longest = max(map(words, texts))
    if longest > wanted.cloud.window:
        message = (
            f"This model's maximum context length is {wanted.cloud.window} tokens, however you requested {longest} "
            f"tokens: {texts[0][:40]}"
        )
        return _openai_error(400, "invalid_request_error", None, message)
    rows = vectors(wanted, texts, body.get("dimensions"))
    as_base64 = body.get("encoding_format") == "base64"
    if wanted.cloud.constant and as_base64:
        return Reply(_constant(wanted, len(texts), body["model"]))
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": base64.b64encode(row.astype("<f4").tobytes()).decode() if as_base64 else row.tolist(),
        }
        for index, row in enumerate(rows)
    ]
    if wanted.fault.shuffled:
        random.Random(1).shuffle(data)
    if wanted.fault.one_short:
        data.pop()
    used = sum(map(words, texts))
    usage = {"prompt_tokens": used, "total_tokens": used}
    return Reply({"object": "list", "data": data, "model": body["model"], "usage": usage})


_made: dict[tuple[int, int], bytes] = {}


def _constant(wanted: Wanted, count: int, model: str) -> bytes:
    key = (count, wanted.cloud.dimensions)
    if key not in _made:
        row = base64.b64encode(vectors(wanted, [""])[0].astype("<f4").tobytes()).decode()
        data = [{"object": "embedding", "index": i, "embedding": row} for i in range(count)]
        usage = {"prompt_tokens": 10 * count, "total_tokens": 10 * count}
        _made[key] = json.dumps({"object": "list", "data": data, "model": model, "usage": usage}).encode()
    return _made[key]


ROUTES: list[tuple[str, str, Callable[[Wanted], Reply]]] = [
    ("POST", "/v1/embeddings", openai),
    ("POST", "/openai/deployments/{deployment}/embeddings", azure),
]
"""Method, path and answer of everything the fake serves."""

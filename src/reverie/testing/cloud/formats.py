"""The providers' wire formats, written from their public references. Each function answers one request."""

from __future__ import annotations

import base64
import itertools
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote

import numpy as np

from reverie.embedding.hashed import HashEmbedder
from reverie.testing.cloud.faults import Fault

__all__ = ["ROUTES", "FakeReply", "Wanted"]


class Provider(Protocol):
    """What an answer depends on; ``FakeCloud`` explains each."""

    dimensions: int
    key: str | None
    window: int
    constant: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request, and the server it came to."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    cloud: Provider
    fault: Fault


@dataclass(frozen=True, slots=True)
class FakeReply:
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
    made = np.repeat(HashEmbedder(size).embed(texts).vectors, wanted.fault.times, axis=0)
    return made if wanted.fault.number is None else np.full_like(made, wanted.fault.number)


def _openai_error(status: int, kind: str, code: str | None, message: str) -> FakeReply:
    return FakeReply({"error": {"message": message, "type": kind, "param": None, "code": code}}, status)


def openai(wanted: Wanted) -> FakeReply:
    """``POST /v1/embeddings``: platform.openai.com/docs/api-reference/embeddings/create."""
    if wanted.cloud.key is not None and wanted.headers.get("Authorization") != f"Bearer {wanted.cloud.key}":
        message = f"Incorrect API key provided: {wanted.headers.get('Authorization', '')[7:]}."
        return _openai_error(401, "invalid_request_error", "invalid_api_key", message)
    return _embeddings(wanted)


def azure(wanted: Wanted) -> FakeReply:
    """``POST /openai/deployments/{name}/embeddings``: learn.microsoft.com/azure/ai-services/openai/reference."""
    if not wanted.query.get("api-version"):
        return FakeReply({"error": {"code": "404", "message": "Resource not found"}}, 404)
    given = wanted.headers.get("api-key") or wanted.headers.get("Api-Key")
    if wanted.cloud.key is not None and given != wanted.cloud.key:
        message = "Access denied due to invalid subscription key or wrong API endpoint."
        return FakeReply({"error": {"code": "401", "message": message}}, 401)
    return _embeddings(wanted)


def _embeddings(wanted: Wanted) -> FakeReply:
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
        return FakeReply(_constant(wanted, len(texts), body["model"]))
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
    used = sum(map(words, texts)) if wanted.fault.tokens is None else wanted.fault.tokens
    usage = {"prompt_tokens": used, "total_tokens": used}
    return FakeReply({"object": "list", "data": data, "model": body["model"], "usage": usage})


_made: dict[tuple[int, int], bytes] = {}


def _constant(wanted: Wanted, count: int, model: str) -> bytes:
    key = (count, wanted.cloud.dimensions)
    if key not in _made:
        row = base64.b64encode(vectors(wanted, [""])[0].astype("<f4").tobytes()).decode()
        data = [{"object": "embedding", "index": i, "embedding": row} for i in range(count)]
        usage = {"prompt_tokens": 10 * count, "total_tokens": 10 * count}
        _made[key] = json.dumps({"object": "list", "data": data, "model": model, "usage": usage}).encode()
    return _made[key]


def _aws_error(status: int, code: str, message: str) -> FakeReply:
    return FakeReply({"message": message, "__type": code}, status, {"x-amzn-errortype": code})


def _unsigned(wanted: Wanted) -> FakeReply | None:
    if not wanted.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256"):
        return _aws_error(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
    return None


def sagemaker(wanted: Wanted) -> FakeReply:
    """``POST /endpoints/{name}/invocations``: docs.aws.amazon.com/sagemaker/latest/APIReference InvokeEndpoint.

    The container behind it answers as Hugging Face's embedding container does: a list of vectors.
    """
    if refused := _unsigned(wanted):
        return refused
    texts = wanted.body["inputs"]
    if any(words(text) > wanted.cloud.window for text in texts):
        body = {
            "ErrorCode": "CLIENT_ERROR_FROM_MODEL",
            "Message": "Received client error (413) from primary.",
            "OriginalMessage": "inputs must have less than 512 tokens",
            "OriginalStatusCode": 413,
        }
        return FakeReply(body, 424, {"x-amzn-errortype": "ModelError"})
    rows = vectors(wanted, texts).tolist()
    return FakeReply(rows[:-1] if wanted.fault.one_short else rows)


def bedrock(wanted: Wanted) -> FakeReply:
    """``POST /model/{id}/invoke``: docs.aws.amazon.com/bedrock/latest/userguide, Titan and Cohere embeddings."""
    if refused := _unsigned(wanted):
        return refused
    body = wanted.body
    model = unquote(wanted.path)
    if "inputText" in body:
        if "-v2" not in model and body.keys() - {"inputText"}:
            return _aws_error(400, "ValidationException", "Malformed input request: extraneous key")
        if words(body["inputText"]) > wanted.cloud.window:
            return _aws_error(400, "ValidationException", "400 Bad Request: Too many input tokens.")
        rows = vectors(wanted, [body["inputText"]], body.get("dimensions")).tolist()
        row = rows[0] if len(rows) == 1 else rows
        return FakeReply({"embedding": row, "inputTextTokenCount": words(body["inputText"])})
    fourth = "embed-v4" in model
    if ("output_dimension" in body and not fourth) or body.get("truncate") == ("END" if fourth else "RIGHT"):
        return _aws_error(400, "ValidationException", "Malformed input request: unknown key or value")
    made = vectors(wanted, body["texts"], body.get("output_dimension")).tolist()
    rows = {"float": made} if "embedding_types" in body else made
    counted = {"x-amzn-bedrock-input-token-count": str(sum(map(words, body["texts"])))}
    return FakeReply(
        {"id": "1", "texts": body["texts"], "embeddings": rows, "response_type": "embeddings_floats"}, 200, counted
    )


def _google_error(status: int, kind: str, message: str) -> FakeReply:
    return FakeReply({"error": {"code": status, "message": message, "status": kind}}, status)


def vertex(wanted: Wanted) -> FakeReply:
    """``:predict`` of a publisher's model: cloud.google.com/vertex-ai/generative-ai/docs/model-reference."""
    if wanted.cloud.key is not None and wanted.headers.get("Authorization") != f"Bearer {wanted.cloud.key}":
        return _google_error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
    texts = [instance["content"] for instance in wanted.body["instances"]]
    rows = vectors(wanted, texts, (wanted.body.get("parameters") or {}).get("outputDimensionality"))
    predictions = [
        {"embeddings": {"values": row.tolist(), "statistics": {"token_count": words(text), "truncated": False}}}
        for row, text in zip(rows, itertools.cycle(texts), strict=False)
    ]
    return FakeReply({"predictions": predictions[:-1] if wanted.fault.one_short else predictions})


def gemini(wanted: Wanted) -> FakeReply:
    """``:batchEmbedContents``: ai.google.dev/api/embeddings."""
    if wanted.cloud.key is not None and wanted.headers.get("x-goog-api-key") != wanted.cloud.key:
        return _google_error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.")
    requests = wanted.body["requests"]
    texts = ["".join(part["text"] for part in request["content"]["parts"]) for request in requests]
    rows = vectors(wanted, texts, requests[0].get("outputDimensionality"))
    return FakeReply({"embeddings": [{"values": row.tolist()} for row in rows]})


_GLAD = frozenset("love loved happy great wonderful joy".split())  # noqa: SIM905
_SAD = frozenset("hate hated sad terrible awful lost".split())  # noqa: SIM905


def language(wanted: Wanted) -> FakeReply:
    """Azure AI Language: ``/text/analytics/v3.1/{feature}``, learn.microsoft.com/rest/api/language."""
    given = wanted.headers.get("Ocp-Apim-Subscription-Key")
    if wanted.cloud.key is not None and given != wanted.cloud.key:
        return FakeReply({"error": {"code": "401", "message": "Access denied due to invalid subscription key."}}, 401)
    documents, errors = [], []
    for document in wanted.body["documents"]:
        text, id_ = document["text"], document["id"]
        if document.get("language") not in (None, "en", "de", "fr", "es"):
            inner = {"code": "UnsupportedLanguageCode", "message": "Invalid language code."}
            errors.append({"id": id_, "error": {"code": "InvalidArgument", "message": "Invalid.", "innererror": inner}})
            continue
        found = set(text.lower().split())
        glad, sad = len(found & _GLAD), len(found & _SAD)
        scores = {"positive": 0.0, "neutral": 1.0, "negative": 0.0}
        if glad or sad:
            scores = {"positive": glad / (glad + sad), "neutral": 0.0, "negative": sad / (glad + sad)}
        label = max(scores, key=lambda name: scores[name])
        named = [w.strip(".,") for w in text.split()[1:] if w[:1].isupper()]
        shared = {"id": id_, "warnings": []}
        if wanted.path.endswith("/sentiment"):
            sentence = {"sentiment": label, "confidenceScores": scores, "offset": 0, "length": len(text), "text": text}
            documents.append({**shared, "sentiment": label, "confidenceScores": scores, "sentences": [sentence]})
        elif wanted.path.endswith("/keyPhrases"):
            documents.append({**shared, "keyPhrases": [w for w in text.split() if len(w) > 6]})
        else:
            entities = [
                {"text": w, "category": "Person", "offset": text.index(w), "length": len(w), "confidenceScore": 0.9}
                for w in named
            ]
            documents.append({**shared, "entities": entities})
    return FakeReply({"documents": documents, "errors": errors, "modelVersion": "2022-06-01"})


_VERTEX = "/{version}/projects/{project}/locations/{location}/publishers/google/models/{call}"

ROUTES: list[tuple[str, str, Callable[[Wanted], FakeReply]]] = [
    ("POST", "/v1/embeddings", openai),
    ("POST", "/openai/deployments/{deployment}/embeddings", azure),
    ("POST", "/endpoints/{name}/invocations", sagemaker),
    ("POST", "/model/{id}/invoke", bedrock),
    ("POST", _VERTEX, vertex),
    ("POST", "/{version}/models/{call}", gemini),
    ("POST", "/text/analytics/v3.1/{feature}", language),
    ("POST", "/text/analytics/v3.1/entities/recognition/general", language),
]
"""Method, path and answer of everything the fake serves."""

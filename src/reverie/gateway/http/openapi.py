"""The OpenAPI document: what FastAPI derives from the routes, and what it cannot know."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from reverie.contracts import (
    OPERATIONS,
    AddMemories,
    ContextQuery,
    Event,
    MemoryPatch,
    PersonSettings,
    Problem,
    PutMemory,
    RecallQuery,
)
from reverie.gateway.routes.embeddings import EmbeddingRequest

__all__ = ["PROBLEMS", "document"]

_PROBLEM_CONTENT = {
    "application/problem+json": {
        "schema": {"$ref": "#/components/schemas/Problem"},
        "example": {
            "type": "https://reverie.dev/problems/invalid-input",
            "title": "The input is not valid.",
            "status": 422,
            "detail": "memories[1].text: text is blank",
            "instance": "/cluster/submit",
            "errors": [{"item": "memories[1].text", "message": "text is blank"}],
        },
    }
}

PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "The request is at fault", "content": _PROBLEM_CONTENT},
    503: {
        "description": "Not now; see Retry-After",
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": {
                    "type": "https://reverie.dev/problems/unavailable",
                    "title": "The service is not available right now.",
                    "status": 503,
                    "detail": "The database did not confirm in time.",
                    "instance": "/cluster/submit",
                },
            }
        },
        "headers": {"Retry-After": {"description": "Seconds", "schema": {"type": "string"}}},
    },
}

_EXAMPLES: dict[str, Any] = {
    **{row.request.__name__: row.example for row in OPERATIONS.values() if row.request and row.example and row.public},
    "EmbeddingRequest": {"model": "all-MiniLM-L6-v2", "input": ["I adopted a cat called Miso"]},
    "AddMemories": {
        "memories": [{"id": "cat", "text": "I adopted a cat called Miso"}, "The rock gym opened a new wall"]
    },
    "NewMemory": {"id": "cat", "text": "I adopted a cat called Miso", "created_at": "2026-05-01T09:00:00Z"},
    "PutMemory": {"text": "I adopted a cat called Miso", "kind": "fact", "metadata": {"channel": "pets"}},
    "MemoryPatch": {"accessed": True},
    "PersonSettings": {"timezone": "Europe/Berlin", "language": "de", "digest": {"every": "week", "hour": 8}},
    "RecallQuery": {"query": "pets", "options": {"top": 3}},
    "ContextQuery": {"query": "Shall I get a second cat?", "max_tokens": 600},
    "EnableRequest": {"url": "https://bot.example.org/hook"},
    "Task": {
        "id": "tsk_01jtz5m3x8q7v2n4c6b8d0f1g2",
        "task_id": "tsk_01jtz5m3x8q7v2n4c6b8d0f1g2",
        "operation": "cluster",
        "user_id": "42",
        "status": "queued",
        "lane": "heavy",
        "cached": False,
        "progress": {"stage": "queued", "done": 0, "total": 0, "fraction": 0.0},
        "attempts": 0,
        "created_at": "2026-05-01T09:00:00Z",
        "estimate_seconds": 0.4,
        "cost": {"tokens": 0, "cached_tokens": 0, "compute_ms": 0.0, "usd": 0.0},
        "result": None,
        "error": None,
    },
    "Event": {
        "seq": 1000007,
        "type": "progress",
        "task_id": "tsk_01jtz5m3x8q7v2n4c6b8d0f1g2",
        "at": "2026-05-01T09:00:01Z",
        "operation": "cluster",
        "user_id": "42",
        "progress": {"stage": "embedding", "done": 40, "total": 100, "fraction": 0.3},
    },
}

_WEBSOCKETS: dict[str, Any] = {
    "/results/{task_id}": {
        "summary": "Events of one task until its end, the stored state first; then the socket is closed with 1000.",
        "parameters": ["task_id", "ticket"],
    },
    "/results": {
        "summary": "All events of the tenant, the state of everything unfinished first.",
        "parameters": ["user_id", "operation", "ticket"],
    },
}

_CLOSE_CODES = {
    "1000": "the task has ended",
    "1013": "the client was too slow, or the gateway stops: connect again",
    "4401": "no key, a wrong or revoked one, or a used ticket",
    "4403": "the key lacks the scope read",
    "4404": "no such task or operation for this tenant",
    "4429": "the key has too many open streams",
}

_TAGS = {
    "tasks": "Submitting work, and what becomes of it.",
    "results": "Results as they come.",
    "charts": "Pictures of results.",
    "memories": "Memories that live here, by user.",
    "views": "What stored memories come to: current themes and insights, answers to a question.",
    "users": "What is held on a user: export and erasure.",
    "webhooks": "What is sent when a task ends.",
    "openai": "The part of OpenAI's API that is served here, for its clients.",
    "operations": "For operators: health, metrics, tickets.",
}

_KEY: list[dict[str, list[str]]] = [{"HTTPBearer": []}]
_OPEN = ("healthz", "readyz", "metrics")
"""Routes that ask for no key."""


def _sse(event: dict[str, Any]) -> str:
    return f"id: {event['seq']}\nevent: {event['type']}\ndata: {json.dumps(event)}\n\n"


# Routes that answer with bytes of their own.
_MEDIA = {
    "getChart": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
    "streamTask": {
        "text/event-stream": {
            # Readers of this document differ: to some the schema is of the whole body, to others of each event in it.
            "schema": {
                "anyOf": [
                    {"type": "string", "description": "The stream: server-sent events, one after the other."},
                    {
                        "type": "object",
                        "description": "Each event of the stream.",
                        "required": ["id", "event", "data"],
                        "properties": {
                            "id": {"type": "string", "description": "The `seq` of the event, to go on from."},
                            "event": {
                                "$ref": "#/components/schemas/EventType",
                                "description": "The `type` of the event.",
                            },
                            "data": {
                                "type": "string",
                                "description": "An Event as JSON.",
                                "contentMediaType": "application/json",
                                "contentSchema": {"$ref": "#/components/schemas/Event"},
                            },
                        },
                    },
                ]
            },
            "example": "retry: 1000\n\n" + _sse(_EXAMPLES["Event"]) + ": still here\n\n",
        }
    },
    "createEmbedding": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["object", "data", "model", "usage"],
                "properties": {
                    "object": {"const": "list", "description": "What this is."},
                    "model": {"type": "string", "description": "Name of the model, as it was asked for."},
                    "data": {
                        "type": "array",
                        "description": "A vector for each text, in their order.",
                        "items": {
                            "type": "object",
                            "required": ["object", "index", "embedding"],
                            "properties": {
                                "object": {"const": "embedding", "description": "What this is."},
                                "index": {
                                    "type": "integer",
                                    "description": "Place of the text in the request, from 0.",
                                },
                                "embedding": {
                                    "description": "The vector: numbers, or base64 of little-endian float32.",
                                    "anyOf": [{"type": "array", "items": {"type": "number"}}, {"type": "string"}],
                                },
                            },
                        },
                    },
                    "usage": {
                        "type": "object",
                        "description": "Tokens of all texts.",
                        "additionalProperties": {"type": "integer"},
                    },
                },
            }
        }
    },
    "exportUser": {"application/json": {"schema": {"type": "object"}}},
    "metrics": {"text/plain": {"schema": {"type": "string"}}},
}

_PUBLIC = [row for row in OPERATIONS.values() if row.public and row.request]
_RESULTS = [row.result for row in OPERATIONS.values() if row.public and row.result]
"""What ``result`` of a task holds, by operation."""

_STORED = (AddMemories, PutMemory, MemoryPatch, PersonSettings, RecallQuery, ContextQuery)
"""Bodies about stored memories."""

_TASK_HEADERS = {
    "Location": {"description": "The task's own address", "schema": {"type": "string"}},
    "ETag": {"description": "Changes with the task; send it as If-None-Match", "schema": {"type": "string"}},
}


def document(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    made = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        servers=[{"url": "/", "description": "The gateway that gave this document"}],
        contact={"name": "Reverie", "url": "https://reverie.readthedocs.io"},
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    made["components"]["securitySchemes"]["Ticket"] = {
        "type": "apiKey", "in": "query", "name": "ticket",
        "description": "Good once, from `POST /tickets`: for browsers, whose streams can send no header.",
    }  # fmt: skip
    models = [(row.request, "validation") for row in _PUBLIC]
    models += [(model, "validation") for model in _STORED]
    models += [(EmbeddingRequest, "validation")]  # type: ignore[list-item]
    sent = (Problem, Event, *_RESULTS)
    models += [(model, "serialization") for model in sent]  # type: ignore[misc]
    _, more = models_json_schema(models, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    for name, schema in more.get("$defs", {}).items():
        schemas.setdefault(name, schema)
    _say_what_memories_are(schemas)
    results = [{"$ref": f"#/components/schemas/{model.__name__}"} for model in _RESULTS]
    for name in ("Task", "Event"):
        _narrow(schemas[name]["properties"]["result"], anyOf=[*results, {"type": "null"}])
    # Only the model that runs here is taken; a client made from this document knows its name.
    schemas["EmbeddingRequest"]["properties"]["model"]["enum"] = list(app.state.models)
    for name in ("ClusterOptions", "AnalyzeOptions", "RecallOptions", "EmbedOptions"):
        _narrow(schemas[name]["properties"]["model"], anyOf=[{"enum": list(app.state.models)}, {"type": "null"}])
    for name, example in _EXAMPLES.items():
        schemas[name]["examples"] = [example]
    # FastAPI's own error bodies: ours are problems.
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    tags = set()
    for methods in made["paths"].values():
        for operation in methods.values():
            operation["responses"].pop("422", None)
            name = operation["operationId"]
            tags.update(operation["tags"])
            operation["security"] = [] if name in _OPEN else list(_KEY)
            if name == "streamTask":
                operation["security"].append({"Ticket": []})
            if name == "createEmbedding":
                body = {"schema": {"$ref": "#/components/schemas/EmbeddingRequest"}}
                operation["requestBody"] = {"required": True, "content": {"application/json": body}}
            if name in _MEDIA:
                operation["responses"]["200"]["content"] = _MEDIA[name]
            if name in ("getTask", "getChart", "getThemes", "getInsights"):
                operation["responses"]["304"] = {"description": "Unchanged since the ETag in If-None-Match"}
            for response in operation["responses"].values():
                content = response.get("content", {}).get("application/json", {})
                if content.get("schema") == {"$ref": "#/components/schemas/Task"}:
                    response["headers"] = _TASK_HEADERS
    made["tags"] = [{"name": name, "description": text} for name, text in _TAGS.items() if name in tags]
    made["x-websockets"] = {
        path: {
            **socket,
            "message": {"$ref": "#/components/schemas/Event"},
            "close_codes": _CLOSE_CODES,
            "security": "Authorization header, or ?ticket= from POST /tickets",
        }
        for path, socket in _WEBSOCKETS.items()
    }
    app.openapi_schema = made
    return made


def _say_what_memories_are(schemas: dict[str, Any]) -> None:
    """A memory may be sent as its text alone, and without an id; the models see it after both are filled in."""
    schemas["Memory"]["required"] = ["text"]
    text_id = {"type": "string", "minLength": 1, "maxLength": 256}
    _narrow(schemas["Memory"]["properties"]["id"], anyOf=[text_id, {"type": "integer"}, {"type": "null"}])
    either = {"anyOf": [{"type": "string", "minLength": 1}, {"$ref": "#/components/schemas/Memory"}]}
    for name, schema in schemas.items():
        memories = schema.get("properties", {}).get("memories")
        if memories is not None and name.endswith("Request"):  # what is answered has its own memories
            for word in ("anyOf", "default"):  # left out rather than null
                memories.pop(word, None)
            memories["type"] = "array"
            memories["items"] = either
            memories["maxItems"] = 100_000
    _narrow(schemas["NewMemory"]["properties"]["id"], anyOf=[text_id, {"type": "integer"}, {"type": "null"}])
    new = {"anyOf": [{"type": "string", "minLength": 1}, {"$ref": "#/components/schemas/NewMemory"}]}
    schemas["AddMemories"]["properties"]["memories"] |= {"items": new, "maxItems": 100_000}


def _narrow(schema: dict[str, Any], **said: Any) -> None:
    """Say what a property takes in other words; what it means stays."""
    description = schema.get("description")
    schema.clear()
    schema.update({"description": description, **said} if description else said)

"""Tasks as HTTP answers. A stored result is put into the JSON as it is, never parsed."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import Request
from fastapi.responses import Response

from reverie.store import GatewayStore, TaskRow, places

__all__ = [
    "RawResponse",
    "TaskFacts",
    "event_json",
    "matches",
    "opened_result",
    "split_task",
    "task_headers",
    "task_json",
    "task_response",
]


_RESULT = b',"result":'


def task_json(row: TaskRow, result: bytes | None, *, cached: bool = False) -> bytes:
    """A Task with its result spliced in."""
    return orjson.dumps(row.task(cached=cached))[:-1] + _RESULT + (result or b"null") + b"}"


def split_task(body: bytes) -> tuple[dict[str, Any], bytes | None]:
    """The Task that ``task_json`` wrote, without its result, and the bytes of its result."""
    # Inside a string the quotes would be escaped; and only a task without a result ends like this.
    empty = _RESULT + b"null}"
    if body.endswith(empty):
        return orjson.loads(body[: -len(empty)] + b"}"), None
    head, _, rest = body.partition(_RESULT)
    return orjson.loads(head + b"}"), rest[:-1]


def event_json(event: dict[str, Any], result: bytes | None = None) -> bytes:
    """An Event, the result spliced in where there is one."""
    body = orjson.dumps(event)
    return body if result is None else body[:-1] + b',"result":' + result + b"}"


async def opened_result(store: GatewayStore, row: TaskRow, stored: bytes | None) -> bytes | None:
    """The result of a task, of its stored form; None where there is none."""
    return await store.load(stored, places.result(row.tenant, row.id)) if stored else None


def etag_of(row: TaskRow) -> str:
    """Changes with every change of the task."""
    return (
        '"' + hashlib.blake2b(f"{row.id}:{row.seq}:{row.status}:{row.token}".encode(), digest_size=9).hexdigest() + '"'
    )


def matches(wanted: str | None, etag: str) -> bool:
    """Whether If-None-Match names this ETag. A proxy that compresses makes it a weak one, which is as good here."""
    if wanted is None:
        return False
    return wanted.strip() == "*" or etag in [tag.strip().removeprefix("W/") for tag in wanted.split(",")]


@dataclass(slots=True)
class TaskFacts:
    """What the status and the headers of an answer tell of a task."""

    id: str
    etag: str
    status: str = "succeeded"
    #: Seconds after which to ask again; None once the task has ended.
    retry_after: float | None = None
    error: dict[str, Any] | None = None

    @classmethod
    def of(cls, row: TaskRow) -> TaskFacts:
        """The facts of a stored task."""
        return cls(row.id, etag_of(row), row.status, None if row.ended else row.estimate_seconds or 1.0, row.error)


@dataclass(slots=True)
class RawResponse:
    """An answer in bytes, as a server writes it; the names of its headers are in lower case."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @classmethod
    def of(cls, response: Response) -> RawResponse:
        """A response of the framework."""
        return cls(response.status_code, list(response.raw_headers), bytes(response.body))

    @classmethod
    def json(cls, status: int, body: bytes, headers: dict[str, str]) -> RawResponse:
        """An answer in JSON."""
        out = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
        out += [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        return cls(status, out, body)

    def response(self) -> Response:
        """The same for the framework."""
        out = Response(self.body, self.status)
        out.raw_headers = self.headers
        return out


def task_headers(facts: TaskFacts, path: str) -> dict[str, str]:
    """ETag, Location and, while the task runs, Retry-After; ``path`` is the request's."""
    prefix = "/v1" if path.startswith("/v1/") else ""
    out = {"Location": f"{prefix}/tasks/{facts.id}", "ETag": facts.etag, "Cache-Control": "private, no-cache"}
    if facts.retry_after is not None:
        out["Retry-After"] = str(max(1, min(60, math.ceil(facts.retry_after))))
    return out


def task_response(
    request: Request, row: TaskRow, body: bytes, *, status: int = 200, conditional: bool = False
) -> Response:
    """The answer for one task; ``conditional``: without its body when the client has it already."""
    out = task_headers(TaskFacts.of(row), request.url.path)
    if conditional and matches(request.headers.get("if-none-match"), out["ETag"]):
        return Response(status_code=304, headers=out)
    return Response(body, status, out, "application/json")

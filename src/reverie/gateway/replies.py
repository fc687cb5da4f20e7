"""Tasks as HTTP answers. A stored result is put into the JSON as it is, never parsed."""

from __future__ import annotations

import asyncio
import hashlib
import math
from typing import Any

import orjson
from fastapi import Request
from fastapi.responses import Response

from reverie.store import Codec, TaskRow

__all__ = ["event_json", "matches", "task_json", "task_response", "unpack"]

_OFF_LOOP = 256 * 1024
"""Stored results above this size are unpacked in a thread."""


def task_json(row: TaskRow, result: bytes | None, *, cached: bool = False) -> bytes:
    """A Task with its result spliced in."""
    return orjson.dumps(row.task(cached=cached))[:-1] + b',"result":' + (result or b"null") + b"}"


def event_json(event: dict[str, Any], result: bytes | None = None) -> bytes:
    """An Event, the result spliced in where there is one."""
    body = orjson.dumps(event)
    return body if result is None else body[:-1] + b',"result":' + result + b"}"


async def unpack(codec: Codec, stored: bytes) -> bytes:
    """A stored body, large ones unpacked off the event loop."""
    if len(stored) <= _OFF_LOOP:
        return codec.decode(stored)
    return await asyncio.to_thread(codec.decode, stored)


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


def task_response(
    request: Request,
    row: TaskRow,
    body: bytes,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    conditional: bool = False,
) -> Response:
    """The answer for one task, with ETag, Location and, while it runs, Retry-After."""
    prefix = "/v1" if request.url.path.startswith("/v1/") else ""
    out = {"Location": f"{prefix}/tasks/{row.id}", "ETag": etag_of(row), "Cache-Control": "private, no-cache"}
    if not row.ended:
        out["Retry-After"] = str(max(1, min(60, math.ceil(row.estimate_seconds or 1.0))))
    out.update(headers or {})
    if conditional and matches(request.headers.get("if-none-match"), out["ETag"]):
        return Response(status_code=304, headers=out)
    return Response(body, status, out, "application/json")

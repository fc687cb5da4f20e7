"""Ids in paths, as they were sent: an id may hold a slash, ``..`` or any other printable text, percent-encoded.

A server decodes a path before it is matched, and a slash in an id then looks like one between parts. So the paths of
users are matched as they were sent, and each id is decoded by itself.
"""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import unquote_to_bytes

from fastapi import Path
from pydantic import BeforeValidator
from starlette.types import ASGIApp, Receive, Scope, Send

from reverie.contracts import Identifier

__all__ = ["DecodedId", "MemoryId", "RawPaths", "UserId"]

_PREFIXES = ("/users/", "/v1/users/")


class RawPaths:
    """Middleware: what comes after it sees paths with a user's id as they were sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(_with_raw_path(scope), receive, send)


def _with_raw_path(scope: Scope) -> Scope:
    if scope["type"] not in ("http", "websocket") or not scope.get("raw_path"):
        return scope
    root = scope.get("root_path", "")
    if not scope["path"].removeprefix(root).startswith(_PREFIXES):
        return scope
    # Sent in ASCII, or refused by the server; some send UTF-8 all the same, which is what they mean.
    return {**scope, "path": scope["raw_path"].partition(b"?")[0].decode("utf-8", "replace")}


def _decoded(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return unquote_to_bytes(value).decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("is not valid UTF-8 once its percent-encoding is undone") from None


DecodedId = Annotated[Identifier, BeforeValidator(_decoded)]
"""An id as a path holds it, decoded."""

UserId = Annotated[
    Identifier, BeforeValidator(_decoded), Path(description="Id of the user, percent-encoded.", examples=["42"])
]
MemoryId = Annotated[
    Identifier, BeforeValidator(_decoded), Path(description="Id of the memory, percent-encoded.", examples=["m1"])
]

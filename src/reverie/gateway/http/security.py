"""Headers of every answer: the strict policy, and the request's id."""

from __future__ import annotations

import re
import secrets
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["REQUEST_ID", "STRICT_HEADERS", "AnswerHeaders", "request_id"]

REQUEST_ID = b"x-request-id"
"""Names one request in the answer and in the log."""

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))
STRICT_HEADERS = (*_HEADERS, (b"content-security-policy", _CSP.encode()))
"""For every answer."""

_GIVEN_ID = re.compile(r"[\w.:-]{1,128}", re.ASCII)


def request_id(given: str | None) -> bytes:
    """The id of a request: the one that it came with, where that is sane, else a new one."""
    if given is not None and _GIVEN_ID.fullmatch(given):
        return given.encode()
    return b"req_" + secrets.token_hex(12).encode()


class AnswerHeaders:
    """Middleware that adds them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value.decode("latin-1") for name, value in scope["headers"] if name == REQUEST_ID), None)
        # For the log of whoever answers.
        scope[REQUEST_ID.decode()] = own = request_id(given)
        added = (*STRICT_HEADERS, (REQUEST_ID, own))

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message.setdefault("headers", []).extend(added)
            await send(message)

        await self._app(scope, receive, with_headers)

"""The HTTP protocol with bounds on a request's head: its size, and the time it may take to arrive.

uvicorn has neither with httptools: a client that sends one byte a minute, or a header without end, would be kept for
as long as it likes.
"""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from reverie.errors import HeadersTooLarge, RequestTimeout

__all__ = ["BoundedHeadProtocol"]

HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 15.0

_REASONS = {408: "Request Timeout", 431: "Request Header Fields Too Large"}
_PROBLEMS = {408: RequestTimeout(), 431: HeadersTooLarge()}


class BoundedHeadProtocol(HttpToolsProtocol):
    """Closes connections whose next request's head is too large or too slow."""

    _head_bytes = 0
    _in_head = True
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._timer = self.loop.call_later(HEAD_SECONDS, self._refuse, 408)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
                self._refuse(431)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._refuse, 408)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_bytes = 0
        self._disarm()
        super().on_headers_complete()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, status: int) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if self._head_bytes and (self.cycle is None or self.cycle.response_complete):
            body = orjson.dumps(_PROBLEMS[status].problem())
            head = (
                f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: application/problem+json\r\n"
                f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()

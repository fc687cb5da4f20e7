"""Submissions and adds of memories straight from the socket: no ASGI messages, one write for the whole answer.

Only plain requests go this way: a body of known, moderate length, nothing before it still unanswered. All others,
and all other paths, take uvicorn's way to the application, which gives the same answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Set
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from reverie.gateway.http.headers import joined_headers
from reverie.gateway.http.problems import problem_response
from reverie.gateway.http.protocol import HEAD_SECONDS, BoundedHeadProtocol
from reverie.gateway.http.responses import RawResponse
from reverie.gateway.http.security import REQUEST_ID, STRICT_HEADERS, request_id
from reverie.gateway.memories.endpoint import ADD_PATH, answer_add
from reverie.gateway.memories.parse import LINES
from reverie.gateway.state import State
from reverie.gateway.submissions import read_body
from reverie.gateway.submissions.body_parser import INLINE_BYTES
from reverie.gateway.submissions.endpoint import PATHS, ReadBody, answer_submission

__all__ = ["STATE", "SubmissionProtocol"]

STATE = "reverie"
"""Name of the gateway's ``State`` in the lifespan's state."""

_OPERATIONS = {path.encode(): operation for path, operation in PATHS.items()}
_STATUS_LINES = {int(status): f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Who answers."""

    #: ``(state, operation or user, path, headers, how to read the body)``.
    answer: Callable[[State, str, str, dict[str, str], ReadBody], Awaitable[RawResponse]]
    argument: str
    #: Media types that are taken beside JSON.
    also: Set[str] = frozenset()


def _endpoint(url: bytes) -> Endpoint | None:
    """Who answers a POST to this address here."""
    operation = _OPERATIONS.get(url)
    if operation is not None:
        return Endpoint(answer_submission, operation)
    match = ADD_PATH.fullmatch(url)
    return Endpoint(answer_add, match[1].decode("utf-8", "replace"), LINES) if match else None


class Direct:
    """One request that is answered here; to uvicorn it looks like one of its request cycles."""

    #: Of the cycles' interface: nobody waits for it.
    message_event = asyncio.Event()

    def __init__(self, endpoint: Endpoint, path: str, headers: dict[str, str], keep_alive: bool) -> None:
        self.endpoint = endpoint
        self.path = path
        self.headers = headers
        self.keep_alive = keep_alive
        self.chunks: list[bytes] = []
        self.whole = self.overtime = False
        self.disconnected = self.response_complete = False


class SubmissionProtocol(BoundedHeadProtocol):
    """Answers plain submissions and adds itself, and hands everything else on."""

    def on_headers_complete(self) -> None:
        direct = self._direct()
        if direct is None:
            super().on_headers_complete()
            return
        self._in_head = False
        self._head_bytes = 0
        # The timer of the head goes on until the body is whole.
        self.cycle = direct  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        if isinstance(self.cycle, Direct):
            self.cycle.chunks.append(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        cycle = self.cycle
        if not isinstance(cycle, Direct):
            super().on_message_complete()
        elif not cycle.response_complete:
            cycle.whole = True
            self._disarm()
            task = self.loop.create_task(self._answer(cycle))
            self.tasks.add(task)  # a server that is shutting down waits for these
            task.add_done_callback(self.tasks.discard)

    def _direct(self) -> Direct | None:
        """The request whose head is complete, if it is a plain one of those that are answered here."""
        endpoint = _endpoint(self.url)
        parser = self.parser
        if (
            endpoint is None
            or parser.get_method() != b"POST"
            or parser.get_http_version() != "1.1"
            or parser.should_upgrade()
            or self.expect_100_continue
            or self.root_path
            or self.limit_concurrency is not None
            or (self.cycle is not None and not self.cycle.response_complete)
            or STATE not in self.app_state
        ):
            return None
        headers = joined_headers(self.headers)
        length = headers.get("content-length", "")
        if not length.isdigit() or int(length) > INLINE_BYTES:
            return None
        return Direct(endpoint, self.url.decode("utf-8", "replace"), headers, bool(parser.should_keep_alive()))

    async def _answer(self, cycle: Direct) -> None:
        state: State = self.app_state[STATE]

        async def body() -> bytes:
            read_body.check_headers(cycle.headers, state.settings.limits.body_bytes, cycle.endpoint.also)
            return read_body.joined(cycle.chunks)

        endpoint = cycle.endpoint
        reply = await endpoint.answer(state, endpoint.argument, cycle.path, cycle.headers, body)
        if self.flow.write_paused and not cycle.disconnected:
            await self.flow.drain()
        self._write(cycle, reply)

    def _write(self, cycle: Direct, reply: RawResponse) -> None:
        if cycle.response_complete or cycle.disconnected:
            return
        parts = [_STATUS_LINES[reply.status]]
        for headers in (self.server_state.default_headers, reply.headers, STRICT_HEADERS):
            for name, value in headers:
                parts += (name, b": ", value, b"\r\n")
        parts += (REQUEST_ID, b": ", request_id(cycle.headers.get("x-request-id")), b"\r\n")
        parts += (b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n", reply.body)
        self.transport.write(b"".join(parts))
        cycle.response_complete = True
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _refuse(self, status: int) -> None:
        cycle: Any = self.cycle
        if self._in_head or not isinstance(cycle, Direct):
            super()._refuse(status)
        elif not cycle.overtime:
            # The head came in time; a body may take longer.
            cycle.overtime = True
            self._timer = self.loop.call_later(read_body.SECONDS - HEAD_SECONDS, self._refuse, 408)
        else:
            self._timer = None
            cycle.keep_alive = False
            self._write(cycle, RawResponse.of(problem_response(read_body.late(), cycle.path)))

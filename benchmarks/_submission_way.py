"""What the two ways of ``submissions`` cost by themselves: from the bytes of a request to those of a ready answer."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from benchmarks import _submission_gateway
from reverie.gateway.http.protocol import BoundedHeadProtocol
from reverie.gateway.http.responses import RawResponse
from reverie.gateway.http.security import AnswerHeaders
from reverie.gateway.submissions import protocol
from reverie.gateway.submissions.endpoint import ReadBody

_ANSWER = b"x" * 1200


class Transport(asyncio.Transport):
    """Takes what is written, and sends it nowhere."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)}.get(name, default)

    def is_closing(self) -> bool:
        return False

    def write(self, data: Any) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


async def answer(state: Any, operation: str, path: str, headers: dict[str, str], read_body: ReadBody) -> RawResponse:
    """An answer that costs nothing but the reading."""
    await read_body()
    return RawResponse.json(200, _ANSWER, {"Location": "/tasks/1", "ETag": "e", "Cache-Control": "private"})


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError(f"{scope['path']} should have been answered before")


async def _microseconds(kind: type[BoundedHeadProtocol], app: ASGIApp, request: bytes, count: int) -> float:
    config = uvicorn.Config(cast("Any", app), http=kind, access_log=False, log_config=None, server_header=False)
    config.load()
    state = {protocol.STATE: SimpleNamespace(settings=SimpleNamespace(limits=SimpleNamespace(body_bytes=10**7)))}
    made = kind(config=config, server_state=ServerState(), app_state=state, _loop=asyncio.get_running_loop())
    made.connection_made(Transport())
    began = time.process_time()
    for _ in range(count):
        made.data_received(request)
        while made.cycle is None or not made.cycle.response_complete:  # noqa: ASYNC110
            await asyncio.sleep(0)
    spent = time.process_time() - began
    made.connection_lost(None)
    return 1e6 * spent / count


async def ways(request: bytes, rounds: int = 9, count: int = 1500) -> dict[str, list[float]]:
    """CPU microseconds of a request, of each round in turns."""
    protocol.answer_submission = _submission_gateway.answer_submission = answer
    plain = AnswerHeaders(_submission_gateway.PlainRoute(nothing))
    found: dict[str, list[float]] = {"protocol": [], "asgi": []}
    for _ in range(rounds):
        found["protocol"].append(await _microseconds(protocol.SubmissionProtocol, nothing, request, count))
        found["asgi"].append(await _microseconds(BoundedHeadProtocol, plain, request, count))
    return found

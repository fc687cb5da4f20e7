"""A gateway of which a part is replaced, for ``submissions``: ``FRONT PARSER PORT``."""

from __future__ import annotations

import sys
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from benchmarks import _hand_parser
from reverie.gateway import app, serve
from reverie.gateway.http.headers import joined_headers
from reverie.gateway.http.protocol import BoundedHeadProtocol
from reverie.gateway.submissions import parse
from reverie.gateway.submissions.endpoint import PATHS, answer_submission
from reverie.gateway.submissions.protocol import STATE
from reverie.gateway.submissions.read_body import check_headers, joined


class PlainRoute:
    """The submit routes before all middleware, by ASGI's messages: what is left out of a protocol of our own."""

    def __init__(self, application: ASGIApp) -> None:
        self._app = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        operation = PATHS.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if operation is None or STATE not in scope.get("state", ()):  # the gateway warms itself up without one
            await self._app(scope, receive, send)
            return
        state = scope["state"][STATE]
        headers = joined_headers(scope["headers"])

        async def body() -> bytes:
            check_headers(headers, state.settings.limits.body_bytes)
            chunks: list[bytes] = []
            while True:
                message = await receive()
                chunks.append(message.get("body", b""))
                if not message.get("more_body"):
                    return joined(chunks)

        reply = await answer_submission(state, operation, scope["path"], headers, body)
        await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
        await send({"type": "http.response.body", "body": reply.body})


def main(front: str, parser: str, port: str) -> None:
    if front == "asgi":
        make = app.create_app

        def with_plain_route(*arguments: Any, **named: Any) -> Any:
            made = make(*arguments, **named)
            made.add_middleware(PlainRoute)
            made.add_middleware(app.AnswerHeaders)
            return made

        serve.create_app = with_plain_route
        serve.SubmissionProtocol = BoundedHeadProtocol  # type: ignore[misc]
    if parser == "hand":
        parse.parse_fast = _hand_parser.parse_fast  # type: ignore[assignment]
    raise SystemExit(serve.main(port=int(port)))


if __name__ == "__main__":
    main(*sys.argv[1:])

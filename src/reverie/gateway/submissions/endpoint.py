"""The submit routes from a request's head and body to the reply, with no framework between: it would take longer.

``SubmissionProtocol`` calls this from the socket, ``app`` from ASGI; the routes of the same names document it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable

from starlette.requests import ClientDisconnect

from reverie import _tracing
from reverie.contracts import Operation
from reverie.errors import ReverieError
from reverie.gateway.auth import bearer
from reverie.gateway.http.problems import problem_response
from reverie.gateway.http.responses import RawResponse, task_headers
from reverie.gateway.routes.deps import parse_deadline, parse_prefer
from reverie.gateway.state import State
from reverie.gateway.submissions.admission import rate_headers
from reverie.gateway.submissions.read_body import SpooledBody
from reverie.gateway.submissions.submit import submit
from reverie.store import Key

__all__ = ["PATHS", "Body", "accept", "joined_headers", "submission"]

log = logging.getLogger(__name__)

Body = Callable[[], Awaitable[bytes | SpooledBody]]
"""Reads a request's body, once its sender is known."""

PATHS = {f"{prefix}/{operation}/submit": operation for operation in Operation for prefix in ("", "/v1")}
"""The paths that are answered here."""

_BRIEF = 0.25
"""Seconds a fast operation is waited for unless the client says otherwise."""


def joined_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by their lower-case names. Of a name given twice the first counts; ``Prefer`` is a list."""
    out: dict[str, str] = {}
    for name_bytes, value_bytes in raw:
        name, value = name_bytes.decode("latin-1"), value_bytes.decode("latin-1")
        if name not in out:
            out[name] = value
        elif name == "prefer":
            out[name] += "," + value
    return out


async def submission(state: State, operation: Operation, path: str, headers: dict[str, str], body: Body) -> RawResponse:
    """The reply to one submission; errors are problems. Raises ``ClientDisconnect`` when nobody is left to reply to."""
    try:
        return await _traced(state, operation, path, headers, body)
    except ClientDisconnect:
        raise
    except Exception:
        log.exception("a submission failed")
        return RawResponse.of(problem_response(ReverieError(), path))


async def _traced(state: State, operation: Operation, path: str, headers: dict[str, str], body: Body) -> RawResponse:
    # Without a tracer this would be a tenth of the whole answer.
    if not state.tracing:
        return await _answer(state, operation, path, headers, body)
    parent = headers.get("traceparent")
    with _tracing.span(f"POST /{operation}/submit", "server", parent=parent, operation=str(operation)) as current:
        reply = await _answer(state, operation, path, headers, body)
        current.set_attribute("http.response.status_code", reply.status)
        location = dict(reply.headers).get(b"location")
        if location is not None:
            current.set_attribute("reverie.task_id", location.decode().rsplit("/", 1)[1])
        return reply


async def _answer(state: State, operation: Operation, path: str, headers: dict[str, str], body: Body) -> RawResponse:
    try:
        key = await state.auth.check(bearer(headers.get("authorization")), "submit")
        return await accept(state, key, operation, path, headers, body)
    except ReverieError as error:
        return RawResponse.of(problem_response(error, path))


async def accept(
    state: State, key: Key, operation: Operation, path: str, headers: dict[str, str], body: Body
) -> RawResponse:
    """Accept one submission of ``key``. Raises whatever refuses it."""
    limit, remaining, reset = state.admission.spend(key)
    gist, whole = await state.parse_submission(operation, await body())
    asked, asynchronous = parse_prefer(headers.get("prefer", ""))
    # Unasked, only the two operations that people wait for in a conversation are waited for.
    unasked = _BRIEF if operation in (Operation.RECALL, Operation.EMBED) and not asynchronous else 0.0
    answer = await submit(
        state,
        key,
        gist,
        whole=whole,
        idempotency_key=headers.get("idempotency-key"),
        wait=unasked if asked is None else asked,
        deadline=parse_deadline(headers.get("reverie-deadline")),
        trace=headers.get("traceparent"),
    )
    out = task_headers(answer.facts, path) | rate_headers(limit, remaining, reset)
    # RFC 7240: say which preferences shaped the answer. Both together mean: wait so long, then go on without me.
    applied = [f"wait={asked:g}"] if asked is not None else []
    if asynchronous and answer.status == 202:
        applied.append("respond-async")
    if applied:
        out["Preference-Applied"] = ", ".join(applied)
    return RawResponse.json(answer.status, answer.body, out)

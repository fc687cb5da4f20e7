"""The submit routes from a request's head and body to the answer, for both callers that read them.

``SubmissionProtocol`` calls this from the socket, ``routes/tasks.py`` from the framework.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect

from reverie import _tracing
from reverie.contracts import OPERATIONS
from reverie.errors import ReverieError
from reverie.gateway.auth import bearer
from reverie.gateway.http.headers import parse_deadline, parse_prefer, rate_headers
from reverie.gateway.http.problems import problem_response
from reverie.gateway.http.responses import RawResponse, task_headers
from reverie.gateway.state import State
from reverie.gateway.submissions.read_body import SpooledBody
from reverie.gateway.submissions.submit import submit
from reverie.store import Key

__all__ = ["PATHS", "ReadBody", "answer_submission"]

log = logging.getLogger(__name__)

ReadBody = Callable[[], Awaitable[bytes | SpooledBody]]
"""Reads a request's body, once its sender is known."""

PATHS = {
    f"{prefix}/{name}/submit": name
    for name, row in OPERATIONS.items()
    if row.request and row.public
    for prefix in ("", "/v1")
}
"""The paths that are answered here, with their operation."""

_BRIEF = 0.25
"""Seconds a fast operation is waited for unless the client says otherwise."""


async def answer_submission(
    state: State, operation: str, path: str, headers: dict[str, str], read_body: ReadBody
) -> RawResponse:
    """The reply to one submission; errors are problems. Raises ``ClientDisconnect`` when nobody is left to reply to."""
    try:
        return await _traced(state, operation, path, headers, read_body)
    except ClientDisconnect:
        raise
    except Exception:
        log.exception("a submission failed")
        return RawResponse.of(problem_response(ReverieError(), path))


async def _traced(state: State, operation: str, path: str, headers: dict[str, str], read_body: ReadBody) -> RawResponse:
    """``_answer`` within a span, if spans are sent somewhere."""
    # Without a tracer this would be a tenth of the whole answer.
    if not state.tracing:
        return await _answer(state, operation, path, headers, read_body)
    parent = headers.get("traceparent")
    with _tracing.span(f"POST /{operation}/submit", "server", parent=parent, operation=operation) as current:
        reply = await _answer(state, operation, path, headers, read_body)
        current.set_attribute("http.response.status_code", reply.status)
        location = dict(reply.headers).get(b"location")
        if location is not None:
            current.set_attribute("reverie.task_id", location.decode().rsplit("/", 1)[1])
        return reply


async def _answer(state: State, operation: str, path: str, headers: dict[str, str], read_body: ReadBody) -> RawResponse:
    """Who asks, then ``_accept``; what refuses the submission is a problem."""
    try:
        key = await state.auth.check(bearer(headers.get("authorization")), "submit")
        return await _accept(state, key, operation, path, headers, read_body)
    except ReverieError as error:
        return RawResponse.of(problem_response(error, path))


async def _accept(
    state: State, key: Key, operation: str, path: str, headers: dict[str, str], read_body: ReadBody
) -> RawResponse:
    """Count the request, read and parse its body, submit it, and say what became of it. Raises what refuses it."""
    limit, remaining, reset = state.admission.spend(key)
    submission = await state.parser.read(key.tenant, operation, await read_body())
    asked, asynchronous = parse_prefer(headers.get("prefer", ""))
    # Unasked, only the operations that people wait for in a conversation are waited for.
    unasked = _BRIEF if OPERATIONS[operation].waits and not asynchronous else 0.0
    answer = await submit(
        state,
        key,
        submission,
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

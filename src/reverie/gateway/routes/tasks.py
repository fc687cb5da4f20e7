"""Submitting, reading, cancelling and redriving tasks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from reverie import _tracing
from reverie.contracts import Operation, Status, Task, TaskPage
from reverie.errors import Conflict, NotFound, ReverieError
from reverie.gateway.admission import rate_headers
from reverie.gateway.auth import bearer
from reverie.gateway.body import spool_json_body
from reverie.gateway.intake import REQUESTS
from reverie.gateway.problems import problem_response
from reverie.gateway.replies import task_json, task_response, unpack
from reverie.gateway.routes.deps import GatewayState, Reader, Submitter, parse_deadline, parse_prefer
from reverie.gateway.state import state_of
from reverie.gateway.submit import submit
from reverie.store import TaskRow

__all__ = ["DIRECT", "router", "submit_directly"]

router = APIRouter(tags=["tasks"])

_BRIEF = 0.25
"""Seconds a fast operation is waited for unless the client says otherwise."""


def _request_body(operation: str) -> dict[str, Any]:
    name = REQUESTS[operation].__name__
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


async def submit_directly(request: Request, operation: Operation) -> Response:
    """The submit routes without the framework between: it takes longer than the submission itself.

    Routes of the same name document them; both run the same code.
    """
    state = state_of(request)
    # Without a tracer this would be a tenth of the whole answer.
    if not state.tracing:
        return await _answer(operation, request, state)
    parent = request.headers.get("traceparent")
    with _tracing.span(f"POST /{operation}/submit", "server", parent=parent, operation=str(operation)) as current:
        answer = await _answer(operation, request, state)
        current.set_attribute("http.response.status_code", answer.status_code)
        if "location" in answer.headers:
            current.set_attribute("reverie.task_id", answer.headers["location"].rsplit("/", 1)[1])
        return answer


async def _answer(operation: Operation, request: Request, state: GatewayState) -> Response:
    try:
        key = await state.auth.check(bearer(request.headers.get("authorization")), "submit")
        return await _submit(operation, request, state, key)
    except ReverieError as error:
        return problem_response(error, request.url.path)


DIRECT = {f"{prefix}/{operation}/submit": operation for operation in Operation for prefix in ("", "/v1")}
"""Paths that ``submit_directly`` answers."""


async def _submit(operation: Operation, request: Request, state: GatewayState, key: Submitter) -> Response:
    limit, remaining, reset = state.admission.spend(key)
    body = await spool_json_body(request, state.settings.limits.body_bytes)
    gist, whole = await state.take_in(operation, body)
    asked, asynchronous = parse_prefer(request)
    # Unasked, only the two operations that people wait for in a conversation are waited for.
    unasked = _BRIEF if operation in (Operation.RECALL, Operation.EMBED) and not asynchronous else 0.0
    answer = await submit(
        state,
        key,
        gist,
        whole=whole,
        idempotency_key=request.headers.get("idempotency-key"),
        wait=unasked if asked is None else asked,
        deadline=parse_deadline(request),
        trace=request.headers.get("traceparent"),
    )
    headers = rate_headers(limit, remaining, reset)
    # RFC 7240: say which preferences shaped the answer. Both together mean: wait so long, then go on without me.
    applied = [f"wait={asked:g}"] if asked is not None else []
    if asynchronous and answer.status == 202:
        applied.append("respond-async")
    if applied:
        headers["Preference-Applied"] = ", ".join(applied)
    return task_response(request, answer.row, answer.body, status=answer.status, headers=headers)


_ACCEPTED: dict[int | str, dict[str, Any]] = {
    200: {"model": Task, "description": "Answered at once, with the result"},
    202: {"model": Task, "description": "Accepted; the result is pushed to /results/{id}"},
}


@router.post(
    "/cluster/submit", operation_id="submitCluster", responses=_ACCEPTED, openapi_extra=_request_body("cluster")
)
async def submit_cluster(request: Request, state: GatewayState, key: Submitter) -> Response:
    """Group memories into themes."""
    return await _submit(Operation.CLUSTER, request, state, key)


@router.post(
    "/analyze/submit", operation_id="submitAnalyze", responses=_ACCEPTED, openapi_extra=_request_body("analyze")
)
async def submit_analyze(request: Request, state: GatewayState, key: Submitter) -> Response:
    """Find what matters, how it hangs together and what changes."""
    return await _submit(Operation.ANALYZE, request, state, key)


@router.post("/embed/submit", operation_id="submitEmbed", responses=_ACCEPTED, openapi_extra=_request_body("embed"))
async def submit_embed(request: Request, state: GatewayState, key: Submitter) -> Response:
    """Turn texts into vectors."""
    return await _submit(Operation.EMBED, request, state, key)


@router.post("/recall/submit", operation_id="submitRecall", responses=_ACCEPTED, openapi_extra=_request_body("recall"))
async def submit_recall(request: Request, state: GatewayState, key: Submitter) -> Response:
    """Rank memories for a question."""
    return await _submit(Operation.RECALL, request, state, key)


async def present(state: GatewayState, key: Reader, task_id: str) -> tuple[TaskRow, bytes | None]:
    """The caller's task and its stored result. Raises ``NotFound``."""
    found = await state.store.task_with_result(key.tenant, task_id)
    if found is None or found[0].operation == "chart":
        raise NotFound(f"There is no task {task_id[:80]!r}.")
    return found


@router.get("/tasks/{task_id}", operation_id="getTask", response_model=Task)
async def get_task(task_id: str, request: Request, state: GatewayState, key: Reader) -> Response:
    """A task, with its result once it has succeeded."""
    row, stored = await present(state, key, task_id)
    body = task_json(row, await unpack(state.codec, stored) if stored else None)
    return task_response(request, row, body, conditional=True)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = "^[0-9]{1,16}-tsk_[0-9a-z]{26}$"
"""Creation time of the last task of the page before, in microseconds, and its id."""


@router.get("/tasks", operation_id="listTasks", response_model=TaskPage)
async def list_tasks(
    state: GatewayState,
    key: Reader,
    user_id: Annotated[str | None, Query(max_length=256)] = None,
    status: Status | None = None,
    operation: Operation | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(pattern=_CURSOR)] = None,
) -> Response:
    """A page of tasks, newest first, without their results."""
    rows = await state.store.tasks(
        key.tenant,
        user_id=user_id,
        status=status,
        operation=operation,
        limit=limit + 1,
        before=_from_cursor(cursor) if cursor else None,
    )
    page = rows[:limit]
    tasks = b",".join(task_json(row, None) for row in page)
    following = orjson.dumps(_to_cursor(page[-1]) if len(rows) > limit else None)
    return Response(b'{"tasks":[' + tasks + b'],"next_cursor":' + following + b"}", media_type="application/json")


@router.delete("/tasks/{task_id}", operation_id="cancelTask", response_model=Task)
async def cancel_task(task_id: str, request: Request, state: GatewayState, key: Submitter) -> Response:
    """Cancel a queued or running task; the work really stops."""
    row = await state.store.cancel(key.tenant, task_id)
    if row is None:
        ended, _ = await present(state, key, task_id)
        raise Conflict(f"The task has ended already: it {_ENDED.get(ended.status, 'is ' + ended.status)}.")
    state.hub.publish(row)
    return task_response(request, row, task_json(row, None))


_ENDED = {"succeeded": "succeeded", "failed": "failed", "cancelled": "was cancelled"}


@router.post("/tasks/{task_id}/redrive", operation_id="redriveTask", status_code=202, response_model=Task)
async def redrive_task(task_id: str, request: Request, state: GatewayState, key: Submitter) -> Response:
    """Run a failed or dead-lettered task again."""
    row = await state.store.redrive(key.tenant, task_id)
    if row is None:
        there, _ = await present(state, key, task_id)
        reason = "the same content is in flight" if there.status == "failed" else f"its status is {there.status}"
        raise Conflict(f"Only a failed task can be redriven; {reason}.")
    state.dispatcher.put(row.id, row.queue)
    state.hub.publish(row)
    return task_response(request, row, task_json(row, None), status=202)


def _to_cursor(row: TaskRow) -> str:
    return f"{(row.created_at - _EPOCH) // timedelta(microseconds=1)}-{row.id}"


def _from_cursor(cursor: str) -> tuple[datetime, str]:
    microseconds, _, task_id = cursor.partition("-")
    return _EPOCH + timedelta(microseconds=int(microseconds)), task_id

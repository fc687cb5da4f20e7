"""Submitting, reading, cancelling and redriving tasks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from reverie.contracts import INTERNAL_OPERATIONS, OPERATIONS, Operation, Status, Task, TaskPage
from reverie.errors import Conflict, NotFound
from reverie.gateway.http.headers import joined_headers
from reverie.gateway.http.responses import opened_result, task_json, task_response
from reverie.gateway.routes.deps import ForDocumentation, GatewayState, Reader, Submitter, TaskId, Text
from reverie.gateway.submissions.endpoint import answer_submission
from reverie.gateway.submissions.read_body import spool_json_body
from reverie.store import TaskRow

__all__ = ["router"]

router = APIRouter(tags=["tasks"])


_ACCEPTED: dict[int | str, dict[str, Any]] = {
    200: {"model": Task, "description": "Answered at once, with the result"},
    202: {"model": Task, "description": "Accepted; the result is pushed to /results/{id}"},
}


def _add_submit_route(operation: str, summary: str, model: str) -> None:
    async def submit(request: Request, state: GatewayState, _: ForDocumentation) -> Response:
        read = partial(spool_json_body, request, state.settings.limits.body_bytes)
        headers = joined_headers(request.headers.raw)
        return (await answer_submission(state, operation, request.url.path, headers, read)).response()

    schema = {"$ref": f"#/components/schemas/{model}"}
    router.add_api_route(
        f"/{operation}/submit",
        submit,
        methods=["POST"],
        name=f"submit_{operation}",
        operation_id=f"submit{operation.title()}",
        description=summary,
        responses=_ACCEPTED,
        openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}},
    )


for _name, _row in OPERATIONS.items():
    if _row.request is not None and _row.public:
        _add_submit_route(_name, _row.summary, _row.request.__name__)


async def present(state: GatewayState, key: Reader, task_id: str) -> tuple[TaskRow, bytes | None]:
    """The caller's task and its stored result. Raises ``NotFound``."""
    found = await state.store.task_with_result(key.tenant, task_id)
    if found is None or found[0].operation in INTERNAL_OPERATIONS:
        raise NotFound(f"There is no task {task_id[:80]!r}.")
    return found


@router.get("/tasks/{task_id}", operation_id="getTask", response_model=Task)
async def get_task(task_id: TaskId, request: Request, state: GatewayState, key: Reader) -> Response:
    """A task, with its result once it has succeeded."""
    row, stored = await present(state, key, task_id)
    body = task_json(row, await opened_result(state.store, row, stored))
    return task_response(request, row, body, conditional=True)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = "^[0-9]{1,16}-tsk_[0-9a-z]{26}$"
"""Creation time of the last task of the page before, in microseconds, and its id."""


@router.get("/tasks", operation_id="listTasks", response_model=TaskPage)
async def list_tasks(
    state: GatewayState,
    key: Reader,
    user_id: Annotated[Text | None, Query(max_length=256, description="Of this user alone.")] = None,
    status: Annotated[Status | None, Query(description="In this state alone.")] = None,
    operation: Annotated[Operation | None, Query(description="Of this kind alone.")] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="Most tasks of a page.")] = 50,
    cursor: Annotated[str | None, Query(pattern=_CURSOR, description="`next_cursor` of the page before.")] = None,
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
async def cancel_task(task_id: TaskId, request: Request, state: GatewayState, key: Submitter) -> Response:
    """Cancel a queued or running task; the work really stops."""
    row = await state.store.cancel(key.tenant, task_id)
    if row is None:
        ended, _ = await present(state, key, task_id)
        raise Conflict(f"The task has ended already: it {_ENDED.get(ended.status, 'is ' + ended.status)}.")
    state.hub.publish(row)
    return task_response(request, row, task_json(row, None))


_ENDED = {"succeeded": "succeeded", "failed": "failed", "cancelled": "was cancelled"}


@router.post("/tasks/{task_id}/redrive", operation_id="redriveTask", status_code=202, response_model=Task)
async def redrive_task(task_id: TaskId, request: Request, state: GatewayState, key: Submitter) -> Response:
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

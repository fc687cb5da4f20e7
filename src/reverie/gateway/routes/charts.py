"""Charts of results as PNG, drawn by a worker and kept like any result."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from reverie._ids import new_task_id
from reverie.contracts import Lane
from reverie.errors import Conflict, InvalidInput, ServiceUnavailable
from reverie.gateway.http.responses import matches, opened_result
from reverie.gateway.routes.deps import GatewayState, Reader, TaskId
from reverie.gateway.routes.tasks import present
from reverie.gateway.submissions.submit import wait_for_end
from reverie.store import NewTask, TaskRow

__all__ = ["router"]

router = APIRouter(tags=["charts"])

_WAIT = 20.0
_NEEDS = {"map": "cluster", "timeline": None, "graph": "analyze"}


@router.get("/tasks/{task_id}/{kind}.png", operation_id="getChart", response_class=Response)
async def chart(
    task_id: TaskId,
    kind: Annotated[Literal["map", "timeline", "graph"], Path(description="Which chart.")],
    request: Request,
    state: GatewayState,
    key: Reader,
    theme: Annotated[Literal["light", "dark"], Query(description="Colours for a light or a dark page.")] = "light",
    width: Annotated[int, Query(ge=200, le=3000, description="Pixels that it is laid out for.")] = 1000,
    scale: Annotated[float, Query(ge=1, le=3, description="How many times as many pixels it is drawn with.")] = 1.0,
) -> Response:
    """A chart of a finished task: the map of themes, the timeline, or the graph."""
    # Few sizes, so that a reader cannot have the same picture drawn again and again.
    scale = round(scale * 2) / 2
    width = min(3000, -(-width // 50) * 50)
    if width * scale > 3000:
        raise InvalidInput("width times scale is at most 3000 pixels")
    source, _ = await present(state, key, task_id)
    if source.status != "succeeded":
        raise Conflict(f"There is nothing to draw: the task is {source.status}.")
    needed = _NEEDS[kind]
    if (needed and source.operation != needed) or source.operation not in ("cluster", "analyze"):
        raise Conflict(f"A {source.operation} task has no {kind} chart.")
    etag = '"' + hashlib.blake2b(f"{task_id}{kind}{theme}{width}x{scale}".encode(), digest_size=9).hexdigest() + '"'
    headers = {"ETag": etag, "Cache-Control": "private, max-age=3600"}
    if matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    drawing = {"task_id": task_id, "kind": kind, "dark": theme == "dark", "width": width, "scale": scale}
    content = hashlib.blake2b(orjson.dumps(drawing), digest_size=32, person=b"chart").digest()
    known: tuple[TaskRow, bytes | None] | None = await state.store.cached(key.tenant, content)
    if known is None:
        # Drawing is work like any other, for a key that only reads, too.
        state.admission.spend(key)
        await state.admission.admit(key.tenant)
        new = NewTask(
            id=new_task_id(),
            tenant=key.tenant,
            user_id=source.user_id,
            operation="chart",
            lane=Lane.FAST,
            queue="fast",
            content_hash=content,
            items=1,
            chars=0,
            body=orjson.dumps(drawing),
        )
        submitted = await state.group_commit.submit(new)
        if submitted.row is None:
            raise ServiceUnavailable("The chart could not be ordered.", retry_after=1.0)
        if submitted.created:
            state.dispatcher.put(submitted.row.id, "fast")
        ended = await wait_for_end(state, submitted.row, _WAIT)
        if ended is None:
            raise ServiceUnavailable("The chart is not drawn yet.", retry_after=5.0)
        if ended[0].status != "succeeded":
            raise Conflict("The chart could not be drawn.")
        known = ended
    picture = await opened_result(state.store, *known)
    if picture is None:
        raise ServiceUnavailable("The chart was erased meanwhile.", retry_after=1.0)
    return Response(picture, headers=headers, media_type="image/png")

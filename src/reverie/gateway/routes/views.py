"""What a user's stored memories come to: themes, insights, answers to a question, and upkeep now."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import ValidationError

from reverie.contracts import Context, ContextQuery, InsightsView, Operation, RecallResult, Task, ThemesView
from reverie.errors import InvalidInput, NotFound, TaskCancelled
from reverie.gateway.http.headers import joined_headers
from reverie.gateway.http.problems import invalid
from reverie.gateway.http.raw_paths import UserId
from reverie.gateway.http.responses import RawResponse, split_task, task_json, task_response
from reverie.gateway.routes.deps import ForDocumentation, GatewayState, Reader, Submitter
from reverie.gateway.state import State
from reverie.gateway.submissions.endpoint import answer_submission
from reverie.gateway.submissions.read_body import read_json_body
from reverie.gateway.views.answer_context import answer_context
from reverie.gateway.views.current import Kind
from reverie.store import Key

__all__ = ["router"]

router = APIRouter(tags=["views"])

_CONTEXT_BYTES = 64 * 1024


async def _view(state: State, key: Key, user_id: str, kind: Kind, request: Request) -> Response:
    shown = await state.views.get(key.tenant, user_id, kind, if_none_match=request.headers.get("if-none-match"))
    headers = {"ETag": shown.etag, "Cache-Control": "private, no-cache"}
    if shown.body is None:
        return Response(status_code=304, headers=headers)
    return Response(shown.body, headers=headers, media_type="application/json")


@router.get("/users/{user_id}/themes", operation_id="getThemes", response_model=ThemesView)
async def get_themes(user_id: UserId, request: Request, state: GatewayState, key: Reader) -> Response:
    """The user's current themes: what was computed last, without what has gone since, with what was placed since."""
    return await _view(state, key, user_id, "themes", request)


@router.get("/users/{user_id}/insights", operation_id="getInsights", response_model=InsightsView)
async def get_insights(user_id: UserId, request: Request, state: GatewayState, key: Reader) -> Response:
    """The user's current insights, without memories that have gone since they were computed."""
    return await _view(state, key, user_id, "insights", request)


_UPKEEP: dict[int | str, dict[str, Any]] = {202: {"model": Task, "description": "In flight; its end is pushed"}}


@router.post(
    "/users/{user_id}/upkeep", operation_id="upkeepUser", status_code=202, response_model=Task, responses=_UPKEEP
)
async def upkeep_user(user_id: UserId, request: Request, state: GatewayState, key: Submitter) -> Response:
    """Bring the user's views up to date now; joins the upkeep in flight, if there is one."""
    facts = await state.view_store.facts(key.tenant, user_id, "themes")
    row = await state.planner.now(key.tenant, facts) if facts is not None else None
    if row is None:
        raise NotFound("Nothing is stored for this user.")
    return task_response(request, row, task_json(row, None), status=202)


_PATIENCE = 20.0
"""Seconds a question about stored memories is waited for unless the client says otherwise."""

_KEPT_HEADERS = (b"location", b"ratelimit-limit", b"ratelimit-remaining", b"ratelimit-reset", b"preference-applied")

_ACCEPTED: dict[int | str, dict[str, Any]] = {
    200: {"model": RecallResult, "description": "The ranked memories"},
    202: {"model": Task, "description": "It takes longer; the result is pushed to /results/{id}"},
}
_QUERY = {"schema": {"$ref": "#/components/schemas/RecallQuery"}}


_CONTEXT_QUERY = {"schema": {"$ref": "#/components/schemas/ContextQuery"}}
_CONTEXT_WAIT = 10.0
"""Seconds until a context that is not ready is answered with 503; a retry joins the same work."""


@router.post(
    "/users/{user_id}/context",
    operation_id="getContext",
    response_model=Context,
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": _CONTEXT_QUERY}}},
)
async def get_context(user_id: UserId, request: Request, state: GatewayState, key: Submitter) -> Response:
    """What a language model should know of the user before it answers: chosen, dated, fenced, within a token budget."""
    raw = await read_json_body(request, _CONTEXT_BYTES)
    try:
        ask = ContextQuery.model_validate_json(raw)
    except ValidationError as error:
        raise invalid(error) from None
    state.admission.spend(key)
    body = await answer_context(state, key, user_id, ask, wait=_CONTEXT_WAIT)
    return Response(body, media_type="application/json", headers={"Cache-Control": "private, no-store"})


@router.post(
    "/users/{user_id}/recall",
    operation_id="recallStored",
    responses=_ACCEPTED,
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": _QUERY}}},
)
async def recall_stored(user_id: UserId, request: Request, state: GatewayState, _: ForDocumentation) -> Response:
    """Rank the user's stored memories for a question: 200 with the result, or 202 where it takes longer."""

    async def read() -> bytes:
        raw = await read_json_body(request, state.settings.limits.body_bytes)
        try:
            given = orjson.loads(raw)
        except ValueError:
            raise InvalidInput("The body is not valid JSON.") from None
        if not isinstance(given, dict):
            raise InvalidInput("The body is not a JSON object.")
        for name in ("memories", "user_id"):
            if name in given:
                message = "is not taken here; the stored memories of the user in the path are asked"
                raise InvalidInput.at(name, message)
        return orjson.dumps({"user_id": user_id, **given})

    headers = {"prefer": f"wait={_PATIENCE:g}"} | joined_headers(request.headers.raw)
    reply = await answer_submission(state, Operation.RECALL, request.url.path, headers, read)
    if reply.status == 200:
        return _result_of(reply)
    return reply.response()


def _result_of(reply: RawResponse) -> Response:
    """The result alone, of an answer that is a task which has ended."""
    task, result = split_task(reply.body)
    if result is None:
        problem = task["error"] or TaskCancelled().problem()
        return Response(orjson.dumps(problem), problem.get("status", 500), media_type="application/problem+json")
    headers = {name.decode(): value.decode() for name, value in reply.headers if name in _KEPT_HEADERS}
    return Response(result, headers=headers, media_type="application/json")

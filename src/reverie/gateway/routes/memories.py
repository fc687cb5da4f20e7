"""Memories that live here: add, read, change and delete them, and what else is kept on a user."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from reverie.contracts import (
    Added,
    AddMemories,
    AwareDatetime,
    Deleted,
    KeptMemory,
    MemoryPage,
    MemoryPatch,
    PersonSettings,
    PutMemory,
    StoredMemory,
    UserPage,
)
from reverie.errors import InvalidInput, NotFound
from reverie.gateway.http.headers import joined_headers, parse_prefer, rate_headers
from reverie.gateway.http.raw_paths import MemoryId, UserId
from reverie.gateway.memories.change import change_memory, delete_memories
from reverie.gateway.memories.endpoint import add_memories as add
from reverie.gateway.memories.parse import LINES, stored_row
from reverie.gateway.memories.read import list_page, theme_members, user_summary
from reverie.gateway.routes.deps import Eraser, GatewayState, Reader, Submitter, Text
from reverie.gateway.submissions.parse import parse_body
from reverie.gateway.submissions.read_body import read_json_body, spool_json_body
from reverie.gateway.views.digest import next_digest
from reverie.gateway.views.placer import placed_now
from reverie.store import places
from reverie.store.memory_rows import NEWEST, OLDEST, Page

__all__ = ["router"]

router = APIRouter(tags=["memories"])

_BODY_BYTES = 2 * 2**20
"""Largest body of one memory: a text of 100,000 characters as JSON may write it, and metadata."""


def _request_body(model: type[Any]) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _json(document: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(document), status, headers, "application/json")


@router.post(
    "/users/{user_id}/memories",
    operation_id="addMemories",
    response_model=Added,
    openapi_extra=_request_body(AddMemories),
)
async def add_memories(user_id: UserId, request: Request, state: GatewayState, key: Submitter) -> Response:
    """Keep memories: all of a body, or none. What is there already with the same content is left as it is.

    A body may also be ``application/x-ndjson``: a memory, or a text, a line.
    """
    read = partial(spool_json_body, request, state.settings.limits.body_bytes, LINES)
    answer = await add(state, key, user_id, joined_headers(request.headers.raw), read)
    response = Response(answer.body, answer.status)
    response.raw_headers = answer.headers
    return response


@router.put(
    "/users/{user_id}/memories/{memory_id}",
    operation_id="putMemory",
    response_model=KeptMemory,
    responses={201: {"model": KeptMemory, "description": "It is new"}},
    openapi_extra=_request_body(PutMemory),
)
async def put_memory(
    user_id: UserId, memory_id: MemoryId, request: Request, state: GatewayState, key: Submitter
) -> Response:
    """Keep one memory under its id. Equal content changes nothing.

    With ``Prefer: wait=N`` the answer waits so many seconds, at most ten, to tell the theme that it was put into.
    """
    limits = rate_headers(*state.admission.spend_change(key))
    memory: PutMemory = parse_body(PutMemory, await read_json_body(request, _BODY_BYTES))
    row = stored_row(memory_id, memory, state.memories.parse_limits)
    outcome = await state.memories.add_row(key, user_id, row)
    person = await state.memories.store.person(key.tenant, user_id)
    stored = await state.memories.store.memory(person.id, memory_id) if person else None
    if stored is None:
        raise NotFound("The memory was deleted this instant.")
    wait, _ = parse_prefer(request.headers.get("prefer", ""))
    place = await placed_now(state, key.tenant, user_id, memory_id, wait)
    shown = stored.memory(state.store.codec, key.tenant, user_id)
    document = {"memory": shown, "version": outcome.version, "place": place}
    return _json(document, 201 if outcome.added else 200, limits)


@router.get("/users/{user_id}/memories/{memory_id}", operation_id="getMemory", response_model=StoredMemory)
async def get_memory(user_id: UserId, memory_id: MemoryId, state: GatewayState, key: Reader) -> Response:
    """One memory."""
    person = await state.memories.store.person(key.tenant, user_id)
    row = await state.memories.store.memory(person.id, memory_id) if person else None
    if row is None:
        raise NotFound(f"There is no memory {memory_id[:80]!r}.")
    return _json(row.memory(state.store.codec, key.tenant, user_id))


@router.get("/users/{user_id}/memories", operation_id="listMemories", response_model=MemoryPage)
async def list_memories(
    user_id: UserId,
    state: GatewayState,
    key: Reader,
    limit: Annotated[int, Query(ge=1, le=1000, description="Most memories of the page.")] = 100,
    cursor: Annotated[Text | None, Query(max_length=2048, description="next_cursor of the page before.")] = None,
    theme: Annotated[Text | None, Query(max_length=256, description="Only memories of this theme.")] = None,
    q: Annotated[
        Text | None,
        Query(min_length=1, max_length=500, description="Only memories whose text holds this, in any case."),
    ] = None,
    since: Annotated[AwareDatetime | None, Query(description="Only memories made (or added) then or later.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Only memories made (or added) before.")] = None,
) -> Response:
    """A page of memories, newest first: by the date they were given, or by when they were added."""
    page = Page(
        limit=limit,
        before=_from_cursor(cursor) if cursor else (NEWEST, ""),
        since=since or OLDEST,
        until=until or NEWEST,
    )
    person = await state.memories.store.person(key.tenant, user_id)
    if person is None:
        return _json({"memories": [], "next_cursor": None, "version": 0})
    members = await theme_members(state, person, theme) if theme is not None else None
    memories, following = await list_page(state, person, page, members, q)
    document = {"memories": memories, "next_cursor": _to_cursor(*following) if following else None}
    return _json({**document, "version": person.version})


@router.patch(
    "/users/{user_id}/memories/{memory_id}",
    operation_id="patchMemory",
    response_model=KeptMemory,
    openapi_extra=_request_body(MemoryPatch),
)
async def patch_memory(
    user_id: UserId, memory_id: MemoryId, request: Request, state: GatewayState, key: Submitter
) -> Response:
    """Change some members of a memory, or count an access."""
    limits = rate_headers(*state.admission.spend_change(key))
    patch: MemoryPatch = parse_body(MemoryPatch, await read_json_body(request, _BODY_BYTES))
    row, version = await change_memory(state, key.tenant, user_id, memory_id, patch)
    wait, _ = parse_prefer(request.headers.get("prefer", ""))
    place = await placed_now(state, key.tenant, user_id, memory_id, wait)
    shown = row.memory(state.store.codec, key.tenant, user_id)
    return _json({"memory": shown, "version": version, "place": place}, headers=limits)


@router.delete("/users/{user_id}/memories/{memory_id}", operation_id="deleteMemory", response_model=Deleted)
async def delete_memory(user_id: UserId, memory_id: MemoryId, state: GatewayState, key: Eraser) -> Response:
    """Delete one memory; it is in no answer from then on. Of one that is not there the receipt says 0."""
    limits = rate_headers(*state.admission.spend_change(key))
    return _json(await delete_memories(state, key.tenant, user_id, ids=[memory_id]), headers=limits)


_FILTERS = frozenset({"theme", "before", "ids"})


@router.delete("/users/{user_id}/memories", operation_id="deleteMemories", response_model=Deleted)
async def delete_some(
    user_id: UserId,
    request: Request,
    state: GatewayState,
    key: Eraser,
    theme: Annotated[Text | None, Query(max_length=256, description="Memories of this theme.")] = None,
    before: Annotated[AwareDatetime | None, Query(description="Memories made (or added) before.")] = None,
    ids: Annotated[
        list[Text] | None,
        Query(description="Memories by id. Repeat it; a value that names none is read as ids between commas."),
    ] = None,
) -> Response:
    """Delete the memories that all given filters name; without a filter, all of the user's."""
    unknown = sorted(set(request.query_params) - _FILTERS)
    if unknown:
        # A filter that was mistyped must not delete everything.
        message = f"is not known here; there are {', '.join(sorted(_FILTERS))}"
        raise InvalidInput.at(unknown[0][:80], message)
    for name, value in (("theme", theme), ("ids", "".join(ids) if ids is not None else None)):
        if value == "":
            raise InvalidInput.at(name, "is empty")
    limits = rate_headers(*state.admission.spend_change(key))
    receipt = await delete_memories(state, key.tenant, user_id, ids=ids, theme=theme, before=before)
    return _json(receipt, headers=limits)


@router.get("/users/{user_id}/settings", operation_id="getSettings", response_model=PersonSettings)
async def get_settings(user_id: UserId, state: GatewayState, key: Reader) -> Response:
    """What is kept on a user besides memories."""
    person = await state.memories.store.person(key.tenant, user_id)
    kept = {}
    if person is not None and person.settings:
        kept = orjson.loads(await state.store.load(person.settings, places.settings(key.tenant, user_id)))
    return _json({**PersonSettings().model_dump(), **kept, "upkeep": person.upkeep if person else None})


@router.put(
    "/users/{user_id}/settings",
    operation_id="putSettings",
    response_model=PersonSettings,
    openapi_extra=_request_body(PersonSettings),
)
async def put_settings(user_id: UserId, request: Request, state: GatewayState, key: Submitter) -> Response:
    """Replace what is kept on a user besides memories."""
    limits = rate_headers(*state.admission.spend_change(key))
    settings: PersonSettings = parse_body(PersonSettings, await read_json_body(request, _BODY_BYTES))
    if settings.digest is not None and settings.digest.url is not None:
        state.webhooks.policy.check_url(settings.digest.url)
    if settings.callback_url is not None:
        state.webhooks.policy.check_url(settings.callback_url)
    async with state.memories.store.changing(key.tenant, user_id, make=True) as changing:
        if changing is None:
            raise NotFound("The user was erased this instant.")
        await changing.set_settings(settings.model_dump_json(exclude={"upkeep"}).encode(), settings.upkeep)
        wanted = settings.digest
        now = datetime.now(UTC)
        at = next_digest(wanted.every, wanted.hour, settings.timezone, now) if wanted else None
        await changing.set_digest(at)
    return _json(settings.model_dump(), headers=limits)


@router.get("/users", operation_id="listUsers", response_model=UserPage)
async def list_users(
    state: GatewayState,
    key: Reader,
    limit: Annotated[int, Query(ge=1, le=1000, description="Most users of the page.")] = 100,
    cursor: Annotated[Text | None, Query(max_length=2048, description="next_cursor of the page before.")] = None,
    stale: Annotated[bool, Query(description="Only users whose views do not know all changes.")] = False,
) -> Response:
    """A page of the tenant's users who keep memories, by id."""
    after = _parts(cursor, 1)[0] if cursor else ""
    people = await state.memories.store.people(key.tenant, after=after, stale=stale, limit=limit + 1)
    following = _cursor(people[limit - 1].user_id) if len(people) > limit else None
    return _json({"users": [user_summary(person) for person in people[:limit]], "next_cursor": following})


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _to_cursor(moment: datetime, id: str) -> str:  # noqa: A002 - the column's name
    return _cursor((moment - _EPOCH) // timedelta(microseconds=1), id)


def _from_cursor(cursor: str) -> tuple[datetime, str]:
    microseconds, id_ = _parts(cursor, 2)
    try:
        return _EPOCH + timedelta(microseconds=microseconds), str(id_)
    except (TypeError, OverflowError):
        raise _no_cursor() from None


def _cursor(*parts: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


def _parts(cursor: str, count: int) -> list[Any]:
    try:
        found = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        raise _no_cursor() from None
    if not isinstance(found, list) or len(found) != count or "\x00" in str(found[-1]):
        raise _no_cursor()
    return [*found[:-1], str(found[-1])]


def _no_cursor() -> InvalidInput:
    return InvalidInput.at("cursor", "is not a next_cursor of an earlier page")

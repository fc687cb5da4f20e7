"""What is held on a user: erase it, export it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from reverie.contracts import Receipt
from reverie.errors import ServiceUnavailable
from reverie.gateway.http.raw_paths import UserId
from reverie.gateway.memories.read import list_page
from reverie.gateway.routes.deps import Eraser, GatewayState, Reader
from reverie.gateway.state import State
from reverie.store import places, user_data
from reverie.store.memory_rows import Page, Person

__all__ = ["router"]

router = APIRouter(tags=["users"])

_PAGE = 2000
"""Memories that an export reads at a time."""


@router.delete("/users/{user_id}", operation_id="eraseUser", response_model=Receipt)
async def erase_user(user_id: UserId, state: GatewayState, key: Eraser) -> Receipt:
    """Erase a user everywhere: memories, views, tasks, queued and running work, results, vectors, themes, caches."""
    erased = await user_data.erase_user(state.store, key.tenant, user_id)
    cache_keys = await state.result_cache.erase(key.tenant, user_id, erased.at_ms)
    state.hub.publish_erased(key.tenant, user_id, [(row["id"], row["operation"]) for row in erased.tasks])
    state.log_rewriter.erased()
    if cache_keys is None:
        # The rows are gone, but what Redis holds is not: the caller must not get a receipt for that.
        raise ServiceUnavailable(
            "Erased from the database; the cache is not reachable. Send the request again.", retry_after=5.0
        )
    return Receipt(
        user_id=user_id,
        erased_at=datetime.fromtimestamp(erased.at_ms / 1000, UTC),  # the database's clock, as all times in it
        tasks=len(erased.tasks),
        stopped=sum(row["status"] in ("queued", "running") for row in erased.tasks),
        results=erased.results,
        vectors=erased.vectors,
        themes=erased.themes,
        memories=erased.memories,
        views=erased.views,
        cache_keys=cache_keys,
    )


@router.get("/users/{user_id}/export", operation_id="exportUser")
async def export_user(user_id: UserId, state: GatewayState, key: Reader) -> StreamingResponse:
    """Everything held on a user, as JSON."""
    held = await user_data.export_user(state.store, key.tenant, user_id)
    person = await state.memories.store.person(key.tenant, user_id)
    views = await state.memories.store.views(person.id) if person else []
    deleted = await state.memories.store.forgotten(person.id) if person else []
    happened = await state.store.rows("export_happenings", person=person.id) if person else []

    load = state.store.codec.load
    whose = key.tenant, user_id
    calls = {hook["task_id"]: hook["url"] for hook in reversed(held.webhooks)}

    def build() -> bytes:
        items: list[dict[str, Any]] = []
        for row in held.tasks:
            names = ("id", "operation", "status", "created_at", "started_at", "finished_at", "error", "provider")
            item = {name: row[name] for name in names} | {"callback_url": calls.get(row["id"])}
            for name, stored, of in (
                ("request", row["payload"], places.payload),
                ("result", row["body"], places.result),
            ):
                item[name] = orjson.Fragment(load(stored, of(key.tenant, row["id"]))) if stored else None
            items.append(item)
        document: dict[str, Any] = {"user_id": user_id, "exported_at": datetime.now(UTC)}
        if person is not None:
            document |= {"version": person.version, "since": person.created_at}
            document["settings"] = {"upkeep": person.upkeep}
            if person.settings is not None:
                document["settings"] |= orjson.loads(load(person.settings, places.settings(*whose)))
        document["views"] = {
            view["kind"]: {
                "version": view["version"],
                "as_of": view["as_of"],
                "result": orjson.Fragment(load(view["body"], places.view(*whose, view["kind"]))),
            }
            for view in views
        }
        document["events"] = [
            {
                "type": one["kind"],
                "at": one["at"],
                "data": orjson.Fragment(load(one["body"], places.event(*whose, one["kind"], one["key"]))),
            }
            for one in happened
        ]
        document["carried_themes"] = [
            {
                "model": row["model"],
                "updated_at": row["updated_at"],
                "themes": _carried(load(row["body"], places.themes(*whose, row["model"]))),
            }
            for row in held.themes
        ]
        document["webhooks"], document["idempotency"] = held.webhooks, held.idempotency
        return orjson.dumps({**document, "deleted": deleted, "tasks": items, "vectors": held.vectors})

    return StreamingResponse(_export(state, person, await asyncio.to_thread(build)), media_type="application/json")


def _carried(stored: bytes) -> list[dict[str, Any]]:
    """Themes that were kept for the next run: what is readable of them, without the vectors behind it."""
    themes: list[dict[str, Any]] = orjson.loads(stored.partition(b"\n")[0])["themes"]
    return themes


async def _export(state: State, person: Person | None, rest: bytes) -> AsyncIterator[bytes]:
    """The document ``rest`` with all memories in it, never all of them at once."""
    yield rest[:-1] + b',"memories":['
    page = Page(limit=_PAGE)
    first = True
    while person is not None:
        memories, place = await list_page(state, person, page, None, None)
        packed = await asyncio.to_thread(orjson.dumps, memories)
        if len(packed) > 2:
            yield (b"" if first else b",") + packed[1:-1]
            first = False
        if place is None:
            break
        page = replace(page, before=place)
    yield b"]}"

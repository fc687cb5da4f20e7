"""What is held on a user: erase it, export it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path
from fastapi.responses import Response

from reverie.contracts import Receipt
from reverie.errors import ServiceUnavailable
from reverie.gateway.routes.deps import Eraser, GatewayState, Reader

__all__ = ["router"]

router = APIRouter(tags=["users"])

UserId = Annotated[str, Path(min_length=1, max_length=256, description="Your id of the person.")]


@router.delete("/users/{user_id}", operation_id="eraseUser", response_model=Receipt)
async def erase_user(user_id: UserId, state: GatewayState, key: Eraser) -> Receipt:
    """Erase a user everywhere: tasks, queued and running work, results, vectors, themes, caches."""
    erased = await state.store.erase(key.tenant, user_id)
    cache_keys = await state.result_cache.erase(key.tenant, user_id, erased.at_ms)
    if cache_keys is None:
        # The rows are gone, but what Redis holds is not: the caller must not get a receipt for that.
        raise ServiceUnavailable(
            "Erased from the database; the cache is not reachable. Send the request again.", retry_after=5.0
        )
    return Receipt(
        user_id=user_id,
        erased_at=datetime.now(UTC),
        tasks=len(erased.tasks),
        stopped=sum(row["status"] in ("queued", "running") for row in erased.tasks),
        results=erased.results,
        vectors=erased.vectors,
        themes=erased.themes,
        cache_keys=cache_keys,
    )


@router.get("/users/{user_id}/export", operation_id="exportUser")
async def export_user(user_id: UserId, state: GatewayState, key: Reader) -> Response:
    """Everything held on a user, as JSON."""
    tasks, vectors = await state.store.export(key.tenant, user_id)

    def build() -> bytes:
        items: list[dict[str, Any]] = []
        for row in tasks:
            names = ("id", "operation", "status", "created_at", "started_at", "finished_at", "error")
            item = {name: row[name] for name in names}
            item["request"] = orjson.Fragment(state.codec.decode(row["payload"])) if row["payload"] else None
            item["result"] = orjson.Fragment(state.codec.decode(row["body"])) if row["body"] else None
            items.append(item)
        return orjson.dumps({"user_id": user_id, "exported_at": datetime.now(UTC), "tasks": items, "vectors": vectors})

    return Response(await asyncio.to_thread(build), media_type="application/json")

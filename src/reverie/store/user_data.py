"""All that is held on a user: its removal, and its export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reverie.store.gateway_store import GatewayStore
from reverie.store.names import opened_key, opened_url
from reverie.store.sql import fetch_all, fetch_one, sql

__all__ = ["Erased", "Held", "erase_user", "export_user"]


@dataclass(slots=True)
class Erased:
    """What an erasure removed."""

    tasks: list[dict[str, Any]]
    results: int
    vectors: int
    themes: int
    memories: int
    views: int
    at_ms: int


@dataclass(slots=True)
class Held:
    """What is held on a user beside the stored memories, as rows."""

    #: With payload and result, still sealed.
    tasks: list[dict[str, Any]]
    #: Counts by model.
    vectors: list[dict[str, Any]]
    #: The themes carried to the next run, by model.
    themes: list[dict[str, Any]]
    webhooks: list[dict[str, Any]]
    idempotency: list[dict[str, Any]]


async def erase_user(store: GatewayStore, tenant: str, user_id: str) -> Erased:
    """Remove everything held on a user, in one transaction."""
    who = {"tenant": tenant, "user_id": user_id}
    async with store.connection() as connection, connection.transaction():
        results = await fetch_one(connection, "erase_results_count", **who)
        await connection.execute(sql("erase_idempotency"), who)
        tasks = await fetch_all(connection, "erase_tasks", **who)
        # Before the vectors: deletions of memories lock the two in this order.
        await connection.execute(sql("lock_person"), who)
        # Upkeep that was planned in between; under the lock no more is.
        tasks += await fetch_all(connection, "erase_tasks", **who)
        vectors = (await connection.execute(sql("erase_vectors"), who)).rowcount
        themes = await fetch_all(connection, "erase_themes", **who)
        memories = (await connection.execute(sql("erase_memories"), who)).rowcount
        views = (await connection.execute(sql("erase_views"), who)).rowcount
        await connection.execute(sql("erase_person"), who)
        await connection.execute(sql("erase_user_model"), who)
        now = await fetch_one(connection, "now_ms")
    return Erased(
        tasks=tasks,
        results=results["n"] if results else 0,
        vectors=vectors,
        themes=sum(row["count"] for row in themes),
        memories=memories,
        views=views,
        at_ms=now["ms"] if now else 0,
    )


async def export_user(store: GatewayStore, tenant: str, user_id: str) -> Held:
    """What is held on a user beside the stored memories."""
    who = {"tenant": tenant, "user_id": user_id}
    hooks = await store.rows("export_webhooks", **who)
    for hook in hooks:
        hook["url"] = opened_url(store.codec, hook)
        hook["event_id"] = f"evt_{hook['happening']}" if hook["happening"] is not None else None
    keys = await store.rows("export_idempotency", **who)
    for one in keys:
        one["key"] = opened_key(store.codec, tenant, one)
    return Held(
        tasks=await store.rows("export_tasks", **who),
        vectors=await store.rows("export_vector_counts", **who),
        themes=await store.rows("export_themes", **who),
        webhooks=[_without(hook, "tenant", "happening", "sealed_url") for hook in hooks],
        idempotency=[_without(one, "sealed_key") for one in keys],
    )


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}

"""Keeps memories of users without a gateway, by the store that it uses."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from reverie.store import GatewayStore
from reverie.store.memory_changes import AddOutcome, AddRequest
from reverie.store.memory_rows import new_row
from reverie.store.memory_store import MemoryStore

TENANT = "default"
START = datetime(2026, 1, 5, 9, tzinfo=UTC)

SUBJECTS = {
    "garden": "tomato soil seed water garden spade",
    "guitar": "guitar chord song string band amplifier",
    "baking": "flour oven bread dough yeast butter",
}


def some(count: int, *, first: int = 0) -> list[dict[str, Any]]:
    """Dated memories of three subjects in turn; the fake embedder groups them by their words."""
    out = []
    for number in range(first, first + count):
        name, words = list(SUBJECTS.items())[number % 3]
        own = words.split()
        text = f"{own[number % 6]} {own[(number + 1) % 6]} {own[(number + 2) % 6]} {name}"
        out.append({"id": f"m{number}", "text": text, "created_at": START + timedelta(hours=7 * number)})
    return out


def keep(url: str, user_id: str, memories: Sequence[dict[str, Any]], tenant: str = TENANT) -> int:
    """Store memories; the user's version afterwards."""
    return added(url, user_id, memories, tenant).version


def added(url: str, user_id: str, memories: Sequence[dict[str, Any]], tenant: str = TENANT) -> AddOutcome:
    """Store memories; what became of them."""

    async def work() -> AddOutcome:
        store = GatewayStore(url)
        await store.open()
        try:
            rows = [new_row(memory["id"], memory) for memory in memories]
            while True:
                [outcome] = await MemoryStore(store).add([AddRequest(tenant, user_id, rows)], lambda _, __: b"{}")
                if not outcome.busy:  # the service may hold the user's row this instant, to plan a placing
                    return outcome
        finally:
            await store.close()

    return asyncio.run(work())


def forget(url: str, user_id: str, ids: Sequence[str], tenant: str = TENANT) -> int:
    """Delete memories; the user's version afterwards."""

    async def work() -> int:
        store = GatewayStore(url)
        await store.open()
        try:
            async with MemoryStore(store).changing(tenant, user_id) as person:
                assert person is not None
                return (await person.delete(ids)).version
        finally:
            await store.close()

    return asyncio.run(work())

"""Reading stored memories."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from reverie.store import Codec, places
from reverie.store.memory_rows import MemoryRow, Page, Person, ThemeMembers

if TYPE_CHECKING:
    from reverie.gateway.state import State

__all__ = ["list_page", "theme_members", "user_summary"]

_LOOKED_AT = 1000
"""Memories that a search opens at a time."""

_SEARCH_SECONDS = 1.0
"""Time after which a search answers with what it has, and where it goes on."""


async def list_page(
    state: State, person: Person, page: Page, theme: ThemeMembers | None, search: str | None
) -> tuple[list[dict[str, Any]], tuple[datetime, str] | None]:
    """``(memories, place where the next page goes on)``, newest first.

    A search opens every text until it has a page, for a second at most: it may answer with few, or none, and a place.
    """
    if search is None:
        rows = await state.memories.store.page(person.id, replace(page, limit=page.limit + 1), theme)
        more = len(rows) > page.limit
        rows = rows[: page.limit]
        return await asyncio.to_thread(_opened, rows, state.store.codec, person), _place(rows[-1]) if more else None
    end = time.monotonic() + _SEARCH_SECONDS
    wanted = search.casefold()
    found: list[dict[str, Any]] = []
    before = page.before
    while True:
        rows = await state.memories.store.page(person.id, replace(page, limit=_LOOKED_AT, before=before), theme)
        hits = await asyncio.to_thread(_matching, rows, state.store.codec, person, wanted)
        room = page.limit - len(found)
        if len(hits) > room or (len(hits) == room and len(rows) == _LOOKED_AT):
            found += [memory for _, memory in hits[:room]]
            return found, _place(hits[room - 1][0])
        found += [memory for _, memory in hits]
        if len(rows) < _LOOKED_AT:
            return found, None
        before = _place(rows[-1])
        if time.monotonic() > end:
            return found, before


def _opened(rows: list[MemoryRow], codec: Codec, person: Person) -> list[dict[str, Any]]:
    return [row.memory(codec, person.tenant, person.user_id) for row in rows]


def _matching(
    rows: list[MemoryRow], codec: Codec, person: Person, wanted: str
) -> list[tuple[MemoryRow, dict[str, Any]]]:
    opened = ((row, row.memory(codec, person.tenant, person.user_id)) for row in rows)
    return [(row, memory) for row, memory in opened if wanted in memory["text"].casefold()]


def _place(row: MemoryRow) -> tuple[datetime, str]:
    return row.created_at or row.added_at, row.id


async def theme_members(state: State, person: Person, theme: str) -> ThemeMembers:
    """The theme of this id in the current view; without members where there is none."""
    view = await state.memories.store.view(person.id, "themes")
    if view is None:
        return ThemeMembers(theme, [], 0)
    place = places.view(person.tenant, person.user_id, "themes")
    document = orjson.loads(await state.store.load(bytes(view["body"]), place))
    members: list[str] = next((t["memory_ids"] for t in document["themes"] if t["id"] == theme), [])
    return ThemeMembers(theme, members, view["version"])


def user_summary(person: Person) -> dict[str, Any]:
    """The contract's UserSummary."""
    stale = {"changes": person.changes, "since": person.first_change_at} if person.changes else None
    return {
        "user_id": person.user_id,
        "memories": person.memories,
        "chars": person.chars,
        "version": person.version,
        "stale": stale,
        "upkeep": person.upkeep,
        "upkept_at": person.upkept_at,
    }

"""Changing and deleting memories, one transaction each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from reverie._text_key import text_key
from reverie.contracts import MAX_ACCESSES, MemoryPatch
from reverie.errors import InvalidInput, NotFound
from reverie.gateway.memories.parse import check_metadata
from reverie.gateway.memories.read import theme_members
from reverie.store.memory_changes import Changing
from reverie.store.memory_rows import MemoryRow, content_hash, memory_body

if TYPE_CHECKING:
    from reverie.gateway.state import State

__all__ = ["change_memory", "delete_memories"]

_WORDS = frozenset({"text", "kind", "source", "speaker", "metadata"})
_COLUMNS = ("created_at", "last_accessed_at", "access_count", "pinned", "superseded_by")


async def change_memory(
    state: State, tenant: str, user_id: str, memory_id: str, patch: MemoryPatch
) -> tuple[MemoryRow, int]:
    """The memory afterwards, and the user's version. Raises ``NotFound``, ``InvalidInput``."""
    if patch.metadata:
        check_metadata(patch.metadata)
    if patch.text is not None and len(patch.text) > state.settings.limits.text_chars:
        most = f"has {len(patch.text):,} characters; at most {state.settings.limits.text_chars:,} are taken here"
        raise InvalidInput.at("text", most)
    vectors: list[tuple[str, bytes]] = []
    async with state.memories.store.changing(tenant, user_id) as changing:
        row = await changing.memory(memory_id) if changing else None
        if row is None or changing is None:
            raise NotFound(f"There is no memory {memory_id[:80]!r}.")
        if patch.model_fields_set == {"accessed"}:
            row = await changing.count_access(memory_id) or row
        else:
            await _check_superseded(changing, memory_id, patch)
            values, chars = _values(state, tenant, user_id, row, patch)
            if values is not None:
                before = row.text_key
                row = await changing.patch(memory_id, values, chars=chars)
                if row.text_key != before:
                    vectors = await changing.delete_vectors([before])
        version = changing.person.version
    if row.version == version:
        state.memories.on_change(tenant, user_id)
    if vectors:
        await state.memories.cache.forget_vectors(tenant, user_id, vectors)
    return row, version


async def _check_superseded(changing: Changing, memory_id: str, patch: MemoryPatch) -> None:
    by = patch.superseded_by
    if by is None:
        return
    message = "is the memory itself" if by == memory_id else f"there is no memory {by[:80]!r}"
    if by == memory_id or not await changing.there_are([by]):
        raise InvalidInput.at("superseded_by", message)


def _values(
    state: State, tenant: str, user_id: str, row: MemoryRow, patch: MemoryPatch
) -> tuple[dict[str, Any] | None, int]:
    """All columns as the patch leaves them, None when it changes nothing; and by how much the text grew."""
    given = {name: getattr(patch, name) for name in patch.model_fields_set}
    words = row.words(state.store.codec, tenant, user_id)
    new_words = words | {name: value for name, value in given.items() if name in _WORDS}
    body = memory_body(new_words)
    values: dict[str, Any] = {name: given.get(name, getattr(row, name)) for name in _COLUMNS}
    if patch.accessed:
        values["access_count"] = min(row.access_count + 1, MAX_ACCESSES)
        values["last_accessed_at"] = datetime.now(UTC)
    decided = "superseded_by" in patch.model_fields_set
    if (
        (row.superseded_decided or not decided)
        and body == memory_body(words)
        and all(values[name] == getattr(row, name) for name in _COLUMNS)
    ):
        return None, 0
    text = new_words["text"]
    values |= {
        "decided": decided,
        "body": body,
        "text_key": text_key(text),
        "content": content_hash(body, values["created_at"]),
        "chars": len(text),
    }
    return values, len(text) - len(words["text"])


async def delete_memories(
    state: State,
    tenant: str,
    user_id: str,
    *,
    ids: Sequence[str] | None = None,
    theme: str | None = None,
    before: datetime | None = None,
) -> dict[str, Any]:
    """Delete what all given filters name, everything without one; the contract's Deleted."""
    async with state.memories.store.changing(tenant, user_id) as changing:
        if changing is None:
            return {"deleted": 0, "vectors": 0, "version": 0}
        wanted = await _wanted(state, changing, ids, theme, before)
        change = await changing.delete(wanted)
    if change.vectors:
        await state.memories.cache.forget_vectors(tenant, user_id, change.vectors)
    return {"deleted": len(change.ids), "vectors": len(change.vectors), "version": change.version}


async def _wanted(
    state: State, changing: Changing, ids: Sequence[str] | None, theme: str | None, before: datetime | None
) -> list[str]:
    found: list[set[str]] = []
    if ids is not None:
        there = await changing.there_are(ids)
        split = [part for id_ in ids if id_ not in there and "," in id_ for part in id_.split(",") if part]
        found.append(there | (await changing.there_are(split) if split else set()))
    if theme is not None:
        members = await theme_members(state, changing.person, theme)
        found.append(set(await changing.ids_of_theme(members)))
    if before is not None:
        found.append(set(await changing.ids_before(before)))
    if not found:
        return await changing.ids_before(None)
    return sorted(set.intersection(*found))

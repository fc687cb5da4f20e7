"""What rows of ``people`` and ``memories`` mean, and how a memory's text is put away."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from reverie._text_key import text_key
from reverie.store import places
from reverie.store.codec import Codec, Compressed, compressed

__all__ = [
    "NEWEST",
    "OLDEST",
    "MemoryRow",
    "NewRow",
    "Page",
    "Person",
    "ThemeMembers",
    "content_hash",
    "memory_body",
    "new_row",
]

_WORDS = ("text", "kind", "source", "speaker", "metadata")
"""Members that are sealed together, in this order."""

NEWEST = datetime(9999, 12, 31, tzinfo=UTC)
OLDEST = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Page:
    """Which memories of a person to list: a place in the order, and bounds."""

    limit: int
    before: tuple[datetime, str] = (NEWEST, "")
    since: datetime = OLDEST
    until: datetime = NEWEST


@dataclass(frozen=True, slots=True)
class ThemeMembers:
    """A theme of the view made from ``version``."""

    id: str
    members: list[str]
    version: int


@dataclass(slots=True)
class Person:
    """A row of ``people``: a user who keeps memories."""

    id: int
    tenant: str
    user_id: str
    version: int
    memories: int
    chars: int
    changes: int
    first_change_at: datetime | None
    last_change_at: datetime | None
    upkeep: str | None
    settings: bytes | None
    upkeep_task_id: str | None
    upkeep_cost: float | None
    upkept_at: datetime | None
    not_before: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, row: dict[str, Any]) -> Person:
        """From a dict row, which may have further columns."""
        return cls(**{name: row[name] for name in _PERSON})


@dataclass(slots=True)
class MemoryRow:
    """A row of ``memories``, still sealed."""

    person: int
    id: str
    body: bytes
    text_key: bytes
    created_at: datetime | None
    added_at: datetime
    last_accessed_at: datetime | None
    access_count: int
    pinned: bool
    superseded_by: str | None
    supersession: bytes | None
    superseded_decided: bool
    version: int
    theme_id: str | None
    placed_version: int | None

    @classmethod
    def of(cls, row: dict[str, Any]) -> MemoryRow:
        """From a dict row, which may have further columns."""
        return cls(**{name: row[name] for name in _MEMORY})

    def memory(self, codec: Codec, tenant: str, user_id: str) -> dict[str, Any]:
        """The contract's StoredMemory, opened as this user's."""
        words = self.words(codec, tenant, user_id)
        return {
            "id": self.id,
            "text": words["text"],
            "created_at": self.created_at,
            "added_at": self.added_at,
            "last_accessed_at": self.last_accessed_at,
            "access_count": self.access_count,
            "kind": words.get("kind"),
            "source": words.get("source"),
            "speaker": words.get("speaker"),
            "metadata": words.get("metadata", {}),
            "pinned": self.pinned,
            "superseded_by": self.superseded_by,
            "superseded_because": self._because(codec, tenant, user_id),
            "version": self.version,
        }

    def _because(self, codec: Codec, tenant: str, user_id: str) -> str | None:
        if self.superseded_by is None or self.supersession is None:
            return None
        link = orjson.loads(codec.load(self.supersession, places.reason(tenant, user_id, self.id)))
        before, after = link["evidence"]
        return f"{link['rule']} ({link['about']}): “{before}”, later “{after}”"

    def words(self, codec: Codec, tenant: str, user_id: str) -> dict[str, Any]:
        """``{text, kind?, source?, speaker?, metadata?}``."""
        opened: dict[str, Any] = orjson.loads(codec.load(self.body, places.memory(tenant, user_id, self.id)))
        return opened


class NewRow(NamedTuple):
    """A memory to be stored. ``last_accessed_at``, ``access_count`` and ``pinned``: None leaves what is there."""

    id: str
    #: ``memory_body``; sealed when it is stored.
    body: Compressed
    text_key: bytes
    content: bytes
    chars: int
    created_at: datetime | None = None
    last_accessed_at: datetime | None = None
    access_count: int | None = None
    pinned: bool | None = None


def new_row(id: str, memory: dict[str, Any]) -> NewRow:  # noqa: A002 - the column's name
    """A memory of the contract, as it is stored under ``id``."""
    body = memory_body(memory)
    text = memory["text"]
    return NewRow(
        id=id,
        body=compressed(body),
        text_key=text_key(text),
        content=content_hash(body, memory.get("created_at")),
        chars=len(text),
        created_at=memory.get("created_at"),
        last_accessed_at=memory.get("last_accessed_at"),
        access_count=memory.get("access_count"),
        pinned=memory.get("pinned"),
    )


def memory_body(memory: dict[str, Any]) -> bytes:
    """Canonical JSON of a memory's words, to be sealed; members that are empty or null are left out."""
    return orjson.dumps({name: memory[name] for name in _WORDS if memory.get(name)}, option=orjson.OPT_SORT_KEYS)


def content_hash(body: bytes, created_at: datetime | None) -> bytes:
    """16 bytes (BLAKE2b) that are equal when a memory's words and its date are."""
    moment = b"" if created_at is None else b"%d" % round(created_at.timestamp() * 1e6)
    return hashlib.blake2b(body, digest_size=16, key=moment, person=b"memory").digest()


_PERSON = tuple(field.name for field in fields(Person))
_MEMORY = tuple(field.name for field in fields(MemoryRow))

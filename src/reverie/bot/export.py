"""A person's copy of everything, in files that Discord takes."""

from __future__ import annotations

import asyncio
import gzip
import json
from datetime import UTC, datetime
from typing import Any

from reverie.bot.store import MemoryStore

__all__ = ["TooLargeToSend", "build_export", "pack"]

_MOST_PARTS = 20
_ROOM = 4_096
"""Bytes left free in each file for the rest of the upload."""


class TooLargeToSend(Exception):
    """The copy does not fit; ``size`` is what it would need, in bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(f"{size} bytes")
        self.size = size


async def build_export(store: MemoryStore, user_id: str) -> dict[str, Any]:
    """Everything the bot keeps on a person."""
    person = await store.person(user_id)
    return {
        "user_id": user_id,
        "exported_at": datetime.now(UTC).isoformat(),
        "consented_at": person.consented_at.isoformat() if person and person.consented_at else None,
        "collecting": person is not None and person.collecting,
        "language": person.locale if person else None,
        # Where the memories came from; they themselves are in the service's part.
        "origins": await store.origins(user_id),
        "waiting": [
            {"id": m.id, "text": m.text, "note": m.note, "created_at": m.created_at.isoformat(), "source": m.source}
            for m in [one.memory for one in await store.waiting(user_id, 100_000)]
        ],
    }


async def pack(own: dict[str, Any], service: dict[str, Any] | None, limit: int) -> list[tuple[str, bytes]]:
    """``(name, content)`` of files of at most ``limit`` bytes: JSON, else gzipped, else cut into parts to be joined.

    Raises ``TooLargeToSend`` beyond twenty parts.
    """
    return await asyncio.to_thread(_pack, {**own, "service": service}, limit - _ROOM)


def _pack(everything: dict[str, Any], limit: int) -> list[tuple[str, bytes]]:
    plain = json.dumps(everything, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass")
    if len(plain) <= limit:
        return [("reverie-export.json", plain)]
    packed = gzip.compress(plain, mtime=0)
    if len(packed) <= limit:
        return [("reverie-export.json.gz", packed)]
    count = -(-len(packed) // limit) if limit > 0 else _MOST_PARTS + 1
    if count > _MOST_PARTS:
        raise TooLargeToSend(len(packed))
    return [(f"reverie-export.json.gz.{i + 1:02d}", packed[i * limit : (i + 1) * limit]) for i in range(count)]

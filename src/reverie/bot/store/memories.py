"""What the bot keeps, and for whom. Every read names the person: there is no query over several people's texts."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from reverie.bot.sealing import Sealer
from reverie.bot.store.databases import Database, Row
from reverie.errors import ReverieError

__all__ = ["Forgotten", "MemoryStore", "NoConsent", "Pending", "Person", "Remembered", "StoreFull"]

_OFF_LOOP = 200
"""Reads of more memories than this are decoded in a thread."""


class NoConsent(ReverieError):
    """The person has not agreed."""


class StoreFull(ReverieError):
    """The person's memories have reached the limit."""


@dataclass(frozen=True, slots=True)
class Person:
    """What somebody agreed to. ``consented_at`` is None after ``/memory stop``."""

    consented_at: datetime | None
    collecting: bool
    locale: str


@dataclass(frozen=True, slots=True)
class Remembered:
    """One memory. ``source`` says how it came here: command, message or channel."""

    id: str
    text: str
    created_at: datetime
    note: str = ""
    source: str = "command"
    guild_id: str | None = None

    @property
    def full_text(self) -> str:
        """Text and note, as the service reads it."""
        return f"{self.text}\n({self.note})" if self.note else self.text


@dataclass(frozen=True, slots=True)
class Pending:
    """A reply that is owed. ``expires_at`` is when it can no longer be edited, seconds since 1970."""

    id: str
    user_id: str
    kind: str
    task_id: str
    token: str
    locale: str
    expires_at: float
    upload_limit: int
    guild_id: str | None = None
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What left the store, in numbers."""

    memories: int
    answers: int
    waiting: int


class MemoryStore:
    """The bot's store. Methods raise ``NoConsent`` and ``StoreFull`` where they say so."""

    def __init__(self, database: Database, sealer: Sealer, *, most: int = 5_000) -> None:
        self._database = database
        self._sealer = sealer
        self._most = most

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    # -- people -----------------------------------------------------------------------------------------------------
    async def person(self, user_id: str) -> Person | None:
        """What somebody agreed to, None for a stranger."""
        rows = await self._rows("person", user_id=user_id)
        if not rows:
            return None
        return Person(_moment(rows[0]["consented_at"]), bool(rows[0]["collecting"]), rows[0]["locale"])

    async def consent(self, user_id: str, locale: str) -> None:
        """Somebody agreed."""
        await self._rows("consent", user_id=user_id, locale=locale, now=time.time())

    async def withdraw(self, user_id: str) -> None:
        """Nothing more is captured; what is there stays until it is forgotten."""
        await self._rows("withdraw", user_id=user_id)

    async def set_collecting(self, user_id: str, collecting: bool) -> None:
        """Whether the person's messages in open channels are kept. Raises ``NoConsent``."""
        if not await self._rows("set_collecting", user_id=user_id, collecting=int(collecting)):
            raise NoConsent

    # -- memories ---------------------------------------------------------------------------------------------------
    async def add(
        self, user_id: str, text: str, *, note: str = "", source: str = "command", guild_id: str | None = None,
        message_id: str | None = None, created_at: datetime | None = None,
    ) -> Remembered | None:  # fmt: skip
        """Keep a text; None when this message is kept already. Raises ``NoConsent`` or ``StoreFull``."""
        memory = Remembered(secrets.token_hex(8), text, created_at or datetime.now(UTC), note, source, guild_id)
        row = {
            "id": memory.id, "user_id": user_id, "guild_id": guild_id, "message_id": message_id, "most": self._most,
            "sealed": self._sealed_memory(user_id, memory), "created_at": memory.created_at.timestamp(),
        }  # fmt: skip
        _, added = await self._database.run(("lock", {"user_id": user_id}), ("add", row))
        if added:
            return memory
        person = await self.person(user_id)
        if person is None or person.consented_at is None:
            raise NoConsent
        if message_id is not None and await self._rows("has_message", user_id=user_id, message_id=message_id):
            return None
        raise StoreFull

    async def count(self, user_id: str) -> int:
        """Number of memories."""
        return int((await self._rows("count", user_id=user_id))[0]["n"])

    async def memories(self, user_id: str) -> list[Remembered]:
        """All memories, oldest first."""
        rows = await self._rows("memories", user_id=user_id)

        def read() -> list[Remembered]:
            return [self._memory(user_id, row) for row in rows]

        # Decrypting thousands of texts takes longer than the event loop has.
        return read() if len(rows) <= _OFF_LOOP else await asyncio.to_thread(read)

    async def page(self, user_id: str, number: int, size: int) -> list[Remembered]:
        """A page, newest first; ``number`` counts from 0."""
        rows = await self._rows("page", user_id=user_id, limit=size, offset=number * size)
        return [self._memory(user_id, row) for row in rows]

    async def memory(self, user_id: str, memory_id: str) -> Remembered | None:
        """One memory, None when the person has no such one."""
        rows = await self._rows("memory", user_id=user_id, id=memory_id)
        return self._memory(user_id, rows[0]) if rows else None

    async def edit(self, user_id: str, memory_id: str, text: str) -> bool:
        """Change a text. Answers go too: their labels may quote the old one."""
        old = await self.memory(user_id, memory_id)
        if old is None:
            return False
        new = Remembered(old.id, text, old.created_at, old.note, old.source, old.guild_id)
        changed, _ = await self._database.run(
            ("edit", {"user_id": user_id, "id": memory_id, "sealed": self._sealed_memory(user_id, new)}),
            ("delete_answers", {"user_id": user_id}),
        )
        return bool(changed)

    # -- forgetting -------------------------------------------------------------------------------------------------
    async def forget(self, user_id: str, memory_ids: Sequence[str]) -> int:
        """Delete memories and what was derived from them; the service is to be told. Returns how many there were."""
        deletions = [("delete", {"user_id": user_id, "id": memory_id}) for memory_id in memory_ids]
        results = await self._database.run(*deletions, ("delete_answers", {"user_id": user_id}), _erasure(user_id))
        return sum(len(rows) for rows in results[: len(deletions)])

    async def forget_everything(self, user_id: str) -> Forgotten:
        """Delete all there is on somebody, consent included; the service is to be told."""
        who = {"user_id": user_id}
        memories, answers, waiting, *_ = await self._database.run(
            ("delete_all_memories", who), ("delete_answers", who), ("delete_all_pending", who), ("delete_person", who),
            _erasure(user_id),
        )  # fmt: skip
        return Forgotten(len(memories), len(answers), len(waiting))

    async def collected(self, message_id: str) -> list[tuple[str, str]]:
        """``(user_id, memory_id)`` of what was collected from a message; what its author saved on purpose is not."""
        rows = await self._rows("of_message", message_id=message_id)
        return [(r["user_id"], r["id"]) for r in rows if self._memory(r["user_id"], r).source == "channel"]

    async def forget_guild(self, guild_id: str) -> set[str]:
        """Delete everything that came from a server; returns whose it was."""
        await self._rows("close_guild", guild_id=guild_id)
        return await self._purge(await self._rows("delete_of_guild", guild_id=guild_id))

    async def forget_member(self, guild_id: str, user_id: str) -> set[str]:
        """Delete what somebody said on one server."""
        return await self._purge(await self._rows("delete_of_member", guild_id=guild_id, user_id=user_id))

    async def _purge(self, deleted: Iterable[Row]) -> set[str]:
        owners = {row["user_id"] for row in deleted}
        for owner in owners:
            await self._database.run(("delete_answers", {"user_id": owner}), _erasure(owner))
        return owners

    async def guilds(self) -> set[str]:
        """Servers that memories came from."""
        return {row["guild_id"] for row in await self._rows("guilds")}

    async def erasures(self) -> list[tuple[str, float]]:
        """Whom the service must still forget, and since when."""
        return [(row["user_id"], row["requested_at"]) for row in await self._rows("erasures")]

    async def erasure(self, user_id: str) -> float | None:
        """Since when the service must forget somebody, None when it need not."""
        rows = await self._rows("erasure", user_id=user_id)
        return float(rows[0]["requested_at"]) if rows else None

    async def erased(self, user_id: str, requested_at: float) -> None:
        """The service has forgotten somebody."""
        await self._rows("delete_erasure", user_id=user_id, requested_at=requested_at)

    # -- answers ----------------------------------------------------------------------------------------------------
    async def put_answer(self, user_id: str, kind: str, answer: dict[str, Any]) -> None:
        """Keep the last answer of a kind."""
        sealed = self._sealer.seal(json.dumps(answer), user_id)
        await self._rows("put_answer", user_id=user_id, kind=kind, sealed=sealed, now=time.time())

    async def answer(self, user_id: str, kind: str) -> tuple[dict[str, Any], datetime] | None:
        """The last answer of a kind and when it was given."""
        rows = await self._rows("answer", user_id=user_id, kind=kind)
        if not rows:
            return None
        return self._json(user_id, rows[0]), datetime.fromtimestamp(rows[0]["at"], UTC)

    async def answers(self, user_id: str) -> dict[str, Any]:
        """All last answers by kind, for an export."""
        return {row["kind"]: self._json(user_id, row) for row in await self._rows("answers", user_id=user_id)}

    # -- replies that are owed --------------------------------------------------------------------------------------
    async def put_pending(self, pending: Pending) -> None:
        """Owe a reply."""
        hidden = {
            "kind": pending.kind, "task_id": pending.task_id, "token": pending.token, "locale": pending.locale,
            "upload_limit": pending.upload_limit, "details": pending.details,
        }  # fmt: skip
        await self._rows(
            "put_pending", id=pending.id, user_id=pending.user_id, guild_id=pending.guild_id,
            sealed=self._sealer.seal(json.dumps(hidden), pending.user_id), expires_at=pending.expires_at,
        )  # fmt: skip

    async def pending(self) -> list[Pending]:
        """Every reply that is owed, by anybody who shares the store."""
        return [
            Pending(
                id=row["id"], user_id=row["user_id"], guild_id=row["guild_id"], expires_at=row["expires_at"],
                **self._json(row["user_id"], row),
            )
            for row in await self._rows("pending")
        ]  # fmt: skip

    async def settle(self, pending_id: str) -> None:
        """The reply was given."""
        await self._rows("delete_pending", id=pending_id)

    # -- channels ---------------------------------------------------------------------------------------------------
    async def channels(self) -> set[str]:
        """Channels open for collection."""
        return {row["channel_id"] for row in await self._rows("channels")}

    async def set_channel(self, guild_id: str, channel_id: str, is_open: bool) -> None:
        """Open or close a channel for collection."""
        if is_open:
            await self._rows("open_channel", channel_id=channel_id, guild_id=guild_id)
        else:
            await self._rows("close_channel", channel_id=channel_id)

    # -- rows -------------------------------------------------------------------------------------------------------
    async def _rows(self, name: str, **parameters: Any) -> list[Row]:
        return (await self._database.run((name, parameters)))[0]

    def _json(self, owner: str, row: Row) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self._sealer.unseal(bytes(row["sealed"]), owner))
        return value

    def _sealed_memory(self, owner: str, memory: Remembered) -> bytes:
        content = {"text": memory.text, "note": memory.note, "source": memory.source}
        return self._sealer.seal(json.dumps(content), owner)

    def _memory(self, owner: str, row: Row) -> Remembered:
        content = self._json(owner, row)
        return Remembered(
            row["id"], content["text"], datetime.fromtimestamp(row["created_at"], UTC), content["note"],
            content["source"], row["guild_id"],
        )  # fmt: skip


def _erasure(user_id: str) -> tuple[str, dict[str, Any]]:
    return "put_erasure", {"user_id": user_id, "now": time.time()}


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)

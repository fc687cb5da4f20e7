"""What the bot keeps: who agreed, where each memory came from, and what is still to be sent to Reverie.

Memories live in Reverie. A text lies here only from its capture until Reverie has it. Every read of a text names the
person: there is no query over several people's texts.
"""

from __future__ import annotations

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

__all__ = ["Forgotten", "MemoryStore", "NoConsent", "Pending", "Person", "Remembered", "StoreFull", "Waiting"]

_COLLECTED = b"c"
"""What stands in place of a text that Reverie has, where it was collected in a channel; nothing, elsewhere."""


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
class Waiting:
    """A memory that Reverie does not have yet. ``seal`` is the row as it was read: a change meanwhile is not lost."""

    memory: Remembered
    seal: bytes


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
        """What somebody agreed to; None where the bot does not know them."""
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

    async def waiting(self, user_id: str, limit: int = 1_000) -> list[Waiting]:
        """The oldest memories that Reverie does not have yet."""
        rows = await self._rows("waiting", user_id=user_id, limit=limit)
        return [Waiting(self._memory(user_id, row), bytes(row["sealed"])) for row in rows]

    async def waiting_people(self) -> list[str]:
        """Who agreed and has memories that Reverie does not have yet."""
        return [row["user_id"] for row in await self._rows("waiting_people")]

    async def moved(self, user_id: str, memories: Sequence[Waiting]) -> None:
        """Reverie has these: their texts leave the store."""
        rows = [
            {"user_id": user_id, "id": one.memory.id, "sealed": one.seal, "mark": _mark(one.memory)} for one in memories
        ]
        await self._database.run(*(("moved", row) for row in rows))

    async def origins(self, user_id: str) -> list[dict[str, Any]]:
        """Where each memory came from, for an export."""
        return [
            {**row, "created_at": datetime.fromtimestamp(row["created_at"], UTC).isoformat()}
            for row in await self._rows("origins", user_id=user_id)
        ]

    async def edit_waiting(self, user_id: str, memory: Remembered) -> bool:
        """Change a text that Reverie does not have yet; False when it has it, or there is none."""
        sealed = self._sealed_memory(user_id, memory)
        changed, _ = await self._database.run(
            ("edit", {"user_id": user_id, "id": memory.id, "sealed": sealed}),
            ("delete_answers", {"user_id": user_id}),
        )
        return bool(changed)

    async def drop_answers(self, user_id: str) -> None:
        """A text changed: cards that quote the old one go."""
        await self._rows("delete_answers", user_id=user_id)

    # -- forgetting -------------------------------------------------------------------------------------------------
    async def forget(self, user_id: str, memory_ids: Sequence[str]) -> int:
        """Note that memories are to be forgotten, and delete what is here of them. Returns how many were."""
        named = [{"user_id": user_id, "id": memory_id} for memory_id in memory_ids]
        results = await self._database.run(
            *(("delete", row) for row in named), *(("put_deletion", row) for row in named),
            ("delete_answers", {"user_id": user_id}),
        )  # fmt: skip
        return sum(len(rows) for rows in results[: len(named)])

    async def forget_everything(self, user_id: str) -> Forgotten:
        """Delete all there is on somebody, consent included, and note that the service has to erase it too."""
        who = {"user_id": user_id}
        memories, answers, waiting, *_ = await self._database.run(
            ("delete_all_memories", who), ("delete_answers", who), ("delete_all_pending", who), ("delete_person", who),
            ("delete_all_deletions", who), _erasure(user_id),
        )  # fmt: skip
        return Forgotten(len(memories), len(answers), len(waiting))

    async def collected(self, message_id: str) -> list[tuple[str, str]]:
        """``(user_id, memory_id)`` of what was collected from a message; what its author saved on purpose is not."""
        rows = await self._rows("of_message", message_id=message_id)
        return [(row["user_id"], row["id"]) for row in rows if self._is_collected(row)]

    async def forget_guild(self, guild_id: str) -> set[str]:
        """Delete everything that came from a server; returns whose it was."""
        where = {"guild_id": guild_id}
        *_, deleted = await self._database.run(
            ("close_guild", where), ("put_deletions_of_guild", where), ("delete_of_guild", where)
        )
        return await self._purge(deleted)

    async def forget_member(self, guild_id: str, user_id: str) -> set[str]:
        """Delete what somebody said on one server."""
        where = {"guild_id": guild_id, "user_id": user_id}
        _, deleted = await self._database.run(("put_deletions_of_member", where), ("delete_of_member", where))
        return await self._purge(deleted)

    async def _purge(self, deleted: Iterable[Row]) -> set[str]:
        owners = {row["user_id"] for row in deleted}
        for owner in owners:
            await self.drop_answers(owner)
        return owners

    async def deletions(self, user_id: str) -> list[str]:
        """Ids of the memories that Reverie must still forget."""
        return [row["id"] for row in await self._rows("deletions", user_id=user_id)]

    async def deletion_people(self) -> list[str]:
        """Whose memories Reverie must still forget."""
        return [row["user_id"] for row in await self._rows("deletion_people")]

    async def deleted(self, user_id: str, memory_ids: Sequence[str]) -> None:
        """Reverie has forgotten these."""
        await self._database.run(*(("delete_deletion", {"user_id": user_id, "id": one}) for one in memory_ids))

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

    def _is_collected(self, row: Row) -> bool:
        sealed = bytes(row["sealed"])
        return sealed == _COLLECTED or (len(sealed) > 1 and self._json(row["user_id"], row)["source"] == "channel")

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


def _mark(memory: Remembered) -> bytes:
    return _COLLECTED if memory.source == "channel" else b""


def _erasure(user_id: str) -> tuple[str, dict[str, Any]]:
    return "put_erasure", {"user_id": user_id, "now": time.time()}


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)

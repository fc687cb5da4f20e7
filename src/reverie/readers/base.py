"""What every reader shares: collecting good rows, naming bad ones."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from reverie.contracts import MAX_MEMORIES, Memory

__all__ = ["Collector", "Rejected", "Source", "find", "parse_date"]

TEXT_NAMES = ("text", "content", "contents", "memory", "message", "body", "note")
DATE_NAMES = ("created_at", "timestamp", "created", "date", "datetime", "time", "at")
ID_NAMES = ("id", "memory_id", "message_id", "uuid")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that is not a memory, and where it stands."""

    #: Such as ``line 17`` or ``messages/c12/messages.json, message 3``.
    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


@dataclass(slots=True)
class Source:
    """What a file held."""

    memories: list[Memory] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    #: What a reader decided by itself, in plain words.
    notes: list[str] = field(default_factory=list)
    #: The user that the file names, if it does.
    user_id: str | None = None


def find(row: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """The value of the first of ``names`` that the row has, whatever its case."""
    folded = {str(name).strip().casefold(): value for name, value in row.items() if name is not None}
    return next((folded[name] for name in names if folded.get(name) not in (None, "")), None)


def parse_date(value: object) -> tuple[datetime | None, bool]:
    """``(date, whether a time zone was missing)``; a date without one is taken as UTC.

    Raises ``ValueError`` for anything that is not an ISO 8601 text. Numbers are refused: they could be seconds or
    milliseconds.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None, False
    if not isinstance(value, str):
        raise ValueError(f"its date must be a text such as 2026-05-01T09:00:00Z, not {str(value)[:40]}")
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        raise ValueError(f"its date is not readable: {value[:40]!r}; write 2026-05-01T09:00:00Z") from None
    return (moment.replace(tzinfo=UTC), True) if moment.tzinfo is None else (moment, False)


class Collector:
    """Turns rows into memories with ids that stay the same when the file grows."""

    def __init__(self) -> None:
        self._source = Source()
        self._places: dict[str, str] = {}
        self._copies: dict[str, int] = {}
        self._naive = 0

    def reject(self, place: str, reason: str) -> None:
        """Name a row that cannot be used."""
        self._source.rejected.append(Rejected(place, reason))

    def note(self, text: str) -> None:
        """Say what was decided."""
        self._source.notes.append(text)

    def user(self, user_id: object) -> None:
        """The file names its user."""
        if isinstance(user_id, str | int) and str(user_id):
            self._source.user_id = str(user_id)

    def add(self, place: str, row: object) -> None:
        """A text, or a mapping with one, becomes a memory or is rejected with the reason."""
        if isinstance(row, str):
            row = {"text": row}
        if not isinstance(row, Mapping):
            self.reject(place, f"is {_kind(row)}, neither a text nor an object with one")
            return
        text = find(row, TEXT_NAMES)
        if not isinstance(text, str) or not text.strip():
            named = ", ".join(repr(str(name)) for name in list(row)[:6])
            self.reject(place, "its text is blank" if text is not None or _has(row) else f"has no text (only {named})")
            return
        try:
            created, naive = parse_date(find(row, DATE_NAMES))
            accessed, _ = parse_date(row.get("last_accessed_at"))
        except ValueError as error:
            self.reject(place, str(error))
            return
        given = find(row, ID_NAMES)
        more = {name: row[name] for name in ("access_count", "kind", "source", "metadata") if row.get(name)}
        try:
            memory = Memory(
                id=str(given) if given is not None else self._name(text, created),
                text=text,
                created_at=created,
                last_accessed_at=accessed,
                **more,
            )
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            message = first["msg"].removeprefix("Value error, ")
            self.reject(place, f"{where}: {message}" if where else message)
            return
        if memory.id in self._places:
            self.reject(place, f"has the id {memory.id[:60]!r} of {self._places[memory.id]}")
            return
        self._places[memory.id] = place
        self._naive += naive
        self._source.memories.append(memory)

    def _name(self, text: str, created: datetime | None) -> str:
        # From the content, not from the position: a line added at the top must not rename all that follow.
        stamp = created.isoformat() if created else ""
        name = hashlib.blake2b(f"{stamp}\x1f{text}".encode("utf-8", "replace"), digest_size=6).hexdigest()
        # From where the last copy ended: a file of one line repeated must not be counted through at every line.
        count = self._copies.get(name, 1)
        while (candidate := name if count == 1 else f"{name}-{count}") in self._places:
            count += 1
        self._copies[name] = count
        return candidate

    def finish(self) -> Source:
        """Everything read; the newest when there are more than one task may hold."""
        source = self._source
        if self._naive:
            source.notes.append(f"dates without a time zone, taken as UTC: {self._naive:,}")
        if len(source.memories) > MAX_MEMORIES:
            total = len(source.memories)
            oldest = datetime(1970, 1, 1, tzinfo=UTC)
            newest = sorted(range(total), key=lambda i: source.memories[i].created_at or oldest)[-MAX_MEMORIES:]
            source.memories = [source.memories[i] for i in sorted(newest)]
            source.notes.append(f"{total:,} memories; the newest {MAX_MEMORIES:,} were taken, the most in one task")
        return source


def _has(row: Mapping[str, Any]) -> bool:
    return bool({str(name).strip().casefold() for name in row if name is not None} & set(TEXT_NAMES))


def _kind(value: object) -> str:
    names = {list: "a list", int: "a number", float: "a number", bool: "true or false", type(None): "null"}
    return names.get(type(value), "something else")

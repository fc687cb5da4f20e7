"""Rows that became memories: their ids, and the newest of them where there are more than one task may hold."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from reverie.contracts import MAX_MEMORIES, Memory

__all__ = ["Kept", "Row"]

_OLDEST = datetime(1970, 1, 1, tzinfo=UTC)


Row = tuple[str, str, datetime | None, str | None, str, str | None, Memory | None]
"""A row whose members are known to be right: its place such as ``line 17``, text, date, id in the file, author (""
where it is not known), source, and the memory itself where it has more members than these. A bare tuple: a named one
takes three times as long to make."""


class Kept:
    """Rows to be memories, with ids that stay the same when the file grows.

    Memory is bounded, whatever the size of the file: the newest that one task may hold are kept. A megabyte can have
    half a million lines, so a row is named and becomes a memory only when it is known to stay.
    """

    def __init__(self) -> None:
        #: Rows that were taken, also those that did not stay.
        self.total = 0
        self._rows: list[Row] = []
        self._dated = False
        #: Where the row of each id of the file stands.
        self._places: dict[str, str] = {}

    def put(self, row: Row) -> str | None:
        """Keep ``row``; the reason where it cannot be kept."""
        place, _, created, name, *_ = row
        if name is not None:
            if name in self._places:
                return f"has the id {name[:60]!r} of {self._places[name]}"
            self._places[name] = place
        self._dated |= created is not None
        self._add(row)
        return None

    def bare(self, place: str, text: str) -> None:
        """Keep a text with nothing beside it."""
        self.total += 1
        rows = self._rows
        rows.append((place, text, None, None, "", None, None))
        if len(rows) >= 2 * MAX_MEMORIES:
            self._prune()

    def newest(self, author: str | None = None) -> tuple[list[Memory], int]:
        """The memories that stay, of ``author`` alone where one is given, and how many there were."""
        if author is not None:
            self._rows = [row for row in self._rows if row[4] == author]
        total = self.total if len(self._rows) >= MAX_MEMORIES else len(self._rows)
        self._prune()
        names = _Names(self._places)
        return [_made(row, names) for row in self._rows], total

    def _add(self, row: Row) -> None:
        self.total += 1
        self._rows.append(row)
        if len(self._rows) >= 2 * MAX_MEMORIES:
            self._prune()

    def _prune(self) -> None:
        """Keep the newest that one task may hold, in their order; without a date the later of two is the newer."""
        rows = self._rows
        if len(rows) <= MAX_MEMORIES:
            return
        if self._dated:
            newest = sorted(range(len(rows)), key=lambda i: rows[i][2] or _OLDEST)[-MAX_MEMORIES:]
            self._rows = [rows[i] for i in sorted(newest)]
        else:
            del rows[:-MAX_MEMORIES]
        if self._places:
            self._places = {name: place for place, _, _, name, *_ in self._rows if name is not None}


class _Names:
    """Ids from the content, not from the position: a line added at the top must not rename all that follow."""

    def __init__(self, taken: dict[str, str]) -> None:
        self._taken = set(taken)
        self._copies: dict[str, int] = {}

    def of(self, text: str, created: datetime | None) -> str:
        stamp = created.isoformat() if created else ""
        name = wanted = hashlib.blake2b(f"{stamp}\x1f{text}".encode("utf-8", "replace"), digest_size=6).hexdigest()
        if name in self._taken:
            # From where the last copy stopped: ten thousand times "gm" must not be counted through as often.
            count = self._copies.get(wanted, 1) + 1
            while (name := f"{wanted}-{count}") in self._taken:
                count += 1
            self._copies[wanted] = count
        self._taken.add(name)
        return name


def _made(row: Row, names: _Names) -> Memory:
    _, text, created, name, _, source, memory = row
    name = name or names.of(text, created)
    if memory is not None:
        return Memory.built(**{**memory.__dict__, "id": name})
    # What is right already is not checked again, which would take five times as long.
    return Memory.built(
        id=name, text=text, created_at=created, last_accessed_at=None, access_count=0, kind=None, source=source,
        speaker=None, metadata={},
    )  # fmt: skip

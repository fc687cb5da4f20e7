"""What every reader shares: collecting good rows, naming bad ones, choosing whose rows they are."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from reverie.contracts import MAX_ID_CHARS, MAX_MEMORIES, Memory
from reverie.errors import InvalidInput
from reverie.readers.dates import parse_date
from reverie.readers.formats import TABLE, Format, compiled, expand, get, joined, match

__all__ = ["MOST_NAMED", "Author", "Collector", "Rejected", "Source"]

TEXT_NAMES = tuple(TABLE["text"])
_DATE_NAMES = tuple(TABLE["date"])
_ID_NAMES = tuple(TABLE["id"])
_SERVICE = compiled(TABLE["service"])
_REASONS: dict[str, str] = TABLE["reasons"]

MOST_NAMED = 1_000
"""Most rows that are named one by one; those after them are counted."""

_NAMED_DATES = 5
_MOST_AUTHORS = 10_000
_OLDEST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that is not a memory, and where it stands."""

    #: Such as ``line 17`` or ``messages/c12/messages.json, message 3``.
    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


@dataclass(slots=True)
class Author:
    """Somebody whose texts are in a file."""

    id: str
    name: str
    #: Texts of theirs.
    count: int = 0

    def __str__(self) -> str:
        who = self.name if self.name == self.id else f"{self.name} ({self.id})"
        return f"{who}: {self.count:,}"


@dataclass(slots=True)
class Source:
    """What a file held."""

    memories: list[Memory] = field(default_factory=list)
    #: The first rows that cannot be used; ``rejected_count`` says how many there are.
    rejected: list[Rejected] = field(default_factory=list)
    rejected_count: int = 0
    #: What a reader decided by itself, in plain words.
    notes: list[str] = field(default_factory=list)
    #: The user that the file names, if it does.
    user_id: str | None = None
    #: Everybody who wrote something, most texts first; empty where the file does not say who wrote what.
    authors: list[Author] = field(default_factory=list)


class Collector:
    """Turns rows into memories with ids that stay the same when the file grows.

    ``author`` is the id or name of the only person whose rows are taken. Memory is bounded: the newest memories that
    one task may hold are kept, whatever the size of the file.
    """

    def __init__(self, author: str | None = None) -> None:
        self._source = Source()
        self._places: dict[str, str] = {}
        self._copies: dict[str, int] = {}
        self._wanted = author.strip().casefold() if author is not None else None
        self._asked = author
        self._authors: dict[str, Author] = {}
        #: Author's id of each memory, "" where it is not known.
        self._of: list[str] = []
        self._left: Counter[str] = Counter()
        self._naive = 0
        self._undated = 0
        self._named_undated: list[str] = []
        self._total = 0
        #: "dmy" or "mdy" where dates are numbers in the order of a country.
        self.order: str | None = None

    def __len__(self) -> int:
        """Rows that were understood, kept or left out."""
        return self._total + sum(self._left.values())

    # -- what readers say ----------------------------------------------------------------------------------------------
    def reject(self, place: str, reason: str) -> None:
        """Name a row that cannot be used."""
        self._source.rejected_count += 1
        if len(self._source.rejected) < MOST_NAMED:
            self._source.rejected.append(Rejected(place, reason))

    def note(self, text: str) -> None:
        """Say what was decided."""
        self._source.notes.append(text)

    def leave(self, why: str, count: int = 1) -> None:
        """Count rows that are fine and not wanted; ``why`` is a key of the table's reasons."""
        self._left[_REASONS[why]] += count

    def user(self, user_id: object) -> None:
        """The file names its user."""
        if isinstance(user_id, str | int) and str(user_id):
            self._source.user_id = str(user_id)

    def take(self, place: str, row: object, *, source: str | None = None, depth: int = 0) -> None:
        """A row of any format of the table, or a text or mapping of one's own."""
        form = match(row) if isinstance(row, Mapping) else None
        if form is None or not isinstance(row, Mapping):
            self.add(place, row)
        elif form.each is not None and depth < 2:
            title = get(row, form.source) if form.source else None
            for number, inner in enumerate(expand(row, form.each), 1):
                self.take(
                    f"{place}, message {number}",
                    inner,
                    source=title if isinstance(title, str) else source,
                    depth=depth + 1,
                )
        elif not form.skip:
            self._known(place, row, form, source)

    def say(self, place: str, name: str, text: str, date: str, source: str | None = None) -> None:
        """What somebody said in a chat's plain text."""
        if _SERVICE.match(text):
            return self.leave("service")
        return self._by(place, {"text": text, "source": source}, Author(name, name), [date], None)

    def add(self, place: str, row: object) -> None:
        """A text, or a mapping with one, becomes a memory or is rejected with the reason."""
        if isinstance(row, str):  # a line of a text: half of the time would go to names that it does not have
            if not row.strip():
                return self.reject(place, "its text is blank")
            return self._keep(place, {"text": row}, None, None)
        if not isinstance(row, Mapping):
            return self.reject(place, f"is {_kind(row)}, neither a text nor an object with one")
        folded = {str(name).strip().casefold(): value for name, value in row.items() if name is not None}
        given = _first(folded, TEXT_NAMES)
        text = joined(given)
        if text is None or not text.strip():
            if given is not None and text is None:
                reason = f"its text is {_kind(given)}"
            elif given is not None or any(name in folded for name in TEXT_NAMES):
                reason = "its text is blank"
            else:
                reason = f"has no text (only {', '.join(repr(str(name)) for name in list(row)[:6])})"
            return self.reject(place, reason)
        more = {name: row[name] for name in ("access_count", "kind", "source", "speaker", "metadata") if row.get(name)}
        accessed = self._date(place, None, row.get("last_accessed_at"))
        if accessed is not None:
            more["last_accessed_at"] = accessed
        created = self._date(place, None, _first(folded, _DATE_NAMES))
        return self._keep(place, {**more, "text": text}, created, _first(folded, _ID_NAMES))

    # -- rows of known formats -----------------------------------------------------------------------------------------
    def _known(self, place: str, row: Mapping[str, Any], form: Format, source: str | None) -> None:
        if (why := _unwanted(row, form)) is not None:
            return self.leave(why)
        parts = (joined(get(row, path), form.join) for path in form.text)
        text = next((part for part in parts if part is not None and part.strip()), "")
        if not text:
            return self.leave("no text")
        if form.service and _SERVICE.match(text):
            return self.leave("service")
        values: dict[str, Any] = {"text": text, "source": source}
        if form.metadata and isinstance(held := get(row, form.metadata), dict) and held:
            values["metadata"] = held
        date = [value for path in form.date if (value := get(row, path)) not in (None, "")]
        given = get(row, form.id) if form.id else None
        if not form.author:
            return self._keep(place, values, self._date(place, form.unix, *date), given)
        who = _first_of(row, form.author["id"])
        author = Author(who, _first_of(row, form.author.get("name", [])) or who)
        return self._by(place, values, author, date, form.unix, given)

    def _by(
        self,
        place: str,
        values: dict[str, Any],
        author: Author,
        dates: list[Any],
        unix: str | None,
        given: object = None,
    ) -> None:
        """A text whose author is known."""
        known = self._authors.get(author.id)
        if known is None:
            known = self._authors[author.id] = author
            if len(self._authors) > _MOST_AUTHORS:
                raise InvalidInput(f"{place}: more than {_MOST_AUTHORS:,} people have written in it")
        known.count += 1
        if self._wanted is not None and self._wanted not in (known.id.casefold(), author.name.casefold()):
            return self.leave("other people")
        return self._keep(place, values, self._date(place, unix, *dates), given, known.id)

    def _date(self, place: str, unix: str | None, *values: object) -> datetime | None:
        """The first date that can be read, or none: a text is worth keeping without it."""
        wrong = ""
        for value in values:
            try:
                moment, naive = parse_date(value, unix=unix, order=self.order)
            except ValueError as error:
                wrong = wrong or str(error)
            else:
                self._naive += naive
                return moment
        if wrong:
            self._undated += 1
            if len(self._named_undated) < _NAMED_DATES:
                self._named_undated.append(f"{place}: {wrong}")
        return None

    def _keep(
        self, place: str, values: dict[str, Any], created: datetime | None, given: object, author: str = ""
    ) -> None:
        if isinstance(values.get("source"), str):
            values["source"] = values["source"][:256]
        try:
            _encodable(values, given)
            memory = Memory(
                id=str(given) if given not in (None, "") else self._name(values["text"], created),
                created_at=created,
                **{name: value for name, value in values.items() if value is not None},
            )
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            message = first["msg"].removeprefix("Value error, ")
            return self.reject(place, f"{where}: {message}" if where else message)
        except ValueError as error:
            return self.reject(place, str(error))
        if memory.id in self._places:
            return self.reject(place, f"has the id {memory.id[:60]!r} of {self._places[memory.id]}")
        self._places[memory.id] = place
        self._total += 1
        self._source.memories.append(memory)
        self._of.append(author)
        if len(self._source.memories) >= 2 * MAX_MEMORIES:
            self._prune()
        return None

    def _name(self, text: str, created: datetime | None) -> str:
        # From the content, not from the position: a line added at the top must not rename all that follow.
        stamp = created.isoformat() if created else ""
        name = hashlib.blake2b(f"{stamp}\x1f{text}".encode("utf-8", "replace"), digest_size=6).hexdigest()
        if name not in self._places:
            return name
        # From where the last copy stopped: ten thousand times "gm" must not be counted through ten thousand times.
        count = self._copies.get(name, 1) + 1
        while f"{name}-{count}" in self._places:
            count += 1
        self._copies[name] = count
        return f"{name}-{count}"

    # -- the end -------------------------------------------------------------------------------------------------------
    def _prune(self) -> None:
        """Keep the newest that one task may hold, in their order."""
        memories = self._source.memories
        if len(memories) <= MAX_MEMORIES:
            return
        newest = sorted(range(len(memories)), key=lambda i: memories[i].created_at or _OLDEST)[-MAX_MEMORIES:]
        newest.sort()
        self._source.memories = [memories[i] for i in newest]
        self._of = [self._of[i] for i in newest]
        self._places = {memory.id: self._places[memory.id] for memory in self._source.memories}

    def finish(self, name: str = "the file") -> Source:
        """Everything read; the newest when there are more than one task may hold.

        Raises ``InvalidInput`` naming the authors when several people wrote and none of them, or two, were chosen.
        """
        source = self._source
        source.authors = sorted(self._authors.values(), key=lambda author: (-author.count, author.id))
        chosen = self._chosen(name)
        if chosen is not None:
            of = self._of
            source.memories = [memory for memory, who in zip(source.memories, of, strict=True) if who == chosen.id]
            self._of = [who for who in of if who == chosen.id]
            source.user_id = source.user_id or chosen.id
        total = self._total if len(source.memories) >= MAX_MEMORIES else len(source.memories)
        self._prune()
        for reason, count in self._left.items():
            source.notes.append(f"{reason}, left out: {count:,}")
        if self._naive:
            source.notes.append(f"dates without a time zone, taken as UTC: {self._naive:,}")
        if self._undated:
            more = "; ..." if self._undated > len(self._named_undated) else ""
            named = "; ".join(self._named_undated) + more
            source.notes.append(f"dates left out, their texts kept: {self._undated:,} ({named})")
        if total > MAX_MEMORIES:
            source.notes.append(f"{total:,} memories; the newest {MAX_MEMORIES:,} were taken, the most in one task")
        return source

    def _chosen(self, name: str) -> Author | None:
        """The author whose texts are taken; None where the file does not say who wrote."""
        authors = self._source.authors
        if self._wanted is None:
            if len(authors) > 1:
                raise _choose(f"{name} has texts of {len(authors):,} people; choose one with --author", authors)
            return authors[0] if authors else None
        if not authors:
            self.note(f"it does not say who wrote what; --author {self._asked} is not used")
            return None
        by_id = [author for author in authors if author.id.casefold() == self._wanted]
        found = by_id or [author for author in authors if author.name.casefold() == self._wanted]
        if not found:
            raise _choose(f"{name} has no texts of {self._asked!r}; choose with --author", authors)
        if len(found) > 1:
            raise _choose(f"{self._asked!r} is the name of {len(found)}; choose by id with --author", found)
        return found[0]


def _choose(what: str, authors: list[Author]) -> InvalidInput:
    shown = "".join(f"\n  {author}" for author in authors[:20])
    more = f"\n  and {len(authors) - 20:,} more" if len(authors) > 20 else ""
    told = [{"id": author.id, "name": author.name, "count": author.count} for author in authors[:100]]
    return InvalidInput(f"{what}:{shown}{more}", authors=told)


def _unwanted(row: Mapping[str, Any], form: Format) -> str | None:
    """Why a row is not the person's own words; a key of the table's reasons."""
    if any(get(row, path) not in allowed for path, allowed in form.keep.items()):
        return "service"
    if form.bot is not None and get(row, form.bot):
        return "bot"
    if any(get(row, path) not in allowed for path, allowed in form.person.items()):
        return "other side"
    return next((why for path, why in form.without.items() if get(row, path)), None)


def _first(row: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    for name in names:
        value = row.get(name)
        if value not in (None, ""):
            return value
    return None


def _first_of(row: Mapping[str, Any], paths: list[str]) -> str:
    found = (get(row, path) for path in paths)
    return next((str(value) for value in found if isinstance(value, str | int) and str(value)), "")


def _encodable(values: Mapping[str, Any], given: object) -> None:
    """Raises ``ValueError`` for what no JSON can carry: the service could only refuse everything with it."""
    if given is not None and len(str(given)) > MAX_ID_CHARS:
        raise ValueError(f"id: has {len(str(given)):,} characters, more than {MAX_ID_CHARS}")
    for name, value in (("id", given), *values.items()):
        if value is not None and not isinstance(value, datetime):
            try:
                if isinstance(value, str):
                    value.encode()
                else:
                    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
            except UnicodeEncodeError:
                raise ValueError(f"{name}: is not valid Unicode (a lone surrogate)") from None
            except (TypeError, ValueError, RecursionError):
                raise ValueError(f"{name}: holds a number that JSON has not, or is nested too deeply") from None


def _kind(value: object) -> str:
    names = {list: "a list", int: "a number", float: "a number", bool: "true or false", type(None): "null"}
    return names.get(type(value), "an object" if isinstance(value, Mapping) else "something else")

"""What every reader shares: collecting good rows, naming bad ones, choosing whose rows they are."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from reverie.contracts import MAX_ID_CHARS, MAX_SOURCE_CHARS, MAX_TEXT_CHARS, Memory
from reverie.errors import InvalidInput
from reverie.readers.dates import parse_date
from reverie.readers.formats import TABLE, Format, compiled, expand, get, joined, match
from reverie.readers.kept import Kept, Row

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
_WRONG = re.compile("[\x00\ud800-\udfff]")
"""What no text of a memory may hold."""


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
        self._kept = Kept()
        self._wanted = author.strip().casefold() if author is not None else None
        self._asked = author
        self._authors: dict[str, Author] = {}
        self._left: Counter[str] = Counter()
        self._naive = 0
        self._undated = 0
        self._named_undated: list[str] = []
        #: "dmy" or "mdy" where dates are numbers in the order of a country.
        self.order: str | None = None

    def __len__(self) -> int:
        """Rows that were understood, kept or left out."""
        return self._kept.total + sum(self._left.values())

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
        # Its class is asked first: to ask whether a number is a mapping takes ten times as long.
        if isinstance(row, str | int | list) or not isinstance(row, Mapping) or (form := match(row)) is None:
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
            if not row or row.isspace():
                return self.reject(place, "its text is blank")
            if len(row) > MAX_TEXT_CHARS or _WRONG.search(row):
                return self._keep(place, {"text": row}, None, None)
            return self._kept.bare(place, row)
        if not isinstance(row, dict) and not isinstance(row, Mapping):
            return self.reject(place, f"is {_kind(row)}, neither a text nor an object with one")
        if not row:
            return self.reject(place, "has no text (only )")
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

    def add_dated(self, place: str, text: str, date: str) -> None:
        """A text that is not blank, and the date beside it."""
        self._keep(place, {"text": text}, self._date(place, None, date), None)

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
            if value is None:
                return None
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
            values["source"] = values["source"][:MAX_SOURCE_CHARS]
        name = str(given) if given not in (None, "") else None
        if _plain(values, name):
            return self._put((place, values["text"], created, name, author, values.get("source"), None))
        try:
            _encodable(values, given)
            memory = Memory(
                id=name or "-",  # named when it is known to stay
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
        return self._put((place, memory.text, created, name, author, None, memory))

    def _put(self, row: Row) -> None:
        if (reason := self._kept.put(row)) is not None:
            self.reject(row[0], reason)

    # -- the end -------------------------------------------------------------------------------------------------------
    def finish(self, name: str = "the file") -> Source:
        """Everything read; the newest when there are more than one task may hold.

        Raises ``InvalidInput`` naming the authors when several people wrote and none of them, or two, were chosen.
        """
        source = self._source
        source.authors = sorted(self._authors.values(), key=lambda author: (-author.count, author.id))
        chosen = self._chosen(name)
        if chosen is not None:
            source.user_id = source.user_id or chosen.id
        source.memories, total = self._kept.newest(chosen.id if chosen is not None else None)
        for reason, count in self._left.items():
            source.notes.append(f"{reason}, left out: {count:,}")
        if self._naive:
            source.notes.append(f"dates without a time zone, taken as UTC: {self._naive:,}")
        if self._undated:
            more = "; ..." if self._undated > len(self._named_undated) else ""
            named = "; ".join(self._named_undated) + more
            source.notes.append(f"dates left out, their texts kept: {self._undated:,} ({named})")
        if total > (stay := len(source.memories)):
            source.notes.append(f"{total:,} memories; the newest {stay:,} were taken, the most in one task")
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
    listed = [{"id": author.id, "name": author.name, "count": author.count} for author in authors[:100]]
    return InvalidInput(f"{what}:{shown}{more}", authors=listed)


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


def _plain(values: Mapping[str, Any], name: str | None) -> bool:
    """Whether a row has nothing to be checked but its text, its source and a name of letters and signs."""
    return (
        values.keys() <= {"text", "source"}
        and 0 < len(text := values["text"]) <= MAX_TEXT_CHARS
        and not text.isspace()
        and not _WRONG.search(text)
        and ((source := values.get("source")) is None or (isinstance(source, str) and not _WRONG.search(source)))
        and (name is None or (len(name) <= MAX_ID_CHARS and name.isprintable()))
    )


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


_KINDS = {list: "a list", int: "a number", float: "a number", bool: "true or false", type(None): "null"}


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "an object" if isinstance(value, Mapping) else "something else")

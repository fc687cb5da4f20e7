"""The table of formats (``formats.json``): where rows stand in an export, and what their members mean.

The dashboard reads the same table, so that both take the same files. A path names members with dots; a number counts
in a list, from the end when it is negative; ``[]`` goes through a list and ``{}`` through an object's values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

__all__ = ["FORMATS", "TABLE", "Format", "compiled", "expand", "get", "joined", "match"]

TABLE: dict[str, Any] = json.loads((files("reverie.readers") / "formats.json").read_text(encoding="utf-8"))


def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern of the table; it is written in JavaScript's way, with ``(?<name>`` for groups."""
    return re.compile(re.sub(r"\(\?<(?=[A-Za-z])", "(?P<", pattern))


@dataclass(frozen=True, slots=True)
class Format:
    """One sort of row."""

    name: str
    #: Members that a row of this format has, all of ``has`` and one of ``any``.
    has: list[str]
    any: list[str] = field(default_factory=list)
    #: Where the rows inside this one are; it is then no row itself.
    each: str | None = None
    #: The row says nothing of a person.
    skip: bool = False
    text: list[str] = field(default_factory=list)
    #: What stands between the parts of a text.
    join: str = "\n"
    date: list[str] = field(default_factory=list)
    #: What its numeric dates count: seconds or milliseconds.
    unix: str | None = None
    id: str | None = None
    author: dict[str, list[str]] = field(default_factory=dict)
    bot: str | None = None
    #: Values of members: only these rows are somebody's own words at all.
    keep: dict[str, list[Any]] = field(default_factory=dict)
    #: Values of members: only these rows are the person's and not the other side's.
    person: dict[str, list[Any]] = field(default_factory=dict)
    #: Members that must not be set, with the reason to leave the row out.
    without: dict[str, str] = field(default_factory=dict)
    #: Whether texts that the platform itself wrote are among the rows.
    service: bool = False
    source: str | None = None
    metadata: str | None = None


FORMATS = [Format(**entry) for entry in TABLE["formats"]]

_BY_MEMBERS = [(form, frozenset(path.partition(".")[0] for path in form.has)) for form in FORMATS]
"""Each with the row's own members that it needs: to ask for those first spares most rows all the rest."""


def get(row: Any, path: str) -> Any:
    """The value at ``path``, None where there is none."""
    for part in path.split("."):
        if isinstance(row, Mapping):
            row = row.get(part)
        elif isinstance(row, list) and part.lstrip("-").isdecimal():
            row = row[int(part)] if -len(row) <= int(part) < len(row) else None
        else:
            return None
    return row


def _has(row: Any, path: str) -> bool:
    head, _, last = path.rpartition(".")
    holder = get(row, head) if head else row
    return last in holder if isinstance(holder, Mapping) else get(row, path) is not None


def match(row: Mapping[str, Any]) -> Format | None:
    """The first format of the table that the row has, None for a row of no known export."""
    members = row.keys()
    for form, needed in _BY_MEMBERS:
        if not members >= needed or not all(_has(row, path) for path in form.has):
            continue
        if not form.any or any(_has(row, path) for path in form.any):
            return form
    return None


def expand(row: Any, path: str) -> Iterator[Any]:
    """The rows inside a row, nulls left out."""
    for mark in ("[]", "{}"):
        name, found, rest = path.partition(mark)
        if found:
            held = get(row, name)
            values = held.values() if isinstance(held, Mapping) else held if isinstance(held, list) else ()
            for value in values:
                inner = get(value, rest.lstrip(".")) if rest else value
                if inner is not None:
                    yield inner


def joined(value: Any, between: str = "\n") -> str | None:
    """A text given whole or in parts; None when it is neither. Parts that are not text (pictures) are left out."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        return None
    parts = []
    for part in value:
        text = part.get("text") if isinstance(part, Mapping) else part
        if isinstance(text, Mapping):  # OpenAI's threads
            text = text.get("value")
        if isinstance(text, str):
            parts.append(text)
    return between.join(parts)

"""The parser for plain bodies as it was written by hand, for ``parsers`` and ``submissions`` to compare.

It decoded with orjson, and looked at every memory in Python.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from pydantic import ValidationError

from reverie.contracts import (
    EARLIEST,
    LATEST,
    MAX_ACCESSES,
    MAX_ID_CHARS,
    MAX_KIND_CHARS,
    MAX_SOURCE_CHARS,
    MAX_SPEAKER_CHARS,
    Request,
)

__all__ = ["parse_fast"]

_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{6})?(?:Z|\+00:00)")
_MEMBERS = frozenset({"id", "text", "created_at", "last_accessed_at", "access_count", "kind", "source", "speaker"})
_NAMES = (("kind", MAX_KIND_CHARS), ("source", MAX_SOURCE_CHARS), ("speaker", MAX_SPEAKER_CHARS))
_COMMON = frozenset({"user_id", "memories", "options"})
_SMALL = 500
"""Most bytes beside the memories whose parsed form is kept for the next body."""

_HEADS = [b'"},{"id":"%d","text":"' % number for number in range(1000)]
_YEARS = (str(EARLIEST.year), str(LATEST.year))


def parse_fast(model: type[Request], body: bytes, text_chars: int) -> tuple[str, Any, list[str], bytes] | None:
    """``(user, request, texts, canonical JSON)``; None when the models must look at it.

    ``text_chars`` is the most characters of one text. The request lacks the memories and may name another user.
    """
    # JSON writes a NUL only like this; a text must not hold one.
    if b"\\u0000" in body:
        return None
    try:
        document = orjson.loads(body)
        given = document["memories"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if type(given) is not list or not given:
        return None
    if set(map(type, given)) == {str}:
        texts, memories = given, _strings(given)
    else:
        found_objects = _objects(given)
        if found_objects is None:
            return None
        texts, memories = [memory["text"] for memory in found_objects], orjson.dumps(found_objects)
    if max(map(len, texts)) > text_chars or any(map(str.isspace, texts)) or not all(texts):
        return None
    # Small without the memories, so here the models look at everything.
    document["memories"] = []
    user = document.get("user_id")
    if type(user) is str and 0 < len(user) <= MAX_ID_CHARS and user.isprintable() and document.keys() <= _COMMON:
        document["user_id"] = "-"
        rest = orjson.dumps(document)
        found = (_known if len(rest) <= _SMALL else _checked)(model, rest)
    else:
        found = _checked(model, orjson.dumps(document))
        user = found[0].user_id if found is not None else None
    if found is None:
        return None
    request, canonical = found
    # Within a string a quote is never bare, so that this is found in its own place alone.
    frame = orjson.dumps(canonical | {"user_id": user, "memories": []})
    return user, request, texts, frame.replace(b'"memories":[]', b'"memories":' + memories, 1)


def _checked(model: type[Request], document: bytes) -> tuple[Any, dict[str, Any]] | None:
    """A request and its canonical form, by the models."""
    try:
        request = model.model_validate_json(document)
    except (ValidationError, ValueError, RecursionError):
        return None
    # In the models' order of members: the canonical form is the same, and so is its hash.
    return request, request.model_dump(mode="json", exclude_defaults=True, exclude={"callback_url"})


_known = lru_cache(256)(_checked)
"""The same for what most submissions say beside their memories: nothing, or the options of their program."""


def _strings(texts: list[str]) -> bytes:
    """Memories of nothing but a text, as JSON: written together and then taken apart, without an object for each."""
    together = orjson.dumps(texts)
    if b'\\",' in together:  # a quote in a text, with a comma after it, looks like the end of a text
        return orjson.dumps([{"id": str(number), "text": text} for number, text in enumerate(texts)])
    parts = together[2:-2].split(b'","')
    heads = _HEADS if len(parts) <= len(_HEADS) else [b'"},{"id":"%d","text":"' % i for i in range(len(parts))]
    out = [b""] * (2 * len(parts))
    out[::2] = heads[: len(parts)]
    out[1::2] = parts
    return b"[" + b"".join(out)[3:] + b'"}]'


def _objects(given: list[Any]) -> list[dict[str, Any]] | None:
    out = []
    ids = set()
    for index, item in enumerate(given):
        if type(item) is not dict or not item.keys() <= _MEMBERS:
            return None
        text = item.get("text")
        name = item.get("id")
        if name is None:
            name = str(index)
        if type(text) is not str or type(name) is not str or not name.isprintable():
            return None
        if not 0 < len(name) <= MAX_ID_CHARS:
            return None
        ids.add(name)
        memory: dict[str, Any] = {"id": name, "text": text}
        if len(item) > ("id" in item) + 1 and not _further(item, memory):
            return None
        out.append(memory)
    return out if len(ids) == len(out) else None


def _further(item: dict[str, Any], memory: dict[str, Any]) -> bool:
    """Put what else is said of a memory into ``memory``, defaults left out; False when it is not plain."""
    for name in ("created_at", "last_accessed_at"):
        moment = item.get(name)
        if moment is None:
            continue
        if type(moment) is not str or not _MOMENT.fullmatch(moment) or not _YEARS[0] <= moment < _YEARS[1]:
            return False
        try:
            datetime.fromisoformat(moment)
        except ValueError:
            return False
        memory[name] = moment.removesuffix("Z").removesuffix("+00:00").removesuffix(".000000") + "Z"
    count = item.get("access_count", 0)
    if type(count) is not int or not 0 <= count <= MAX_ACCESSES:
        return False
    if count:
        memory["access_count"] = count
    for name, longest in _NAMES:
        value = item.get(name)
        if value is None:
            continue
        if type(value) is not str or len(value) > longest:
            return False
        memory[name] = value
    return True

"""Takes in bodies that are plainly right, at a small part of what the contract's models cost.

Nearly all submissions are: strings, or objects with a few well-formed members, which msgspec checks while it decodes.
Whatever is not plain, wrong or merely rare, is left to the models, which say what is wrong with it. For what is plain
both give the same canonical form; a test compares them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Annotated, Any

import msgspec
import orjson
from msgspec import Meta, Raw
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

_FINER = re.compile(rb"\.[0-9]{7}")
"""Parts of a microsecond: msgspec rounds them, and the models cut them off."""
_SMALL = 500
"""Most bytes beside the memories whose parsed form is kept for the next body."""

_FIRST, _LAST = EARLIEST.year, LATEST.year

_Moment = Annotated[datetime, Meta(tz=True)] | None


class PlainMemory(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """A memory without metadata. Members stand in the order of ``Memory``, whose canonical form leaves defaults out."""

    id: Annotated[str, Meta(min_length=1, max_length=MAX_ID_CHARS)] | None = None
    text: str = ""
    created_at: _Moment = None
    last_accessed_at: _Moment = None
    access_count: Annotated[int, Meta(ge=0, le=MAX_ACCESSES)] = 0
    kind: Annotated[str, Meta(max_length=MAX_KIND_CHARS)] | None = None
    source: Annotated[str, Meta(max_length=MAX_SOURCE_CHARS)] | None = None
    speaker: Annotated[str, Meta(max_length=MAX_SPEAKER_CHARS)] | None = None


@cache
def _decoder(model: type[Request]) -> Callable[[bytes], Any]:
    """Reads a body of ``model``; what it says beside user and memories is left as it is written."""
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [
        ("user_id", str | int),
        ("memories", list[str | PlainMemory]),
        *((name, Raw, Raw()) for name in model.model_fields if name not in ("user_id", "memories")),
    ]
    return msgspec.json.Decoder(msgspec.defstruct("Body", fields, forbid_unknown_fields=True)).decode


def parse_fast(model: type[Request], body: bytes, text_chars: int) -> tuple[str, Any, list[str], bytes] | None:
    """``(user, request, texts, canonical JSON)``; None when the models must look at it.

    ``text_chars`` is the most characters of one text. The request lacks the memories and names another user.
    """
    # JSON writes a NUL only like this; a text must not hold one.
    if b"\\u0000" in body:
        return None
    try:
        document = _decoder(model)(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    user, memories = str(document.user_id), _plain(document.memories, body, text_chars)
    if memories is None or not 0 < len(user) <= MAX_ID_CHARS or not user.isprintable():
        return None
    # Small without the memories, so here the models look at everything.
    parts = [b'{"user_id":"-","memories":[]']
    for name in document.__struct_fields__[2:]:
        if written := bytes(getattr(document, name)):
            parts.append(b',"%b":%b' % (name.encode(), written))
    rest = b"".join(parts) + b"}"
    found = (_known if len(rest) <= _SMALL else _checked)(model, rest)
    if found is None:
        return None
    request, canonical = found
    # Within a string a quote is never bare, so that this is found in its own place alone.
    frame = orjson.dumps(canonical | {"user_id": user, "memories": []})
    whole = frame.replace(b'"memories":[]', b'"memories":' + _encode(memories), 1)
    return user, request, [memory.text for memory in memories], whole


_encode = msgspec.json.Encoder().encode


def _plain(given: list[str | PlainMemory], body: bytes, text_chars: int) -> list[PlainMemory] | None:
    """All as objects, with the index for an id where there is none; None where the types could not see what is odd."""
    if set(map(type, given)) == {str}:
        # What many submissions hold: without a turn of Python for each text.
        texts: list[Any] = given
        out = list(map(PlainMemory, map(str, range(len(given))), texts))
    else:
        found = _objects(given, body)
        if found is None:
            return None
        out, texts = found, [memory.text for memory in found]
    return out if 0 < max(map(len, texts), default=0) <= text_chars and all(map(str.strip, texts)) else None


def _objects(given: list[str | PlainMemory], body: bytes) -> list[PlainMemory] | None:
    """The same where there are objects among them, whose texts are not looked at."""
    out, dated = [], False
    for index, item in enumerate(given):
        if isinstance(item, str):
            item = PlainMemory(str(index), item)
        else:
            if item.id is None:
                item.id = str(index)
            for moment in (item.created_at, item.last_accessed_at):
                if moment is not None:
                    dated = True
                    if moment.tzinfo is not UTC or not _FIRST <= moment.year < _LAST:
                        return None
        out.append(item)
    ids = [memory.id or "" for memory in out]
    if len(set(ids)) < len(ids) or not all(map(str.isprintable, ids)):
        return None
    return None if dated and _FINER.search(body) else out


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

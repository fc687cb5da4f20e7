"""A memory: one short text that a bot keeps about one user."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue

from reverie.contracts._base import AwareDatetime, Identifier, Request

__all__ = [
    "MAX_ACCESSES",
    "MAX_KIND_CHARS",
    "MAX_MEMORIES",
    "MAX_SOURCE_CHARS",
    "MAX_SPEAKER_CHARS",
    "MAX_TEXT_CHARS",
    "Memories",
    "Memory",
    "MemoryText",
    "Metadata",
]

MAX_TEXT_CHARS = 100_000
"""Longest text of one memory, in characters."""

MAX_KIND_CHARS = 64
MAX_SOURCE_CHARS = 256
"""Longest ``kind`` and ``source`` of a memory, in characters."""

MAX_SPEAKER_CHARS = 256
"""Longest name of who said a memory, in characters."""

MAX_ACCESSES = 2**31 - 1
"""Greatest ``access_count``."""

MAX_MEMORIES = 100_000
"""Most memories in one task."""


_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


def _real(text: str) -> str:
    if text.isspace():
        raise ValueError("text is blank")
    if _NO_TEXT.search(text):
        raise ValueError("text is not valid Unicode (lone surrogate or NUL)")
    return text


MemoryText = Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARS), AfterValidator(_real)]
"""Text of a memory: 1 to 100,000 characters, not blank, valid Unicode."""


def _of_json(held: dict[str, JsonValue]) -> dict[str, JsonValue]:
    # Readers of JSON take NaN, and writers make null of it: what is kept and given back must not change.
    if held:
        try:
            json.dumps(held, allow_nan=False)
        except ValueError:
            raise ValueError("holds a number that JSON has not (NaN or Infinity)") from None
    return held


Metadata = Annotated[dict[str, JsonValue], AfterValidator(_of_json)]
"""Anything of the client's, as JSON has it."""


class Memory(Request):
    """One memory. Only ``text`` is required; without ``id`` the index in the list becomes the id."""

    id: Identifier = Field(description="Your id of the memory, unique in the list.")
    text: MemoryText = Field(description="What is remembered: 1 to 100,000 characters, not blank.")
    created_at: AwareDatetime | None = Field(
        default=None, description="When it was made, with a time zone; rhythms and recency need it."
    )
    last_accessed_at: AwareDatetime | None = Field(default=None, description="When it was last used, with a time zone.")
    access_count: Annotated[int, Field(ge=0, le=MAX_ACCESSES, strict=True)] = Field(
        default=0, description="How often it was used."
    )
    kind: Annotated[str, Field(max_length=MAX_KIND_CHARS)] | None = Field(
        default=None, description='What sort of memory it is, in the bot\'s own words ("fact", "event", "pinned", ...).'
    )
    source: Annotated[str, Field(max_length=MAX_SOURCE_CHARS)] | None = Field(
        default=None, description="Where it came from (a channel, a command)."
    )
    speaker: Annotated[str, Field(max_length=MAX_SPEAKER_CHARS)] | None = Field(
        default=None, description="Who said it; questions that name somebody find what they said."
    )
    metadata: Metadata = Field(default_factory=dict, description="Anything of yours; kept and given back, never read.")


def _number(items: Any) -> Any:
    """Strings become memories, and missing ids become the index; duplicates are refused by name."""
    if not isinstance(items, list | tuple):
        return items
    if len(items) > MAX_MEMORIES:
        raise ValueError(f"{len(items):,} memories; at most {MAX_MEMORIES:,} in one task")
    out: list[Any] = []
    seen: dict[Any, int] = {}
    for index, item in enumerate(items):
        if isinstance(item, str):
            item = {"id": str(index), "text": item}
        elif isinstance(item, dict) and item.get("id") is None:
            item = {**item, "id": str(index)}
        key = item.get("id") if isinstance(item, dict) else getattr(item, "id", None)
        if isinstance(key, str | int):
            key = str(key)
            if key in seen:
                raise ValueError(f"memories[{index}] has the same id as memories[{seen[key]}]: {key[:80]!r}")
            seen[key] = index
        out.append(item)
    return out


Memories = Annotated[list[Memory], BeforeValidator(_number)]
"""Zero to 100,000 memories with ids that are unique in the list."""

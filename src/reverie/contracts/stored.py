"""Memories that live here: what is sent to keep, change and read them, and what comes back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from reverie.contracts._base import AwareDatetime, Identifier, Request, Response
from reverie.contracts.analyze import AnalyzeResult
from reverie.contracts.cluster import ClusterResult
from reverie.contracts.common import CallbackUrl
from reverie.contracts.memory import (
    MAX_ACCESSES,
    MAX_KIND_CHARS,
    MAX_MEMORIES,
    MAX_SOURCE_CHARS,
    MAX_SPEAKER_CHARS,
    MemoryText,
    Metadata,
)
from reverie.contracts.recall import RecallOptions

__all__ = [
    "AddMemories",
    "Added",
    "Deleted",
    "DigestSettings",
    "InsightsView",
    "KeptMemory",
    "MemoryPage",
    "MemoryPatch",
    "NewMemory",
    "PersonSettings",
    "Place",
    "PutMemory",
    "RecallQuery",
    "Stale",
    "StoredMemory",
    "ThemesView",
    "Upkeep",
    "UpkeepResult",
    "UserPage",
    "UserSummary",
]

Upkeep = Literal["auto", "manual"]
"""Whether a user's views follow changes by themselves, or only when asked."""

Kind = Annotated[str, Field(max_length=MAX_KIND_CHARS)]
Source = Annotated[str, Field(max_length=MAX_SOURCE_CHARS)]
Speaker = Annotated[str, Field(max_length=MAX_SPEAKER_CHARS)]
Accesses = Annotated[int, Field(ge=0, le=MAX_ACCESSES, strict=True)]


class PutMemory(Request):
    """A memory whose id is known from elsewhere."""

    text: MemoryText = Field(description="What is remembered: 1 to 100,000 characters, not blank.")
    created_at: AwareDatetime | None = Field(
        default=None, description="When it was made, with a time zone; rhythms and recency need it."
    )
    last_accessed_at: AwareDatetime | None = Field(default=None, description="When it was last used, with a time zone.")
    access_count: Accesses | None = Field(default=None, description="How often it was used.")
    kind: Kind | None = Field(
        default=None, description='What sort of memory it is, in the bot\'s own words ("fact", "event", ...).'
    )
    source: Source | None = Field(default=None, description="Where it came from (a channel, a command).")
    speaker: Speaker | None = Field(default=None, description="Who said it, where that is not the user.")
    metadata: Metadata = Field(default_factory=dict, description="Anything of yours; kept and given back, never read.")
    pinned: bool | None = Field(default=None, description="Whether it is always worth keeping.")


class NewMemory(PutMemory):
    """A memory to keep. Only ``text`` is required; without ``id`` one is made."""

    id: Identifier | None = Field(default=None, description="Your id of the memory; one is made where there is none.")


def _a_list(items: Any) -> Any:
    """Strings become memories; ids that stand twice are refused by name."""
    if not isinstance(items, list | tuple):
        return items
    if len(items) > MAX_MEMORIES:
        raise ValueError(f"{len(items):,} memories; at most {MAX_MEMORIES:,} at once")
    seen: dict[str, int] = {}
    for index, item in enumerate(items):
        key = item.get("id") if isinstance(item, dict) else getattr(item, "id", None)
        if isinstance(key, str | int):
            first = seen.setdefault(str(key), index)
            if first != index:
                raise ValueError(f"memories[{index}] has the same id as memories[{first}]: {str(key)[:80]!r}")
    return [{"text": item} if isinstance(item, str) else item for item in items]


class AddMemories(Request):
    """Body of ``POST /users/{user_id}/memories``."""

    memories: Annotated[list[NewMemory], BeforeValidator(_a_list)] = Field(
        description="Up to 100,000 memories: objects, or plain strings."
    )
    upkeep: Upkeep | None = Field(
        default=None, description="From now on, whether the user's views follow changes by themselves."
    )


class MemoryPatch(Request):
    """Body of ``PATCH /users/{user_id}/memories/{memory_id}``: what is to change, and nothing else."""

    text: MemoryText | None = Field(default=None, description="Another text.")
    created_at: AwareDatetime | None = Field(default=None, description="Another date, or null for none.")
    last_accessed_at: AwareDatetime | None = Field(default=None, description="When it was last used; null for never.")
    access_count: Accesses | None = Field(default=None, description="How often it was used.")
    kind: Kind | None = Field(default=None, description="Another kind, or null for none.")
    source: Source | None = Field(default=None, description="Another source, or null for none.")
    speaker: Speaker | None = Field(default=None, description="Another speaker, or null for none.")
    metadata: Metadata | None = Field(default=None, description="Replaces the metadata.")
    pinned: bool | None = Field(default=None, description="Whether it is always worth keeping.")
    superseded_by: Identifier | None = Field(
        default=None, description="Id of the memory that took its place, or null for none."
    )
    accessed: Literal[True] | None = Field(default=None, description="Counts one access, now.")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("nothing to change")
        for name in ("text", "access_count", "metadata", "pinned", "accessed"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise ValueError(f"{name} cannot be null")
        if self.accessed and self.model_fields_set & {"access_count", "last_accessed_at"}:
            raise ValueError("accessed counts by itself; leave out access_count and last_accessed_at")
        return self


class Place(Response):
    """The theme that a memory belongs to."""

    theme_id: str = Field(description="Id of the theme.")
    label: str = Field(description="The theme's name.")
    provisional: bool = Field(default=True, description="Whether it was put there since the last upkeep.")


class StoredMemory(Response):
    """A memory that is kept here."""

    id: str = Field(description="Id of the memory.")
    text: str = Field(description="What is remembered.")
    created_at: datetime | None = Field(default=None, description="When it was made, as it was given.")
    added_at: datetime = Field(description="When it was first stored here.")
    last_accessed_at: datetime | None = Field(default=None, description="When it was last used.")
    access_count: int = Field(default=0, description="How often it was used.")
    kind: str | None = Field(default=None, description="What sort of memory it is.")
    source: str | None = Field(default=None, description="Where it came from.")
    speaker: str | None = Field(default=None, description="Who said it, where that is not the user.")
    metadata: dict[str, Any] = Field(default={}, description="What the client keeps with it.")
    pinned: bool = Field(default=False, description="Whether it is always worth keeping.")
    superseded_by: str | None = Field(default=None, description="Id of the memory that took its place.")
    superseded_because: str | None = Field(
        default=None, description="By which rule and which words; null where a person said so."
    )
    version: int = Field(description="The user's version with which it was last added or changed.")


class Added(Response):
    """What became of memories that were sent."""

    added: int = Field(description="Memories that are new.")
    updated: int = Field(description="Memories that were there with other content.")
    unchanged: int = Field(description="Memories that were there just so.")
    ids: list[str] = Field(description="Ids of the memories, in the order in which they were sent.")
    version: int = Field(description="The user's version now.")


class KeptMemory(Response):
    """One memory after it was put or changed."""

    memory: StoredMemory = Field(description="The memory.")
    version: int = Field(description="The user's version now.")
    place: Place | None = Field(default=None, description="The theme it was put into; null when that is not known yet.")


class MemoryPage(Response):
    """A page of memories, the newest first."""

    memories: list[StoredMemory] = Field(description="The memories, the newest first.")
    next_cursor: str | None = Field(default=None, description="Where the next page goes on; null on the last one.")
    version: int = Field(description="The user's version now; 0 where nothing was ever kept.")


class Deleted(Response):
    """What a deletion removed."""

    deleted: int = Field(description="Memories that are gone.")
    vectors: int = Field(description="Their vectors that are gone, of all models.")
    version: int = Field(description="The user's version now.")


class Stale(Response):
    """What a view does not know yet."""

    changes: int = Field(description="Memories added, changed or deleted since.")
    since: datetime = Field(description="When the first of these changes came.")


class DigestSettings(Request):
    """A summary of what changed, once a day or a week."""

    every: Literal["day", "week"] = Field(description="Its period.")
    hour: Annotated[int, Field(ge=0, le=23, strict=True)] = Field(
        default=8, description="Hour of the user's day at which it comes, 0 to 23."
    )
    url: CallbackUrl | None = Field(default=None, description="Where it is sent as a signed webhook.")


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise ValueError("is not a time zone; write it as Europe/Berlin") from None
    return name


Zone = Annotated[str, Field(max_length=64), AfterValidator(_zone)]
Language = Annotated[str, StringConstraints(pattern="^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{1,8})*$", max_length=35)]


class PersonSettings(Request):
    """What is kept on a user besides memories. Sent as a whole: what is left out is unset."""

    timezone: Zone | None = Field(default=None, description="Time zone by its IANA name; rhythms and digests go by it.")
    language: Language | None = Field(default=None, description="Language of the memories, as a BCP 47 tag.")
    upkeep: Upkeep | None = Field(
        default=None, description="Whether views follow changes by themselves; null: as the service is set."
    )
    digest: DigestSettings | None = Field(default=None, description="The digest; null for none.")
    callback_url: CallbackUrl | None = Field(
        default=None, description="Where themes.changed, insights.changed and digests are sent as signed webhooks."
    )


class UserSummary(Response):
    """A user who keeps memories."""

    user_id: str = Field(description="Id of the user.")
    memories: int = Field(description="Memories kept.")
    chars: int = Field(description="Characters of their texts.")
    version: int = Field(description="The user's version.")
    stale: Stale | None = Field(default=None, description="What the views do not know yet; null when they are current.")
    upkeep: Upkeep | None = Field(default=None, description="As in the user's settings.")
    upkept_at: datetime | None = Field(default=None, description="When the views were last brought up to date.")


class UserPage(Response):
    """A page of users, by id."""

    users: list[UserSummary] = Field(description="The users, by id.")
    next_cursor: str | None = Field(default=None, description="Where the next page goes on; null on the last one.")


class ThemesView(ClusterResult):
    """The current themes of a user's stored memories."""

    version: int = Field(description="The user's version that the view was made from.")
    as_of: datetime = Field(description="When its memories were read.")
    stale: Stale | None = Field(default=None, description="What the view does not know yet; null when it is current.")
    next_upkeep_at: datetime | None = Field(default=None, description="When it will be brought up to date.")
    provisional: list[str] = Field(
        default=[], description="Ids of memories that were put into these themes since, one by one."
    )


class InsightsView(AnalyzeResult):
    """The current analysis of a user's stored memories."""

    version: int = Field(description="The user's version that the view was made from.")
    as_of: datetime = Field(description="When its memories were read.")
    stale: Stale | None = Field(default=None, description="What the view does not know yet; null when it is current.")
    next_upkeep_at: datetime | None = Field(default=None, description="When it will be brought up to date.")


class UpkeepResult(Response):
    """What an upkeep came to; the views themselves are read at the user's themes and insights."""

    version: int = Field(description="The user's version that the views were made from.")
    as_of: datetime = Field(description="When its memories were read.")
    memories: int = Field(description="Memories in the views.")
    themes: int = Field(description="Themes of the view.")
    patterns: int = Field(description="Patterns of the view.")
    changed: dict[str, dict[str, Any]] = Field(
        default={}, description="What was told as events, by their type: themes.changed, insights.changed."
    )
    stats: dict[str, Any] = Field(default={}, description="Counts and timings of the run; further ones may appear.")


class RecallQuery(Request):
    """Body of ``POST /users/{user_id}/recall``."""

    query: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=8192)] = Field(
        description="The question, 1 to 8,192 characters."
    )
    options: RecallOptions = Field(default_factory=RecallOptions, description="How to rank.")

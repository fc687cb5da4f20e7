"""What a view looks like now: as it was computed, without what has gone since, with what was placed since."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from reverie.gateway.views.without import insights_without, themes_without
from reverie.store.view_store import Since, ViewFacts

__all__ = ["etag_of", "members_of_all_views", "shown_insights", "shown_themes"]


def etag_of(kind: str, facts: ViewFacts, next_at: datetime | None) -> str:
    """Strong: changes with everything that the body says."""
    parts = (kind, facts.person, facts.etag, facts.version, facts.placed, facts.changes, facts.first_change_at, next_at)
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=12).hexdigest()
    return f'"{digest}"'


def members_of_all_views(facts: ViewFacts, next_at: datetime | None) -> dict[str, Any]:
    """The members that every view has beside its result."""
    stale = {"changes": facts.changes, "since": facts.first_change_at} if facts.changes else None
    return {"version": facts.view_version, "as_of": facts.as_of, "stale": stale, "next_upkeep_at": next_at}


def shown_themes(body: bytes, side: bytes | None, since: Since, about: Mapping[str, Any]) -> bytes:
    """The JSON of the themes, from the stored result and what changed since. Without changes nothing is parsed."""
    if not since.gone:
        return _joined(body, {"provisional": [], **about})
    result = orjson.loads(body)
    themes_without(result, since.gone, orjson.loads(side) if side else _NO_SIDE)
    return orjson.dumps(result | {"provisional": _placed(result, since)} | dict(about))


def shown_insights(
    body: bytes, side: bytes | None, themes: tuple[bytes, bytes | None] | None, since: Since, about: Mapping[str, Any]
) -> bytes:
    """The JSON of the insights; ``themes`` (body and side) tell which words went with the memories that are gone."""
    if not since.gone:
        return _joined(body, about)
    lost: set[str] = set()
    if themes is not None:
        lost = themes_without(orjson.loads(themes[0]), since.gone, orjson.loads(themes[1]) if themes[1] else _NO_SIDE)
    result = orjson.loads(body)
    insights_without(result, since.gone, orjson.loads(side) if side else _NO_SIDE, lost)
    return orjson.dumps(result | dict(about))


_NO_SIDE: dict[str, Any] = {"at": {}, "day": {}, "words": {}}


def _placed(result: dict[str, Any], since: Since) -> list[str]:
    """Add memories that were placed since; those whose theme is no more stand alone."""
    themes = {theme["id"]: theme for theme in result["themes"]}
    for memory, theme_id in since.placed.items():
        theme = themes.get(theme_id) if theme_id is not None else None
        if theme is None:
            result["unclustered"].append(memory)
        else:
            theme["memory_ids"].append(memory)
            theme["size"] += 1
        result["assignments"][memory] = theme_id if theme is not None else None
    stats = result["stats"]
    if "memories" in stats:
        stats["memories"] = len(result["assignments"])
        stats["clustered"] = sum(theme["size"] for theme in result["themes"])
    return list(since.placed)


def _joined(body: bytes, more: Mapping[str, Any]) -> bytes:
    """A stored JSON object with further members."""
    return body[:-1] + b"," + orjson.dumps(dict(more))[1:]

"""What of a user's current view a context tells: read once for each state of the view, small enough to send along."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import orjson
from cachetools import LRUCache

from reverie.gateway.views.current import CurrentViews, Kind, NoViewYet
from reverie.store.view_store import ViewFacts

__all__ = ["ContextViews"]

_MOST_LASTING = 60
_MOST_THEMES = 60
_MOST_MEMBERS = 200
_MOST_PATTERNS = 8
_MOST_REPEATS = 300
_KEPT = 256
"""Users whose parts are kept in memory, by the ETag of their view."""
_INLINE = 64 * 1024


class ContextViews:
    """The parts of views that contexts need."""

    def __init__(self, views: CurrentViews) -> None:
        self._views = views
        self._known: LRUCache[tuple[str, str, Kind], tuple[str, dict[str, Any]]] = LRUCache(_KEPT)

    async def get(self, tenant: str, user_id: str) -> dict[str, Any] | None:
        """``{themes, importance, patterns, repeats, version, as_of, stale}``; without a view, ``{}``; None for a user
        who keeps nothing."""
        facts = await self._views.facts(tenant, user_id, ("themes", "insights"))
        if not facts:
            return None
        try:
            themes, insights = await asyncio.gather(
                self._part(tenant, user_id, "themes", facts["themes"]),
                self._part(tenant, user_id, "insights", facts["insights"]),
            )
        except NoViewYet:
            return {}
        return {**themes, **insights}

    async def _part(self, tenant: str, user_id: str, kind: Kind, facts: ViewFacts) -> dict[str, Any]:
        name = tenant, user_id, kind
        etag, part = self._known.get(name, ("", {}))
        shown = await self._views.get(tenant, user_id, kind, if_none_match=etag or None, facts=facts)
        if shown.body is None:
            return part
        body = shown.body
        made = _MAKERS[kind]
        part = made(body) if len(body) <= _INLINE else await asyncio.to_thread(made, body)
        self._known[name] = shown.etag, part
        return part


def _themes(body: bytes) -> dict[str, Any]:
    view = orjson.loads(body)
    themes = sorted(view["themes"], key=lambda theme: (_moment(theme["last_at"]), theme["size"]), reverse=True)
    kept = ("id", "label", "size", "last_at")
    return {
        "themes": [{name: theme[name] for name in kept} for theme in themes[:_MOST_THEMES]],
        "version": view["version"],
        "as_of": view["as_of"],
        "stale": view["stale"],
    }


def _moment(value: str | None) -> float:
    return datetime.fromisoformat(value).timestamp() if value else 0.0


def _insights(body: bytes) -> dict[str, Any]:
    view = orjson.loads(body)
    lasting = [entry for entry in view["importance"] if entry.get("boundary")][:_MOST_LASTING]
    lasting += [entry for entry in view["importance"] if entry.get("core") and not entry.get("boundary")]
    named = ("memory_id", "score", "rank", "core", "boundary", "kind", "reason")
    same = [group["memory_ids"] for group in view["duplicates"] if group["kind"] in ("exact", "normalized", "near")]
    return {
        "importance": [{n: e[n] for n in named if n in e} for e in lasting[: 2 * _MOST_LASTING]],
        "patterns": [
            {
                "kind": p["kind"],
                "description": p["description"],
                "details": p.get("details") or {},
                "strength": p["strength"],
                "p_value": p["p_value"],
                "memory_ids": p["memory_ids"][:_MOST_MEMBERS],
            }
            for p in view["patterns"][:_MOST_PATTERNS]
        ],
        "repeats": [ids[:_MOST_MEMBERS] for ids in same[:_MOST_REPEATS]],
    }


_MAKERS = {"themes": _themes, "insights": _insights}

"""A user's current views, read without a worker: from Redis where they were shown before, else from PostgreSQL."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from redis.exceptions import RedisError

from reverie.aio.background import Background
from reverie.errors import NotFound
from reverie.gateway.http.responses import matches
from reverie.gateway.views.plan import next_upkeep_at
from reverie.gateway.views.show import etag_of, members_of_all_views, shown_insights, shown_themes
from reverie.queue.cache import PUT_SCRIPT, gone_key, shown_key
from reverie.queue.redis_connection import RedisConnection
from reverie.settings import UpkeepSettings
from reverie.store import Codec, places
from reverie.store.view_store import StoredView, ViewFacts, ViewStore

__all__ = ["CurrentViews", "NoViewYet", "Shown"]

log = logging.getLogger(__name__)

Kind = Literal["themes", "insights"]

_FORMAT = "3:"
"""Goes before the kind: a gateway of another version must not read what it does not know."""
_KEEP = 3600
"""Seconds that a shown view stays cached."""
_MOST_BYTES = 1024 * 1024
"""Larger views are made anew each time: the cache must leave Redis memory for the queue."""
_INLINE = 64 * 1024
"""Stored bytes up to which a view is made on the event loop, in a few milliseconds."""


class NoViewYet(NotFound):
    """There is no view of this user's memories yet."""

    slug = "no-view-yet"


@dataclass(frozen=True, slots=True)
class Shown:
    """A view as it is answered; ``body`` is None where the caller has it already."""

    etag: str
    body: bytes | None
    facts: ViewFacts


class CurrentViews:
    """Reads views. Without Redis every one is made anew."""

    def __init__(self, views: ViewStore, codec: Codec, redis_url: str | None, settings: UpkeepSettings) -> None:
        self._views = views
        self._codec = codec
        self._settings = settings
        self._line = RedisConnection(redis_url, seconds=0.25) if redis_url else None
        self._quiet_until = 0.0
        self._background = Background()

    async def close(self) -> None:
        """Close the connection."""
        await self._background.stop()
        if self._line is not None:
            await self._line.close()

    async def facts(self, tenant: str, user_id: str, kinds: Sequence[Kind]) -> dict[str, ViewFacts]:
        """What decides the views of these kinds at this moment; empty for a user who keeps nothing."""
        return await self._views.facts_of(tenant, user_id, kinds)

    async def get(
        self,
        tenant: str,
        user_id: str,
        kind: Kind,
        *,
        if_none_match: str | None = None,
        facts: ViewFacts | None = None,
    ) -> Shown:
        """The view of a kind as it is at this moment; ``facts``: what was read of it just now.

        Raises ``NoViewYet`` before the first one, with ``stale`` and ``next_upkeep_at`` for a user who keeps memories.
        """
        if facts is None:
            facts = await self._views.facts(tenant, user_id, kind)
        if facts is None:
            raise NoViewYet("Nothing is stored for this user.", stale=None, next_upkeep_at=None)
        next_at = next_upkeep_at(facts, self._settings, tenant)
        about = members_of_all_views(facts, next_at)
        if facts.view_version is None:
            stale = about["stale"]
            raise NoViewYet(
                stale=stale and {**stale, "since": stale["since"].isoformat()},
                next_upkeep_at=next_at.isoformat() if next_at else None,
            )
        etag = etag_of(kind, facts, next_at)
        if matches(if_none_match, etag):
            return Shown(etag, None, facts)
        body = await self._at_hand(tenant, user_id, kind, etag)
        if body is None:
            stored = await self._views.view(facts.person, kind)
            if stored is None:
                raise NoViewYet
            if stored.version != facts.view_version:
                # An upkeep ended in between: this view is newer than the version that would stand beside it.
                return await self.get(tenant, user_id, kind, if_none_match=if_none_match)
            body = await self._made(tenant, user_id, facts, kind, stored, about)
            if len(body) <= _MOST_BYTES * 8:
                self._keep_later(tenant, user_id, kind, etag, facts, body)
        return Shown(etag, body, facts)

    async def _made(
        self, tenant: str, user_id: str, facts: ViewFacts, kind: Kind, stored: StoredView, about: dict[str, Any]
    ) -> bytes:
        # Asked after the view was read: what changed in between is then in it or in this.
        since = await self._views.since(facts.person, stored.version)
        themes = await self._views.view(facts.person, "themes") if kind == "insights" and since.gone else None
        codec = self._codec

        def make() -> bytes:
            body = codec.load(stored.body, places.view(tenant, user_id, kind))
            side = None
            if stored.side and since.gone:
                side = codec.load(stored.side, places.side(tenant, user_id, kind))
            if kind == "themes":
                return shown_themes(body, side, since, about)
            beside = None
            if themes is not None and themes.version == stored.version:
                of_themes = codec.load(themes.side, places.side(tenant, user_id, "themes")) if themes.side else None
                beside = codec.load(themes.body, places.view(tenant, user_id, "themes")), of_themes
            return shown_insights(body, side, beside, since, about)

        return await _off_loop(make, len(stored.body))

    async def _at_hand(self, tenant: str, user_id: str, kind: Kind, etag: str) -> bytes | None:
        if self._line is None or time.monotonic() < self._quiet_until:
            return None
        try:
            [value] = await self._line.ask([("HGET", shown_key(tenant, user_id), _FORMAT + kind)])
        except (RedisError, OSError, TimeoutError) as error:
            self._away(error)
            return None
        head = etag.encode()
        if not isinstance(value, bytes) or not value.startswith(head):
            return None
        packed = value[len(head) :]
        place = places.shown_view(tenant, user_id, kind, etag)
        return await _off_loop(lambda: self._codec.load(packed, place), len(packed))

    def _keep_later(self, tenant: str, user_id: str, kind: Kind, etag: str, facts: ViewFacts, body: bytes) -> None:
        if self._line is None or time.monotonic() < self._quiet_until or facts.as_of is None:
            return
        read_ms = int(facts.as_of.timestamp() * 1000)
        self._background.soon(self._keep(tenant, user_id, kind, etag, read_ms, body), "keep-view")

    async def _keep(self, tenant: str, user_id: str, kind: Kind, etag: str, read_ms: int, body: bytes) -> None:
        assert self._line is not None
        packed = await asyncio.to_thread(self._codec.save, body, places.shown_view(tenant, user_id, kind, etag))
        if len(packed) > _MOST_BYTES:
            return
        where = shown_key(tenant, user_id), gone_key(tenant, user_id)
        try:
            # A user who was erased after these memories were read leaves nothing behind.
            await self._line.run(PUT_SCRIPT, where, [read_ms, _KEEP, _FORMAT + kind, etag.encode() + packed])
        except (RedisError, OSError, TimeoutError) as error:
            self._away(error)

    def _away(self, error: Exception) -> None:
        self._quiet_until = time.monotonic() + 1.0
        log.debug("views in Redis not used: %s", error)


async def _off_loop(work: Callable[[], bytes], size: int) -> bytes:
    return work() if size <= _INLINE else await asyncio.to_thread(work)

"""Digests: what happened to a person's memories in a day or a week, sent once, at an hour of their own day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import psycopg

from reverie.gateway.push.hub import Hub
from reverie.store import Codec, places
from reverie.store.happenings import event_of
from reverie.store.people import event_webhook
from reverie.store.sql import fetch_all, fetch_one, sql

__all__ = ["DigestRound", "next_digest", "period_of"]

_ROUND = 50
"""Most digests that one round makes."""
_MOST_CHANGES = 20
"""Changes of themes and insights that a digest lists."""


def _zone(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def next_digest(every: str, hour: int, timezone: str | None, after: datetime) -> datetime:
    """The next moment after ``after`` at which the person's clock shows ``hour``; for weeks, on a Monday.

    An hour that a clock change leaves out comes when the clock has passed it, one that it repeats comes at the first.
    """
    zone = _zone(timezone)
    day = after.astimezone(zone).date()
    while True:
        moment = datetime.combine(day, time(hour), zone).astimezone(UTC)
        if moment > after and (every == "day" or day.weekday() == 0):
            return moment
        day += timedelta(days=1)


def period_of(every: str, timezone: str | None, due: datetime) -> tuple[str, date, date]:
    """``(key, first day, last day)`` of the period that a digest due at ``due`` tells of, in the person's days."""
    day = due.astimezone(_zone(timezone)).date()
    if every == "day":
        return f"day {day}", day - timedelta(days=1), day - timedelta(days=1)
    monday = day - timedelta(days=day.weekday())
    return f"week {monday}", monday - timedelta(days=7), monday - timedelta(days=1)


class DigestRound:
    """Makes the digests that are due. Runs in the gateway that sweeps; exactly once all the same."""

    def __init__(self, hub: Hub, codec: Codec) -> None:
        self._hub = hub
        self._codec = codec
        #: Digests made since the start.
        self.made = 0

    async def round(self, connection: psycopg.AsyncConnection[dict[str, Any]]) -> None:
        """Each person in a transaction of their own: the digest, its webhook and the next time commit together."""
        for _ in range(_ROUND):
            async with connection.transaction():
                row = await fetch_one(connection, "due_digest")
                if row is None:
                    return
                event = await self._digest(connection, row)
            if event is not None:
                self.made += 1
                self._hub.publish_event(row["tenant"], event)

    async def _digest(
        self, connection: psycopg.AsyncConnection[dict[str, Any]], row: dict[str, Any]
    ) -> dict[str, Any] | None:
        settings = self._settings(row)
        wanted = settings.get("digest")
        if wanted is None:
            await connection.execute(sql("set_digest"), {"person": row["id"], "at": None, "version": row["version"]})
            return None
        zone = settings.get("timezone")
        due = max(row["digest_at"], row["now"] - timedelta(days=8))
        key, first, last = period_of(wanted["every"], zone, due)
        following = next_digest(wanted["every"], wanted["hour"], zone, row["now"])
        which = {"person": row["id"], "since": row["digest_version"], "happened": row["digest_happening"] or 0}
        counts = await fetch_one(connection, "digest_counts", **which)
        happened = await fetch_all(connection, "digest_happenings", **which)
        written = None
        if counts is not None and (counts["changed"] or counts["forgotten"] or happened):
            body = {
                "every": wanted["every"],
                "from": first.isoformat(),
                "to": last.isoformat(),
                "timezone": zone or "UTC",
                "version": row["version"],
                "memories": {"kept": row["memories"], "changed": counts["changed"], "deleted": counts["forgotten"]},
                "changes": [
                    {"type": one["kind"], "at": one["at"], **self._said(row, one)} for one in happened[:_MOST_CHANGES]
                ],
            }
            new = {"person": row["id"], "kind": "digest", "key": key, "task_id": f"digest-{row['id']}-{key}"}
            place = places.event(row["tenant"], row["user_id"], "digest", key)
            sealed = self._codec.save(orjson.dumps(body), place)
            written = await fetch_one(connection, "insert_happening", **new, body=sealed)
            url = wanted.get("url") or settings.get("callback_url")
            if written is not None and url:
                hook = event_webhook(self._codec, row["tenant"], written["id"], url)
                await connection.execute(sql("insert_happening_webhook"), hook)
        last_happening = max([one["id"] for one in happened], default=row["digest_happening"])
        done = {"person": row["id"], "at": following, "version": row["version"], "happening": last_happening}
        await connection.execute(sql("set_digest_done"), done)
        if written is None:
            return None
        event = {"id": written["id"], "kind": "digest", "task_id": new["task_id"], "at": written["at"]}
        return event_of({**event, "user_id": row["user_id"]})

    def _settings(self, row: dict[str, Any]) -> dict[str, Any]:
        if not row["settings"]:
            return {}
        place = places.settings(row["tenant"], row["user_id"])
        settings: dict[str, Any] = orjson.loads(self._codec.load(bytes(row["settings"]), place))
        return settings

    def _said(self, row: dict[str, Any], happening: dict[str, Any]) -> dict[str, Any]:
        place = places.event(row["tenant"], row["user_id"], happening["kind"], happening["key"])
        said: dict[str, Any] = orjson.loads(self._codec.load(bytes(happening["body"]), place))
        return said

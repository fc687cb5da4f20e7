"""Events of stored memories: changed themes and insights as they come, digests once a period."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from reverie.gateway.views.digest import DigestRound, next_digest, period_of
from reverie.store import Codec, decompressed
from tests.gateway.keeping import forget, keep, some
from tests.live import LiveService


@pytest.mark.parametrize(
    ("hour", "after", "expected"),
    [
        (8, "2026-05-04T05:59:59Z", "2026-05-04T06:00:00Z"),  # eight in Berlin is six in UTC in summer
        (8, "2026-05-04T06:00:00Z", "2026-05-05T06:00:00Z"),
        (2, "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),  # clocks go from two to three: it comes at three
        (2, "2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"),
        (2, "2026-10-24T12:00:00Z", "2026-10-25T00:00:00Z"),  # two o'clock comes twice: the first counts
        (2, "2026-10-25T00:00:00Z", "2026-10-26T01:00:00Z"),
    ],
)
def test_a_digest_comes_once_a_day_at_its_hour_whatever_the_clocks_do(hour: int, after: str, expected: str) -> None:
    moment = next_digest("day", hour, "Europe/Berlin", datetime.fromisoformat(after))
    assert moment == datetime.fromisoformat(expected)


def test_a_week_s_digest_comes_on_monday_and_tells_of_the_week_before() -> None:
    due = next_digest("week", 8, "America/New_York", datetime(2026, 3, 4, tzinfo=UTC))
    assert due.isoformat() == "2026-03-09T12:00:00+00:00"  # summer time began the night before
    key, first, last = period_of("week", "America/New_York", due)
    assert (key, str(first), str(last)) == ("week 2026-03-09", "2026-03-02", "2026-03-08")


@pytest.fixture(scope="module")
def kept(database_url: str, redis_url: str) -> Iterator[LiveService]:
    """A service that starts upkeep only when it is asked."""
    with LiveService(database_url, redis_url, environment={"REVERIE_UPKEEP": "manual"}) as live:
        yield live
        live.check_invariants()


async def events_of(live: LiveService, user: str, act: Any, wanted: int) -> list[dict[str, Any]]:
    """The first events of a user that are no task's, from before ``act`` on."""
    found: list[dict[str, Any]] = []
    async with (
        live.session() as session,
        asyncio.timeout(60),
        session.ws_connect(f"/results?user_id={user}") as socket,
    ):
        await asyncio.to_thread(act)
        while len(found) < wanted:
            event = (await socket.receive()).json()
            if event.get("event_id"):
                found.append(event)
    return found


async def test_new_themes_are_told_on_the_users_stream_once(kept: LiveService) -> None:
    def act() -> None:
        keep(kept.database_url, "told", some(24))
        with kept.client() as client:
            client.post("/users/told/upkeep")

    [event] = await events_of(kept, "told", act, 1)
    assert event["type"] == "themes.changed"
    assert event["user_id"] == "told"
    assert len(event["data"]["born"]) >= 2
    assert event["data"]["version"] == 1
    rows = kept.rows("SELECT kind FROM happenings h JOIN people p ON p.id = h.person WHERE p.user_id = 'told'")
    assert [row["kind"] for row in rows] == ["themes.changed"]


class _Told:
    """Stands in for the hub: notes what it is told."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def publish_event(self, tenant: str, event: dict[str, Any]) -> None:
        self.events.append(event)


async def rounds(url: str, told: _Told, times: int) -> None:
    """So many rounds of as many sweepers at the same time."""

    async def one() -> None:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True, row_factory=dict_row) as connection:
            await DigestRound(told, Codec()).round(connection)  # type: ignore[arg-type]

    await asyncio.gather(*(one() for _ in range(times)))


def make_due(kept: LiveService, user: str) -> None:
    kept.rows(
        "UPDATE people SET digest_at = clock_timestamp() - interval '1 minute' WHERE user_id = %s RETURNING 1", user
    )


async def test_a_digest_comes_once_a_period_and_not_for_nothing(kept: LiveService) -> None:
    with kept.client() as client:
        wish = {"timezone": "Europe/Berlin", "digest": {"every": "day", "hour": 8}}
        assert client.put("/users/daily/settings", json=wish).status_code == 200
        made = kept.rows("SELECT digest_at > now() AS later FROM people WHERE user_id = 'daily'")
        assert made == [{"later": True}]
        await asyncio.to_thread(keep, kept.database_url, "daily", some(6))
        await asyncio.to_thread(forget, kept.database_url, "daily", ["m1"])
        # The service's own sweeper takes part as well: whoever makes it, there is one.
        make_due(kept, "daily")
        await rounds(kept.database_url, _Told(), 4)
        query = "SELECT h.body FROM happenings h JOIN people p ON p.id = h.person WHERE p.user_id = 'daily'"
        [row] = kept.rows(query)
        assert b'"deleted":1' in decompressed(bytes(row["body"]))
        await asyncio.to_thread(keep, kept.database_url, "daily", some(1, first=9))
        for _ in range(2):  # the clock is set back: the period was told of already
            make_due(kept, "daily")
            await rounds(kept.database_url, _Told(), 2)
        assert len(kept.rows(query)) == 1
        assert kept.rows("SELECT digest_at > now() AS later FROM people WHERE user_id = 'daily'") == made

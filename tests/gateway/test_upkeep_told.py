"""What upkeep tells of: new patterns, once each, on the stream and as signed webhooks. And whose upkeep is off."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reverie.errors import WrongSetting
from reverie.settings import UpkeepSettings
from reverie.store import KeyStore
from tests.gateway.keeping import keep, some
from tests.gateway.receiver import Receiver
from tests.gateway.test_digests import events_of
from tests.gateway.test_upkeep import current
from tests.live import LiveService


@pytest.fixture(scope="module")
def kept(database_url: str, redis_url: str) -> Iterator[LiveService]:
    """A service whose upkeep comes at once, but for the tenant ``slow``; it may call 127.0.0.1."""
    environment = {
        "REVERIE_UPKEEP_QUIET": "0",
        "REVERIE_UPKEEP_PAUSE": "0",
        "REVERIE_UPKEEP_TENANTS": '{"slow": "manual"}',
        "REVERIE_WEBHOOK_ALLOW": "127.0.0.1/32",
        "REVERIE_WEBHOOK_RETRY": "0.02",
    }
    with LiveService(database_url, redis_url, environment=environment) as live:
        yield live
        live.check_invariants()


def sundays(count: int, *, first: int = 0) -> list[dict[str, Any]]:
    """A walk every Sunday morning."""
    start = datetime(2025, 3, 2, 9, 30, tzinfo=UTC)
    return [
        {
            "id": f"s{n}",
            "text": f"tomato soil seed walk {n}",
            "created_at": start + timedelta(days=7 * n, minutes=n % 7),
        }
        for n in range(first, first + count)
    ]


async def test_new_patterns_are_told_once_on_the_stream_and_as_a_signed_webhook(kept: LiveService) -> None:
    async with kept.session() as session, Receiver() as receiver:
        async with session.get("/webhooks/secret") as answer:
            receiver.secret = (await answer.json())["secret"]
        wish = {"callback_url": receiver.url("told"), "upkeep": "manual"}
        async with session.put("/users/walker/settings", json=wish) as answer:
            assert answer.status == 200, await answer.text()

        def act() -> None:
            keep(kept.database_url, "walker", sundays(40))
            with kept.client() as client:
                assert client.post("/users/walker/upkeep").status_code == 202

        events = {event["type"]: event for event in await events_of(kept, "walker", act, 2)}
        told = events["insights.changed"]
        assert told["user_id"] == "walker"
        assert told["data"]["version"] == 1
        assert "weekly_rhythm" in {pattern["kind"] for pattern in told["data"]["patterns"]}
        assert told["data"]["stopped"] == []
        messages = {message.body["type"]: message for message in await receiver.wait("told", 2)}
        assert set(messages) == {"themes.changed", "insights.changed"}
        assert all(message.valid for message in messages.values())
        assert messages["insights.changed"].body["data"]["patterns"] == told["data"]["patterns"]

        version = await asyncio.to_thread(keep, kept.database_url, "walker", sundays(1, first=40))
        with kept.client() as client:
            client.post("/users/walker/upkeep")
            await asyncio.to_thread(current, client, "walker", version, "insights")
        query = "SELECT kind FROM happenings h JOIN people p ON p.id = h.person WHERE p.user_id = 'walker' ORDER BY 1"
        # The same rhythm, a week longer, is no news.
        assert [row["kind"] for row in kept.rows(query)] == ["insights.changed", "themes.changed"]
        assert len(receiver.of("told")) == 2


def test_upkeep_is_off_for_a_tenant_and_on_for_a_user_of_it_who_wants_it(kept: LiveService) -> None:
    key = KeyStore(kept.database_url).create("slow", tenant="slow")
    with kept.client() as client:
        client.headers["authorization"] = f"Bearer {key}"
        for user in ("eager", "usual"):
            keep(kept.database_url, user, some(6), tenant="slow")
        assert client.get("/users/usual/themes").json()["next_upkeep_at"] is None
        assert client.put("/users/eager/settings", json={"upkeep": "auto"}).status_code == 200
        current(client, "eager", 1)
    other = keep(kept.database_url, "another", some(6))
    with kept.client() as client:
        current(client, "another", other)  # planned after the first one of the other tenant was looked at
    tasks = kept.rows("SELECT user_id FROM tasks WHERE tenant = 'slow' AND operation = 'upkeep'")
    assert [row["user_id"] for row in tasks] == ["eager"]


def test_a_tenant_s_say_goes_before_the_services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVERIE_UPKEEP", "manual")
    monkeypatch.setenv("REVERIE_UPKEEP_TENANTS", '{"acme": "auto"}')
    settings = UpkeepSettings()
    assert (settings.upkeep_of("acme"), settings.upkeep_of("other")) == ("auto", "manual")
    monkeypatch.setenv("REVERIE_UPKEEP_TENANTS", "acme=auto")
    with pytest.raises(WrongSetting, match="REVERIE_UPKEEP_TENANTS"):
        UpkeepSettings()

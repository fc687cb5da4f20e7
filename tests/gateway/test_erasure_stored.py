"""After an erasure nothing holds the words, the vectors or the ids of a user whose memories lived here."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp

from reverie.embedded import RunningServers
from tests.gateway.holding import cached, dump, files, holds, rewrite_append_only_file
from tests.gateway.keeping import some
from tests.live import LiveService

WORD = "quibblesome"
USER = "the-one-who-left"
HOOK = f"https://example.org/{WORD}"


def memories() -> list[dict[str, Any]]:
    dated = [{**one, "created_at": one["created_at"].isoformat()} for one in some(30)]
    return [{**one, "id": f"{WORD}-{one['id']}", "text": f"{one['text']} {WORD} {n}"} for n, one in enumerate(dated)]


async def ended(session: aiohttp.ClientSession, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """The answer to a request; of a task once it has ended."""
    async with session.post(path, json=body) as answer:
        assert answer.status in (200, 202), await answer.text()
        told: dict[str, Any] = await answer.json()
    while told.get("status") in ("queued", "running"):
        async with session.get(f"/results/{told['id']}", params={"wait": "10"}) as answer:
            assert answer.status in (200, 202), await answer.text()
        async with session.get(f"/tasks/{told['id']}") as answer:
            told = await answer.json()
    assert told.get("status", "succeeded") == "succeeded", told
    return told


async def live_here(session: aiohttp.ClientSession) -> None:
    """Everything that leaves something behind: adds, changes, views, events, questions, webhooks."""
    settings = {"language": "de", "callback_url": HOOK, "digest": {"every": "day", "hour": 7, "url": HOOK}}
    async with session.put(f"/users/{USER}/settings", json=settings) as answer:
        assert answer.status == 200, await answer.text()
    body = {"memories": memories(), "upkeep": "manual"}
    for _ in range(2):  # the second time from what is kept under the key
        async with session.post(
            f"/users/{USER}/memories", json=body, headers={"idempotency-key": f"{WORD}-key"}
        ) as answer:
            assert answer.status == 200, await answer.text()
    await ended(session, f"/users/{USER}/upkeep")
    for kind in ("themes", "insights"):  # which are at hand in Valkey from now on
        async with session.get(f"/users/{USER}/{kind}") as answer:
            assert answer.status == 200
    async with session.put(f"/users/{USER}/memories/{WORD}-new", json={"text": f"guitar chord song {WORD}"}) as answer:
        assert answer.status == 201
    for number, name in enumerate(("Anna", "Bea")):  # one takes the other's place
        told = {"text": f"My name is {name} {WORD}", "created_at": f"2026-03-0{number + 1}T10:00:00Z"}
        async with session.put(f"/users/{USER}/memories/{WORD}-name-{number}", json=told) as answer:
            assert answer.status == 201
    async with session.delete(f"/users/{USER}/memories/{WORD}-m3") as answer:
        assert (await answer.json())["deleted"] == 1
    for number in range(2):
        await ended(session, f"/users/{USER}/recall", {"query": f"{WORD} {number}"})
        await ended(session, f"/users/{USER}/context", {"query": f"{WORD} {number}", "max_tokens": 300})
    await ended(session, f"/users/{USER}/upkeep")
    await ended(session, "/analyze/submit", {"user_id": USER, "callback_url": HOOK})


async def test_an_erasure_leaves_nothing_of_stored_memories_anywhere_also_after_upkeep(
    service: LiveService, servers: RunningServers
) -> None:
    async with service.session(prefer="wait=30") as session:
        await live_here(session)
        vectors = [bytes(row["vector"]) for row in service.rows("SELECT vector FROM vectors WHERE user_id = %s", USER)]
        assert len(vectors) >= 30
        [person] = [row["id"] for row in service.rows("SELECT id FROM people WHERE user_id = %s", USER)]
        held = dump(service.database_url)
        assert holds(held, WORD)
        assert any(vectors[0] in value for value in held)
        assert holds(cached(service.redis_url), WORD)
        # What has a column for a user or a person: a table that is added is searched, too.
        of_person = [
            row["name"]
            for row in service.rows(
                "SELECT table_name AS name FROM information_schema.columns "
                "WHERE table_schema = 'public' AND column_name = 'person'"
            )
        ]
        filled = [t for t in of_person if service.rows(f"SELECT 1 FROM {t} WHERE person = %s LIMIT 1", person)]
        assert set(filled) >= {"memories", "forgotten", "views", "happenings", "idempotency"}
        # One more upkeep is under way when everything goes.
        async with session.post(f"/users/{USER}/upkeep") as answer:
            assert answer.status == 202
        async with session.delete(f"/users/{USER}") as answer:
            assert answer.status == 200, await answer.text()
        for again in range(2):  # at once, and after upkeep has run
            await asyncio.to_thread(rewrite_append_only_file, service.redis_url)
            for where in (dump(service.database_url), cached(service.redis_url)):
                assert not holds(where, WORD, USER), again
                assert not [one for one in vectors if any(one in value for value in where)], again
            for table in of_person:
                assert service.rows(f"SELECT 1 FROM {table} WHERE person = %s", person) == [], table
            told = files(servers.data_dir / "valkey", service.data_dir)
            found = [path.name for path, raw in told if holds([raw], WORD, USER) or any(one in raw for one in vectors)]
            assert found == [], again
            async with session.post(f"/users/{USER}/upkeep") as answer:
                assert answer.status == 404
            other = {"memories": [f"rain on the roof, day {n}" for n in range(12)], "upkeep": "manual"}
            await ended(session, "/users/somebody-else/memories", other)
            await ended(session, "/users/somebody-else/upkeep")

"""Stored memories in trouble: killed gateways, many writers, large bodies, erasure, keys of old."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
import redis

from reverie import AsyncReverie
from reverie.cli import main
from reverie.store import Codec
from reverie.store.reencrypt import reencrypt
from tests.live import LiveService

_numbers = itertools.count()
TABLES = (
    *("memories", "people", "forgotten", "views", "idempotency"),
    *("vectors", "themes", "tasks", "payloads", "results"),
)


@pytest.fixture
def user() -> str:
    """A user nobody else has."""
    return f"reliable-{next(_numbers)}"


@pytest.fixture
def client(service: LiveService) -> Iterator[httpx.Client]:
    with service.client() as client:
        yield client


async def test_many_writers_of_one_user_lose_nothing_and_count_right(service: LiveService, user: str) -> None:
    async with AsyncReverie(service.url, service.key) as ai:
        one = ai.user(user)

        async def write(writer: int) -> None:
            for turn in range(12):
                await one.remember(f"of {writer}", id=f"{writer}-{turn}")
                await one.remember("shared by all", id=f"shared-{turn}")
                if turn % 4 == 3:
                    await one.forget(f"{writer}-{turn - 1}")

        await asyncio.gather(*(write(writer) for writer in range(10)))
        found = {m.id async for m in one.memories()}
        wanted = {f"{w}-{t}" for w in range(10) for t in range(12) if t not in (2, 6, 10)}
        assert found == wanted | {f"shared-{t}" for t in range(12)}
        summary = next(u for u in [u async for u in ai.users()] if u.user_id == user)
        assert summary.memories == len(found)
        assert summary.version <= 10 * 15 + 12


@pytest.mark.parametrize("lines", [True, False])
async def test_a_large_body_is_kept_as_a_whole_while_others_are_answered(
    service: LiveService, user: str, lines: bool
) -> None:
    memories = [{"id": f"m{n}", "text": f"memory {n} " + "x" * 80} for n in range(12_000)]
    body = "\n".join(map(json.dumps, memories)) if lines else json.dumps({"memories": memories})
    kind = "application/x-ndjson" if lines else "application/json"
    key = {"content-type": kind, "idempotency-key": f"large {user} {lines}"}
    async with service.session() as session, AsyncReverie(service.url, service.key) as ai:
        adding = asyncio.create_task(session.post(f"/users/{user}/memories", data=body, headers=key).__aenter__())
        others = 0
        while not adding.done():
            await ai.user(f"{user}-other").remember("quick", id=f"{others}")
            others += 1
        answer = await adding
        assert answer.status == 200, await answer.text()
        got = await answer.json()
        assert (got["added"], len(got["ids"]), got["version"]) == (12_000, 12_000, 1)
        assert others > 1
        async with session.post(f"/users/{user}/memories", data=body, headers=key) as again:
            assert await again.json() == got, "the key replays"
        wrong = [*memories[:11_000], {"id": "new", "text": "new"}, {"id": "bad", "text": ""}]
        body = "\n".join(map(json.dumps, wrong)) if lines else json.dumps({"memories": wrong})
        async with session.post(f"/users/{user}/memories", data=body, headers={"content-type": kind}) as refused:
            assert refused.status == 422
            assert ("line 11002" if lines else "memories[11001].text") in await refused.text()
        async with session.get(f"/users/{user}/memories/new") as missing:
            assert missing.status == 404, "of a body all memories are kept, or none"


async def test_an_add_whose_gateway_is_killed_is_there_once_after_a_retry(database_url: str, redis_url: str) -> None:
    with LiveService(database_url, redis_url, workers={}) as live:
        acknowledged: list[str] = []
        pending: list[tuple[dict[str, Any], dict[str, str]]] = []

        def add(turn: int, stop: threading.Event) -> None:
            """One memory after the other, until a request gets no answer."""
            with live.client() as client:
                for n in itertools.count():
                    body = {"memories": [f"memory {turn}-{n}"]}
                    headers = {"idempotency-key": f"{turn}-{n}"}
                    try:
                        assert client.post("/users/k/memories", json=body, headers=headers).status_code == 200
                    except httpx.HTTPError:
                        pending.append((body, headers))
                        return
                    acknowledged.extend(body["memories"])
                    if stop.is_set():
                        return

        for turn in range(3):
            stop = threading.Event()
            thread = threading.Thread(target=add, args=(turn, stop))
            thread.start()
            while len(acknowledged) < 30 * (turn + 1):
                await asyncio.sleep(0.01)
            live.kill("gateway0")
            stop.set()
            thread.join()
            live.start_gateway()
            live.wait_ready()
            with live.client() as client:
                for body, headers in pending:
                    answer = client.post("/users/k/memories", json=body, headers=headers)
                    assert answer.status_code == 200, answer.text
                    acknowledged += body["memories"]
                pending.clear()
        async with AsyncReverie(live.url, live.key) as ai:
            texts = [m.text async for m in ai.user("k").memories()]
        assert sorted(texts) == sorted(set(texts)), "none twice"
        assert set(acknowledged) <= set(texts), "none lost"


def test_erasing_a_user_leaves_nothing_of_theirs(
    service: LiveService, client: httpx.Client, user: str, redis_url: str
) -> None:
    secret = f"xylophonic-{user}"
    texts = [f"{secret} memory {n}" for n in range(20)]
    body = {"memories": [{"id": f"{secret}-{n}", "text": text} for n, text in enumerate(texts)]}
    key = {"idempotency-key": f"{secret}-key"}
    assert client.post(f"/users/{secret}/memories", json=body, headers=key).status_code == 200
    assert client.put(f"/users/{secret}/settings", json={"language": "de"}).status_code == 200
    done = client.post("/cluster/submit", json={"user_id": secret, "memories": texts}, headers={"prefer": "wait=60"})
    assert done.status_code == 200, done.text
    vectors = client.delete(f"/users/{secret}/memories/{secret}-0").json()["vectors"]
    assert vectors == 1, "the vector of a text that no memory has any more goes with it"
    exported = client.get(f"/users/{secret}/export").json()
    assert len(exported["memories"]) == 19
    assert exported["deleted"][0]["id"] == f"{secret}-0"
    assert exported["settings"]["language"] == "de"
    receipt = client.delete(f"/users/{secret}").json()
    assert receipt["memories"] == 19
    assert client.delete(f"/users/{secret}").json()["memories"] == 0
    assert client.get(f"/users/{secret}/memories").json() == {"memories": [], "next_cursor": None, "version": 0}
    for table in TABLES:
        held = service.rows(f"SELECT * FROM {table}")
        assert secret not in repr(held), table
    people = {row["id"] for row in service.rows("SELECT id FROM people")}
    for table in ("memories", "forgotten", "views"):
        assert {row["person"] for row in service.rows(f"SELECT person FROM {table}")} <= people, table
    with redis.Redis.from_url(redis_url) as cache:
        for name in cache.scan_iter():
            assert secret.encode() not in cache.dump(name) or cache.type(name) == b"list"
    again = client.post(f"/users/{secret}/memories", json=body, headers=key).json()
    assert (again["added"], again["version"]) == (20, 1), "the key was erased too"
    client.delete(f"/users/{secret}")


def test_stored_memories_are_sealed_and_brought_under_a_new_key(database_url: str, redis_url: str) -> None:
    pytest.importorskip("cryptography")
    old, new = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))
    text = "the peculiar walrus"
    with LiveService(database_url, redis_url, workers={}, environment={"REVERIE_ENCRYPTION_KEY": old}) as live:
        with live.client() as client:
            client.put("/users/sealed/memories/1", json={"text": text, "metadata": {"walrus": True}})
            client.put("/users/sealed/settings", json={"language": "de"})
        row = live.rows("SELECT body FROM memories m JOIN people p ON p.id = m.person WHERE p.user_id = 'sealed'")[0]
        assert bytes(row["body"])[:1] == b"\x03"
        assert b"walrus" not in bytes(row["body"])
    done = reencrypt(database_url, Codec(keys=f"{new},{old}"), lambda table, count: None)
    assert done["memories"] >= 1
    assert done["people"] >= 1
    with LiveService(database_url, redis_url, workers={}, environment={"REVERIE_ENCRYPTION_KEY": new}) as live:
        with live.client() as client:
            assert client.get("/users/sealed/memories/1").json()["text"] == text
            assert client.get("/users/sealed/settings").json()["language"] == "de"
            assert (
                client.put("/users/sealed/memories/1", json={"text": text, "metadata": {"walrus": True}}).json()[
                    "version"
                ]
                == 1
            ), "equal content is known under any key"
            client.delete("/users/sealed")


def test_a_database_that_is_away_is_told_at_once_and_a_busy_user_waits_alone(
    service: LiveService, client: httpx.Client, user: str
) -> None:
    client.put(f"/users/{user}/memories/1", json={"text": "x"})
    with psycopg.connect(service.database_url) as holder:
        holder.execute("SELECT 1 FROM people WHERE user_id = %s FOR UPDATE", (user,))
        assert client.post(f"/users/{user}-free/memories", json={"memories": ["not held up"]}).status_code == 200
        busy = client.post(f"/users/{user}/memories", json={"memories": ["held up"]})
        assert busy.status_code == 503
        assert int(busy.headers["retry-after"]) >= 1
    assert client.post(f"/users/{user}/memories", json={"memories": ["held up"]}).status_code == 200


def test_the_commands_keep_import_and_list(
    service: LiveService, user: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REVERIE_URL", service.url)
    monkeypatch.setenv("REVERIE_API_KEY", service.key)
    monkeypatch.setenv("REVERIE_DATA_DIR", str(tmp_path))
    assert main(["remember", user, "I like tea", "--id", "tea", "--pin"]) == 0
    assert capsys.readouterr().out == "Kept as tea.\n"
    diary = tmp_path / "diary.jsonl"
    diary.write_text('{"id": "1", "text": "one"}\n{"id": "2", "text": "two"}\n', encoding="utf-8")
    assert main(["import", str(diary), "--user", user, "--quiet"]) == 0
    assert capsys.readouterr().out == f"{user}: 2 added, 0 updated, 0 unchanged.\n"
    assert main(["import", str(diary), "--user", user, "--quiet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unchanged"] == 2
    assert main(["users", "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert next(one for one in told if one["user_id"] == user)["memories"] == 3
    assert main(["users"]) == 0
    assert user in capsys.readouterr().out

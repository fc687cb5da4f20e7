"""Who may listen, who is counted, who waits for whom: keys that end, tasks that are shared, tenants side by side."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import httpx
import psycopg
import pytest
import redis
from starlette.requests import Request

from reverie import AsyncReverie
from reverie.errors import ServiceUnavailable, TaskCancelled
from reverie.gateway.background.log_rewriter import LogRewriter
from reverie.gateway.submissions import read_body
from reverie.store import GatewayStore, KeyStore, WebhookStore, sweeps
from tests.live import LiveService

BODY = {"user_id": "u", "memories": ["the cat sleeps", "the cat eats", "green tea"]}


@pytest.fixture(scope="module")
def idle(database_url: str, redis_url: str) -> Iterator[LiveService]:
    """Two gateways and no worker: what is accepted stays queued."""
    with LiveService(database_url, redis_url, workers={}, gateways=2) as live:
        yield live


def key_of(service: LiveService, tenant: str, *scopes: str) -> str:
    return KeyStore(service.database_url).create("door", tenant=tenant, scopes=scopes or ("submit", "read", "erase"))


def revoke(service: LiveService, key: str) -> None:
    """By the command line, as an operator does it."""
    environment = service.environment
    subprocess.run([sys.executable, "-m", "reverie", "keys", "revoke", key], env=environment, check=True, timeout=60)


async def test_a_revoked_keys_socket_is_closed_on_every_gateway_and_gets_nothing_more(idle: LiveService) -> None:
    key = key_of(idle, "revoked")
    async with idle.session(authorization=f"Bearer {key}") as session:
        other = f"http://127.0.0.1:{idle.ports[1]}"
        async with session.ws_connect("/results") as first, session.ws_connect(f"{other}/results") as second:
            await asyncio.to_thread(revoke, idle, key)
            keeper = key_of(idle, "revoked")
            async with idle.session(authorization=f"Bearer {keeper}") as friend:
                for socket in (first, second):
                    message = await socket.receive(timeout=10)
                    assert socket.close_code == 4401, message
                await friend.post("/cluster/submit", json={**BODY, "user_id": "after"})


async def test_a_revoked_keys_event_stream_ends(idle: LiveService) -> None:
    key = key_of(idle, "revoked-sse")
    async with idle.session(authorization=f"Bearer {key}") as session:
        task = await (await session.post("/cluster/submit", json=BODY)).json()
        async with session.get(f"/results/{task['id']}") as stream:
            assert b"retry" in await stream.content.readline()
            await asyncio.to_thread(revoke, idle, key)
            async with asyncio.timeout(10):
                while await stream.content.readline():
                    pass


def test_a_revoked_first_key_stays_revoked_when_its_row_is_old_and_the_service_starts_again(idle: LiveService) -> None:
    keys = KeyStore(idle.database_url)
    keys.create("first", tenant="default", secret="a-secret-of-an-old-installation")
    assert keys.revoke("a-secret-of-an-old-installation")
    with psycopg.connect(idle.database_url, autocommit=True) as connection:
        connection.execute("UPDATE api_keys SET revoked_at = now() - interval '99 days' WHERE revoked_at IS NOT NULL")

        async def retire() -> None:
            store = GatewayStore(idle.database_url)
            await store.open()
            try:
                async with store.connection() as own:
                    await sweeps.retire(own, days=30.0)
            finally:
                await store.close()

        asyncio.run(retire())
    keys.create("first", secret="a-secret-of-an-old-installation")
    with idle.client(authorization="Bearer a-secret-of-an-old-installation") as client:
        assert client.get("/tasks").status_code == 401


async def test_who_waits_for_an_erased_task_hears_of_it_at_once(idle: LiveService) -> None:
    key = key_of(idle, "erased")
    async with (
        AsyncReverie(idle.url, api_key=key) as ai,
        AsyncReverie(f"http://127.0.0.1:{idle.ports[1]}", api_key=key) as far,
    ):
        task = await ai.submit_clustering_task("gone", ["the cat sleeps", "the cat eats"])
        waiting = asyncio.create_task(task.result(timeout=30))
        elsewhere = asyncio.create_task((await far.task(task.id)).result(timeout=30))
        await asyncio.sleep(0.5)  # both are connected; had they not been, they would be told all the same
        await ai.forget_user("gone")
        for waiter in (waiting, elsewhere):
            with pytest.raises(TaskCancelled, match="erased"):
                async with asyncio.timeout(8):
                    await waiter


def test_a_submission_that_joins_another_keeps_its_own_deadline(idle: LiveService) -> None:
    with idle.client(authorization=f"Bearer {key_of(idle, 'joins')}") as client:
        first = client.post("/cluster/submit", json=BODY, headers={"reverie-deadline": "0.5"}).json()
        joined = client.post("/cluster/submit", json=BODY).json()
        assert joined["id"] == first["id"]
        [row] = idle.rows("SELECT deadline_at, holders FROM tasks WHERE id = %s", first["id"])
        assert row == {"deadline_at": None, "holders": 2}


def test_cancelling_a_joined_task_leaves_it_to_the_others(idle: LiveService) -> None:
    body = {**BODY, "user_id": "shared"}
    with idle.client(authorization=f"Bearer {key_of(idle, 'cancels')}") as client:
        task = client.post("/cluster/submit", json=body).json()["id"]
        assert client.post("/cluster/submit", json=body).json()["id"] == task
        assert client.delete(f"/tasks/{task}").json()["status"] == "queued"
        assert client.delete(f"/tasks/{task}").json()["status"] == "cancelled"
        assert client.delete(f"/tasks/{task}").status_code == 409


def test_status_shows_the_whole_service_to_administrators_only(idle: LiveService) -> None:
    reader = f"Bearer {key_of(idle, 'nobody', 'read')}"
    with idle.client(authorization=reader) as client:
        seen = client.get("/status").json()
        assert seen["queues"] == []
        assert seen["workers"] is None
    with idle.client() as client:
        assert client.get("/status").json()["queues"]


def test_idempotency_keys_of_an_erased_user_go_with_the_user(idle: LiveService) -> None:
    with idle.client(authorization=f"Bearer {key_of(idle, 'idem')}") as client:
        for number in range(3):
            client.post("/cluster/submit", json=BODY, headers={"idempotency-key": f"k{number}"})
        assert len(idle.rows("SELECT 1 FROM idempotency WHERE tenant = 'idem'")) == 3
        idle.rows(
            "UPDATE idempotency SET task_id = 'tsk_lost' WHERE ctid = "
            "(SELECT max(ctid) FROM idempotency WHERE tenant = 'idem') RETURNING 1"
        )
        client.delete("/users/u")
    assert idle.rows("SELECT 1 FROM idempotency WHERE tenant = 'idem'") == []


async def test_due_webhooks_are_taken_from_all_tenants_in_turn(idle: LiveService) -> None:
    store = GatewayStore(idle.database_url)
    await store.open()
    try:
        webhooks = WebhookStore(store)
        for tenant, count in (("many", 30), ("few", 2)):
            async with idle.session(authorization=f"Bearer {key_of(idle, tenant)}") as session:
                task = (await (await session.post("/cluster/submit", json=BODY)).json())["id"]
            async with store.connection() as connection:
                for _ in range(count):
                    await connection.execute(
                        "INSERT INTO webhooks (task_id, tenant, url, state, next_at)"
                        " VALUES (%s, %s, 'http://127.0.0.1:9/', 'pending', now() + interval '1 hour')",
                        [task, tenant],
                    )
        idle.rows("UPDATE webhooks SET next_at = now() - interval '1 hour' WHERE tenant IN ('many', 'few') RETURNING 1")
        taken = await webhooks.claim(60.0, 16, each=4)
        tenants = [delivery.tenant for delivery in taken]
        # The service's own sender takes some as well; nobody's share passes four at once.
        assert tenants.count("many") <= 4
        again = await webhooks.claim(60.0, 16, each=4, full=["many"])
        assert "many" not in [delivery.tenant for delivery in again]
    finally:
        await store.close()


def test_charts_count_as_work_also_for_a_key_that_only_reads(service: LiveService) -> None:
    key = key_of(service, "draws")
    with service.client(authorization=f"Bearer {key}", prefer="wait=60") as client:
        task = client.post("/cluster/submit", json=BODY).json()["id"]
    with service.client(authorization=f"Bearer {key_of(service, 'draws', 'read')}") as reader:
        statuses = [
            reader.get(f"/tasks/{task}/map.png", params={"scale": 1 + number / 1000}).status_code
            for number in range(20)
        ]
    assert set(statuses) == {200}
    drawn = service.rows("SELECT 1 FROM tasks WHERE tenant = 'draws' AND operation = 'chart'")
    assert len(drawn) == 1


def test_the_servers_processes_do_not_have_the_services_secrets(idle: LiveService, servers: object) -> None:
    import os

    from reverie.embedded.children import environment

    os.environ["REVERIE_ENCRYPTION_KEY"] = "secret"
    os.environ["DISCORD_TOKEN"] = "secret"
    try:
        assert "secret" not in environment().values()
        assert "PATH" in environment()
    finally:
        del os.environ["REVERIE_ENCRYPTION_KEY"], os.environ["DISCORD_TOKEN"]


async def test_many_unknown_keys_at_once_are_few_queries(idle: LiveService) -> None:
    async with httpx.AsyncClient(base_url=idle.url, timeout=60) as client:
        answers = await asyncio.gather(
            *(client.get("/tasks", headers={"authorization": f"Bearer guess-{n}"}) for n in range(64))
        )
    assert {answer.status_code for answer in answers} == {401}


def test_an_export_names_what_is_kept_beside_the_tasks_results(service: LiveService) -> None:
    key = key_of(service, "exports", "submit", "read", "erase", "admin")
    body = {
        **BODY,
        "memories": [f"the cat eats fish {n}" for n in range(5)] + [f"green tea number {n}" for n in range(5)],
    }
    with service.client(authorization=f"Bearer {key}", prefer="wait=60") as client:
        headers = {"idempotency-key": "my-key"}
        hook = {**body, "callback_url": "https://example.org/hook/u"}
        assert client.post("/cluster/submit", json=hook, headers=headers).status_code == 200
        held = client.get("/users/u/export").json()
    assert held["carried_themes"][0]["themes"]
    assert [hook["url"] for hook in held["webhooks"]] == ["https://example.org/hook/u"]
    assert [row["key"] for row in held["idempotency"]] == ["my-key"]
    assert held["tasks"][0]["callback_url"] == "https://example.org/hook/u"


async def test_an_erasure_has_the_servers_rewrite_their_logs(idle: LiveService) -> None:
    rewriter = LogRewriter(idle.database_url, idle.redis_url, pause=0.0)
    rewriter.start()
    try:
        rewriter.erased()
        async with asyncio.timeout(20):
            while not rewriter.rewrites:
                await asyncio.sleep(0.05)
    finally:
        await rewriter.stop()
    [row] = idle.rows("SELECT last_vacuum FROM pg_stat_user_tables WHERE relname = 'tasks'")
    assert row["last_vacuum"] is not None


async def test_large_bodies_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_body, "SPOOL_TOTAL", 0)
    monkeypatch.setattr(read_body.SpooledBody, "total", 2 * 2**22)

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b" " * 2**20, "more_body": True}

    def request() -> Request:
        return Request({"type": "http", "method": "POST", "headers": []}, receive)

    with pytest.raises(ServiceUnavailable, match="Many large bodies"):
        await read_body.spool_json_body(request(), 2**22)
    assert read_body.SpooledBody.total == 2 * 2**22


def test_vectors_that_are_used_stay(service: LiveService) -> None:
    with service.client(prefer="wait=60") as client:
        body = {**BODY, "user_id": "touch"}
        client.post("/cluster/submit", json=body)
        service.rows("UPDATE vectors SET used_at = now() - interval '20 days' WHERE user_id = 'touch' RETURNING 1")
        with redis.Redis.from_url(service.redis_url) as cache:
            cache.flushall()  # as its entries expire within a day
        client.post("/cluster/submit", json={**body, "options": {"seed": 7}})
    ages = service.rows("SELECT now() - used_at < interval '1 hour' AS fresh FROM vectors WHERE user_id = 'touch'")
    assert [row["fresh"] for row in ages] == [True] * 3


def test_a_preview_carries_the_themes_ids_and_leaves_the_history_as_it_is(service: LiveService) -> None:
    memories = [f"{text} {n}" for text in ("the cat eats fish", "green tea number", "red bike wheel") for n in range(6)]
    body = {"user_id": "looks", "memories": memories}

    def history() -> list[dict[str, object]]:
        return service.rows("SELECT body, task_id FROM themes WHERE user_id = 'looks'")

    with service.client(prefer="wait=60") as client:
        first = client.post("/cluster/submit", json=body).json()["result"]
        before = history()
        seen = client.post("/cluster/submit", json={**body, "options": {"granularity": 0.9, "preview": True}}).json()[
            "result"
        ]
        assert {theme["id"] for theme in seen["themes"]} & {theme["id"] for theme in first["themes"]}
        assert history() == before
        again = client.post("/cluster/submit", json={**body, "memories": [*memories, "green tea number 7"]}).json()[
            "result"
        ]
        assert again["born"] == []

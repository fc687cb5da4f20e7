"""Who may send texts to the cloud, in a worker that cannot open a socket unseen; the rule: test_choice.py."""

from __future__ import annotations

import asyncio
import hashlib
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import psycopg
import pytest
from psycopg.rows import dict_row
from pydantic import SecretStr

from reverie.queue import queue_for
from reverie.settings import CloudSettings, EmbeddingSettings, ServerSettings, Settings
from reverie.store import (
    GatewayStore,
    NewTask,
    PolicyStore,
    TenantPolicy,
    decompressed,
)
from reverie.testing.cloud import FakeCloud, Fault
from reverie.worker.run import run_next
from reverie.worker.runtime import Runtime
from tests.cloud.conftest import SECRET

_guard: dict[str, Any] = {"on": False, "opened": []}


def _watch_sockets(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.getaddrinfo") and _guard["on"]:
        _guard["opened"].append((event, arguments[1] if event == "socket.connect" else arguments[:2]))


sys.addaudithook(_watch_sockets)


class Bench:
    """One worker process's runtime in this process, and tasks for it."""

    def __init__(
        self,
        database_url: str,
        cloud: FakeCloud,
        embedder: str = "hash",
        *,
        tenant: str | None = None,
        redis_url: str | None = None,
    ) -> None:
        self.url, self.cloud = database_url, cloud
        self.tenant = tenant or f"t-{uuid.uuid4().hex[:8]}"
        #: By task, the hash under which the gateway would look for its answer.
        self.asked: dict[str, bytes] = {}
        self.runtime = Runtime(
            Settings(
                server=ServerSettings(
                    database_url=SecretStr(database_url), redis_url=SecretStr(redis_url) if redis_url else None
                ),
                embedding=EmbeddingSettings(embedder=embedder),
                cloud=CloudSettings(provider="openai"),
            ),
            drain_at=lambda: float("inf"),
        )

    def allow(self, **policy: Any) -> None:
        PolicyStore(self.url).put(TenantPolicy(self.tenant, **{"allowed": True, **policy}))

    def run(
        self,
        wish: dict[str, Any] | None,
        *,
        texts: int = 30,
        operation: str = "cluster",
        user_id: str = "u",
        deadline: float | None = None,
    ) -> dict[str, Any]:
        """Accept a task (whatever the gateway would have said), run it, and return its row with ``result``."""
        body: dict[str, Any] = {
            "user_id": user_id,
            "memories": [f"memory {i} on {'rowing' if i % 2 else 'bread'}" for i in range(texts)],
        }
        if wish is not None:
            body["cloud"] = wish
        if operation == "recall":
            body["query"] = "bread"
        raw = orjson.dumps(body)
        new = NewTask(
            id=f"tsk_{uuid.uuid4().hex}",
            tenant=self.tenant,
            user_id=user_id,
            operation=operation,
            lane="cloud",
            queue=queue_for(operation, "cloud"),
            content_hash=hashlib.sha256(raw + uuid.uuid4().bytes).digest(),
            items=texts,
            chars=len(raw),
            body=raw,
            deadline=deadline,
        )
        self.asked[new.id] = new.content_hash

        async def accept() -> None:
            store = GatewayStore(self.url)
            await store.open()
            await store.submit([new])
            await store.close()

        asyncio.run(accept())
        ran = run_next(self.runtime, new.queue)
        assert ran is not None
        with psycopg.connect(self.url, row_factory=dict_row) as connection:
            row = connection.execute(
                "SELECT t.*, r.body FROM tasks t LEFT JOIN results r ON r.task_id = t.id WHERE id = %s", (ran,)
            ).fetchone()
        assert row is not None
        row["result"] = orjson.loads(decompressed(row["body"])) if row["body"] else None
        return row

    def spent(self) -> tuple[float, int]:
        with psycopg.connect(self.url) as connection:
            row = connection.execute(
                "SELECT sum(usd), sum(tokens) FROM cloud_spending WHERE tenant = %s", (self.tenant,)
            ).fetchone()
        return (row[0] or 0.0, int(row[1] or 0)) if row else (0.0, 0)


@pytest.fixture
def bench(database_url: str, cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("REVERIE_OPENAI_BASE_URL", f"{cloud.url}/v1")
    monkeypatch.setenv("REVERIE_OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("REVERIE_OPENAI_USD_PER_MILLION", "1000")
    monkeypatch.setenv("REVERIE_CLOUD_ATTEMPTS", "2")
    made = Bench(database_url, cloud)
    yield made
    made.runtime.close()


def test_a_task_in_the_cloud_records_provider_tokens_and_cost(bench: Bench) -> None:
    bench.allow()
    row = bench.run({"allowed": True})
    tokens = sum(len(text.split()) for text in bench.cloud.texts())  # with the one that told the dimension
    assert (row["status"], row["provider"]) == ("succeeded", "openai")
    assert row["tokens"] == 30 * 4
    assert row["usd"] == pytest.approx(tokens * 1000 / 1e6)
    assert bench.spent() == (pytest.approx(row["usd"]), tokens)
    assert row["result"]["model"]["provider"] == "openai"
    assert row["result"]["stats"]["cloud"] == {"provider": "openai"}
    again = bench.run({"allowed": True})  # every vector is there already
    assert (again["tokens"], again["usd"], again["provider"]) == (0, 0.0, None)
    assert again["cached_tokens"] == row["tokens"]


@pytest.mark.parametrize(
    ("policy", "wish", "status"),
    [
        (None, {"allowed": True}, "succeeded"),
        (None, None, "succeeded"),
        ({"allowed": False}, {"allowed": True}, "succeeded"),
        ({"allowed": False}, {"allowed": True, "provider": "openai"}, "failed"),
        (None, {"allowed": True, "fallback": False}, "failed"),
        ({"providers": ("azure",)}, {"allowed": True, "provider": "openai"}, "failed"),
        ({"max_usd_task": 0.0001}, {"allowed": True}, "succeeded"),  # too dear: local
        ({"max_usd_task": 0.0001}, {"allowed": True, "fallback": False}, "failed"),
        ({"max_usd_day": 0.0001}, {"allowed": True, "fallback": False}, "failed"),
        ({}, {"allowed": True, "max_usd": 0.0, "fallback": False}, "failed"),
    ],
)
def test_a_refused_cloud_call_opens_no_socket(bench: Bench, policy: Any, wish: Any, status: str) -> None:
    if policy is not None:
        bench.allow(**policy)
    bench.runtime.store.cloud_policy("-")  # the database's own connection is open from here on
    bench.runtime.embedder()
    _guard.update(on=True, opened=[])
    try:
        row = bench.run(wish)
    finally:
        _guard["on"] = False
    foreign = [entry for entry in _guard["opened"] if "127.0.0.1" in str(entry) or "openai" in str(entry)]
    assert not foreign
    assert not bench.cloud.seen
    assert row["status"] == status
    assert (row["provider"], row["usd"], bench.spent()[0]) == (None, 0.0, 0.0)
    if status == "failed":
        assert row["error"]["status"] in (402, 403)


def test_the_guard_sees_a_socket_that_is_opened(bench: Bench) -> None:
    bench.allow()
    _guard.update(on=True, opened=[])
    try:
        bench.run({"allowed": True})
    finally:
        _guard["on"] = False
    assert any("127.0.0.1" in str(entry) for entry in _guard["opened"])


def test_a_provider_that_fails_mid_task_is_replaced_by_embedding_everything_again(bench: Bench) -> None:
    bench.allow()

    def killed(count: int) -> None:
        if count >= 5:  # what else has arrived by then must find it dead too
            bench.cloud.always = Fault(dropped=True)
            bench.cloud.stop()

    bench.cloud.on_request = killed
    row = bench.run({"allowed": True}, texts=1200)
    assert row["status"] == "succeeded"
    assert row["result"]["model"]["provider"] == "hash"
    assert row["result"]["stats"]["texts_embedded"] == 1200
    assert row["result"]["stats"]["cloud"]["fallback"] == "local"
    assert row["provider"] == "openai", "texts did leave, and the task says so"
    assert row["usd"] > 0
    with psycopg.connect(bench.url) as connection:
        models = connection.execute(
            "SELECT model, count(*) FROM vectors WHERE tenant = %s GROUP BY 1", (bench.tenant,)
        ).fetchall()
    assert models == [(row["vector_model"], 1200)]


def test_without_fallback_the_problem_is_clear_and_free_of_secrets(bench: Bench) -> None:
    bench.allow()
    bench.cloud.always = Fault(status=500, body=f"{SECRET} memory 1 on rowing")
    row = bench.run({"allowed": True, "fallback": False})
    assert row["status"] == "failed"
    assert row["error"]["status"] == 502
    assert row["error"]["type"].endswith("/provider")
    assert "HTTP 500" in row["error"]["detail"]
    assert SECRET not in str(row["error"])
    assert "rowing" not in str(row["error"])


def test_the_ceiling_of_a_day_holds_over_tasks_and_survives_erasure(bench: Bench) -> None:
    bench.allow(max_usd_day=0.3)
    first = bench.run({"allowed": True, "fallback": False})
    assert first["status"] == "succeeded"
    with psycopg.connect(bench.url) as connection:
        connection.execute("DELETE FROM vectors WHERE tenant = %s", (bench.tenant,))
        connection.execute("DELETE FROM tasks WHERE tenant = %s", (bench.tenant,))
    second = bench.run({"allowed": True, "fallback": False})
    assert second["status"] == "failed"
    assert second["error"]["type"].endswith("/cloud-budget")
    assert "a day" in second["error"]["detail"]


def test_recall_uses_one_model_for_memories_and_question(bench: Bench) -> None:
    bench.allow()
    bench.cloud.fail(Fault(), Fault(), *[Fault(status=500)] * 8)  # the probe and the memories work, the question fails
    row = bench.run({"allowed": True}, operation="recall")
    assert row["status"] == "succeeded"
    assert row["result"]["model"]["provider"] == "hash"
    assert "bread" in row["result"]["memories"][0]["text"]


def test_a_service_that_embeds_in_the_cloud_respects_a_tenant_that_says_no(
    database_url: str, cloud: FakeCloud, bench: Bench
) -> None:
    own = Bench(database_url, cloud, embedder="openai")
    assert own.run(None)["result"]["model"]["provider"] == "openai"
    own.allow(allowed=False)
    cloud.seen.clear()
    row = own.run(None, texts=31)
    assert row["error"]["status"] == 403
    assert not cloud.seen
    own.runtime.close()


def test_what_stood_in_is_no_answer_to_the_next_request(bench: Bench) -> None:
    bench.allow()
    bench.cloud.always = Fault(status=500)
    stood_in = bench.run({"allowed": True})
    assert stood_in["result"]["stats"]["cloud"]["fallback"] == "local"
    bench.cloud.always = Fault()
    done = bench.run({"allowed": True})

    async def cached(content: bytes) -> str | None:
        store = GatewayStore(bench.url)
        await store.open()
        found = await store.cached(bench.tenant, content)
        await store.close()
        return found[0].id if found else None

    assert asyncio.run(cached(bench.asked[done["id"]])) == done["id"]
    assert asyncio.run(cached(bench.asked[stood_in["id"]])) is None, "the provider is to be asked again"


def test_a_silent_provider_is_replaced_within_the_tasks_deadline(bench: Bench) -> None:
    bench.allow()
    bench.cloud.always = Fault(endless=b" ", pause=0.05)
    row = bench.run({"allowed": True}, deadline=12.0)
    assert row["status"] == "succeeded"
    assert row["result"]["stats"]["cloud"]["fallback"] == "local"
    assert row["finished_at"] < row["deadline_at"]


def test_the_ceiling_of_a_day_holds_for_workers_at_the_same_time(
    bench: Bench, database_url: str, cloud: FakeCloud
) -> None:
    cloud.dimensions = 64
    bench.allow(max_usd_day=1.0)  # a task is held to cost 0.3 and then costs 0.12
    workers = [Bench(database_url, cloud, tenant=bench.tenant) for _ in range(6)]
    cloud.delay = 0.2
    with ThreadPoolExecutor(len(workers)) as pool:
        wish = {"allowed": True, "fallback": False}
        rows = list(pool.map(lambda n: workers[n].run(wish, user_id=f"u{n}"), range(len(workers))))
    for worker in workers:
        worker.runtime.close()
    done = [row for row in rows if row["status"] == "succeeded"]
    assert 1 <= len(done) < len(rows)
    assert all(row["error"]["type"].endswith("/cloud-budget") for row in rows if row not in done)
    assert bench.spent()[0] == pytest.approx(sum(row["usd"] for row in rows))
    assert bench.spent()[0] <= 1.0


def test_vectors_are_shared_by_neither_tenants_nor_users_nor_providers(
    bench: Bench, database_url: str, redis_url: str, cloud: FakeCloud
) -> None:
    """The same texts, one tenant in the cloud and one local, with one Redis and one PostgreSQL behind both."""
    mine = Bench(database_url, cloud, redis_url=redis_url)
    theirs = Bench(database_url, cloud, redis_url=redis_url)
    mine.allow()
    wish = {"allowed": True}
    first = mine.run(wish)
    assert first["result"]["stats"]["texts_embedded"] == 30
    refused = theirs.run(wish)  # no policy: local
    assert refused["result"]["model"]["provider"] == "hash"
    assert refused["result"]["stats"]["texts_from_cache"] == 0
    asked = len(cloud.seen)
    theirs.allow()
    assert theirs.run(wish)["result"]["stats"]["texts_from_cache"] == 0, "another tenant's vectors are not theirs"
    assert len(cloud.seen) > asked
    assert mine.run(wish, user_id="another")["result"]["stats"]["texts_from_cache"] == 0
    assert mine.run(None)["result"]["stats"]["texts_from_cache"] == 0, "nor do two models share one"
    assert mine.run(wish)["result"]["stats"]["texts_from_cache"] == 30
    for one in (mine, theirs):
        one.runtime.close()
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT tenant, user_id, model, count(*) FROM vectors WHERE tenant = ANY(%s) GROUP BY 1, 2, 3",
            ([mine.tenant, theirs.tenant],),
        ).fetchall()
    assert len(rows) == 5
    assert {count for *_, count in rows} == {30}

"""Sealed values copied to another row are refused by name; those of older versions are read, and bound."""

from __future__ import annotations

import base64
import os
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from reverie.errors import SealBroken
from reverie.store import Codec, GatewayStore, NewTask, WebhookStore, WorkerStore, places
from reverie.store.memory_changes import AddRequest
from reverie.store.memory_rows import new_row
from reverie.store.memory_store import MemoryStore
from reverie.store.people import View, put_views, read_person
from reverie.store.reencrypt import TABLES, reencrypt, seal_what_is_plain
from reverie.store.user_data import export_user
from tests.store.test_codec import as_older_versions_sealed

OLD, NEW = (base64.b64encode(bytes([n]) * 32).decode() for n in (5, 6))
USER, URL = "u", "https://hooks.example.org/secret-path"

SEALED = {
    "payloads": {"body": "payload"},
    "results": {"body": "result"},
    "themes": {"body": "themes"},
    "webhook_secrets": {"secret": "webhook secret", "previous": "webhook secret"},
    "memories": {"body": "memory", "supersession": "supersession"},
    "people": {"settings": "settings"},
    "views": {"body": "view", "side": "view's side"},
    "happenings": {"body": "event"},
    "idempotency": {"sealed_key": "idempotency key", "answer": "kept answer"},
    "webhooks": {"sealed_url": "callback"},
    "webhooks_disabled": {"sealed_url": "disabled callback"},
}
"""Columns that hold sealed values, and what a refusal calls them."""

OF_TENANT = {
    "payloads": "task_id IN (SELECT id FROM tasks WHERE tenant = %s)",
    "results": "task_id IN (SELECT id FROM tasks WHERE tenant = %s)",
    **dict.fromkeys(("memories", "views", "happenings"), "person IN (SELECT id FROM people WHERE tenant = %s)"),
}


@pytest.fixture(autouse=True)
def _empty(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("TRUNCATE tasks, people, idempotency, themes, webhook_secrets, webhooks_disabled CASCADE")


def new_task(tenant: str, number: int, **more: Any) -> NewTask:
    return NewTask(
        id=f"tsk_{tenant}_{number}", tenant=tenant, user_id=USER, operation="cluster", lane="heavy", queue="clustering",
        content_hash=bytes([number]), items=1, chars=1, body=b'{"memories": ["payload"]}', body_hash=b"same", **more,
    )  # fmt: skip


async def fill(url: str, codec: Codec, tenant: str) -> None:
    """One tenant with a value of every kind."""
    gateway, worker = GatewayStore(url, codec), WorkerStore(url, codec)
    memories, hooks = MemoryStore(gateway), WebhookStore(gateway)
    await gateway.open()
    try:
        new = new_task(tenant, 1, idempotency_key="order-1", callback=URL)
        [stored] = await gateway.submit([new])
        assert stored.created
        claimed = worker.claim("clustering", "w", 60.0)
        assert claimed is not None
        cost = {"tokens": 0, "cached_tokens": 0, "usd": 0.0, "compute_ms": 0.0}
        worker.finish(claimed, b'{"result": 1}', cost=cost, lane="heavy", themes=("aa", b"states", 1))
        rows = [new_row(f"m{number}", {"text": f"memory {number}"}) for number in range(2)]
        await memories.add(
            [AddRequest(tenant, USER, rows, idempotency_key="add-1", body_hash=b"same")], lambda *_: b"{}"
        )
        async with memories.changing(tenant, USER) as changing:
            assert changing is not None
            await changing.set_settings(b'{"callback_url": "%s"}' % URL.encode(), None)
            reason = codec.save(b"{}", places.reason(tenant, USER, "m0"))
            told = "UPDATE memories SET supersession = %s WHERE person = %s AND id = 'm0'"
            await changing.connection.execute(told, [reason, changing.person.id])
        person = read_person(worker, tenant, USER)
        assert person is not None
        happening = {"kind": "digest", "key": "k", "body": b"{}"}
        views = [View(kind, b"{}", b"{}") for kind in ("themes", "insights")]
        worker.run(
            lambda connection: put_views(
                connection, codec, person, views, [happening], task=claimed, cost=0.1, pause=1.0
            )
        )
        await hooks.secrets(tenant)
        await hooks.rotate(tenant)
        due = [one for one in await hooks.claim(60.0, 16, each=4) if one.tenant == tenant]
        assert {one.url for one in due} == {URL}
        await hooks.end(due[0], "disabled")
    finally:
        worker.close()
        await gateway.close()


async def test_every_kind_of_sealed_value_is_refused_by_name_in_another_tenants_row(database_url: str) -> None:
    codec = Codec(keys=OLD)
    for tenant in ("a", "b"):
        await fill(database_url, codec, tenant)
    both = Codec(keys=f"{NEW},{OLD}")
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as connection:
        # No column is left out below, and nothing that is looked for stands anywhere in the open.
        for table in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall():
            name = table["tablename"]
            for row in connection.execute(f'SELECT * FROM "{name}"'.encode()).fetchall():
                for column, value in row.items():
                    if isinstance(value, bytes) and value[:1] == b"\x03" and len(value) > 32:
                        assert column in SEALED.get(name, {}), f"{name}.{column}"
                    for word in ("secret-path", "order-1", "add-1"):
                        assert word not in str(value), f"{name}.{column}"
        assert SEALED.keys() == TABLES.keys()
        for table, columns in SEALED.items():
            whose = OF_TENANT.get(table, "tenant = %s")
            for column, kind in columns.items():
                find = f"SELECT {column} AS value, ctid FROM {table} WHERE {whose} AND {column} IS NOT NULL LIMIT 1"
                mine, theirs = (connection.execute(find.encode(), [tenant]).fetchone() for tenant in ("a", "b"))
                assert mine is not None
                assert theirs is not None
                swap = f"UPDATE {table} SET {column} = %s WHERE ctid = %s RETURNING ctid"
                there = connection.execute(swap.encode(), [theirs["value"], mine["ctid"]]).fetchone()
                assert there is not None
                with pytest.raises(SealBroken, match=f"The stored {kind} .*belongs to another row"):
                    reencrypt(database_url, both, lambda *_: None)
                connection.execute(swap.encode(), [mine["value"], there["ctid"]])
    done = reencrypt(database_url, both, lambda *_: None)
    assert reencrypt(database_url, both, lambda *_: None) == dict.fromkeys(TABLES, 0), "all is as it would be saved now"
    assert done.keys() == TABLES.keys()
    gateway = GatewayStore(database_url, Codec(keys=NEW))
    await gateway.open()
    try:
        for tenant in ("a", "b"):
            held = await export_user(gateway, tenant, USER)
            assert {hook["url"] for hook in held.webhooks} == {URL}
            assert {hook["event_id"] is None for hook in held.webhooks} == {True, False}
            assert {one["key"] for one in held.idempotency} == {"order-1", "add-1"}
            assert (await WebhookStore(gateway).disabled(tenant))[0]["url"] == URL
            assert await gateway.idempotent(tenant, "order-1") == (f"tsk_{tenant}_1", b"same")
    finally:
        await gateway.close()


async def test_what_older_versions_stored_is_read_found_and_then_sealed_for_its_place(database_url: str) -> None:
    codec = Codec(keys=OLD)
    gateway = GatewayStore(database_url, codec)
    await gateway.open()
    try:
        await gateway.submit([new_task("old", 1)])
        with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as connection:
            body = as_older_versions_sealed(b'{"memories": []}', OLD)
            connection.execute("UPDATE payloads SET body = %s", [body])
            connection.execute(
                "INSERT INTO idempotency (tenant, user_id, key, body_hash, task_id)"
                " VALUES ('old', %s, 'order-7', 'same', 'tsk_old_1')",
                [USER],
            )
            connection.execute("INSERT INTO webhooks (task_id, tenant, url) VALUES ('tsk_old_1', 'old', %s)", [URL])
            connection.execute(
                "INSERT INTO webhooks_disabled (tenant, url, url_hash) VALUES ('old', %s, sha256(%s))",
                [URL, URL.encode()],
            )
            connection.execute("UPDATE tasks SET callback_url = %s", [URL])
        worker = WorkerStore(database_url, codec)
        assert worker.payload("old", "tsk_old_1") == b'{"memories": []}'
        worker.close()
        # A repetition under a key that stands there in the open is known, and the address is known to be off.
        again = new_task("old", 2, idempotency_key="order-7", callback=URL)
        [found] = await gateway.submit([again])
        assert found.row is not None
        assert found.row.id == "tsk_old_1"
        hooks = WebhookStore(gateway)
        assert [one["url"] for one in await hooks.list("old", None, 10)] == [URL]
        assert [one["url"] for one in await hooks.disabled("old")] == [URL]
        async with await psycopg.AsyncConnection.connect(
            database_url, autocommit=True, row_factory=dict_row
        ) as connection_:
            assert await seal_what_is_plain(connection_, codec) == 4
            assert await seal_what_is_plain(connection_, codec) == 0
        assert reencrypt(database_url, codec, lambda *_: None) == dict.fromkeys(TABLES, 0) | {"payloads": 1}
        with psycopg.connect(database_url) as connection_2:
            for table in ("idempotency", "webhooks", "webhooks_disabled", "tasks", "payloads"):
                held = repr(connection_2.execute(f"SELECT * FROM {table}".encode()).fetchall())
                assert "secret-path" not in held, table
                assert "order-7" not in held, table
        assert await gateway.idempotent("old", "order-7") == ("tsk_old_1", b"same")
        held_ = await export_user(gateway, "old", USER)
        assert [hook["url"] for hook in held_.webhooks] == [URL]
        assert [one["key"] for one in held_.idempotency] == ["order-7"]
        assert [one["url"] for one in await hooks.disabled("old")] == [URL]
        assert await hooks.enable("old", URL)
    finally:
        await gateway.close()


async def test_a_workers_and_a_gateways_store_refuse_what_is_not_theirs(database_url: str) -> None:
    codec = Codec(keys=base64.b64encode(os.urandom(32)).decode())
    gateway, worker = GatewayStore(database_url, codec), WorkerStore(database_url, codec)
    await gateway.open()
    try:
        await gateway.submit([new_task("mine", 1), new_task("theirs", 2)])
        with psycopg.connect(database_url, autocommit=True) as connection:
            # Whoever can write to the database can give a task to another tenant: its words stay shut.
            connection.execute("UPDATE tasks SET tenant = 'mine' WHERE id = 'tsk_theirs_2'")
        assert worker.payload("mine", "tsk_mine_1") is not None
        with pytest.raises(SealBroken, match="The stored payload tsk_theirs_2"):
            worker.payload("mine", "tsk_theirs_2")
    finally:
        worker.close()
        await gateway.close()

"""What docs/security.md promises and no other test shows."""

from __future__ import annotations

import base64
import hashlib
import logging
from pathlib import Path

import orjson
import psycopg
import pytest
from psycopg.rows import dict_row

from reverie.gateway.serve import ensure_first_key
from reverie.queue.celery_app import make_celery
from reverie.queue.celery_messages import CeleryMessages
from reverie.settings import Settings
from reverie.store import GatewayStore, KeyStore, hash_key, key_id, sweeps


def test_a_key_is_stored_as_its_hash_and_the_bots_is_no_administrators(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVERIE_DATABASE_URL", database_url)
    monkeypatch.setenv("REVERIE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("REVERIE_BOT_API_KEY", "a-bots-own-secret")
    monkeypatch.delenv("REVERIE_API_KEY", raising=False)
    first = ensure_first_key(Settings.load())
    keys = {key.name: key for key in KeyStore(database_url).list()}
    assert keys["bot"].scopes == {"submit", "read", "erase"}
    with psycopg.connect(database_url) as connection:
        held = repr(connection.execute("SELECT * FROM api_keys").fetchall())
        hashes = {bytes(row[0]) for row in connection.execute("SELECT hash FROM api_keys").fetchall()}
    assert hashlib.sha256(b"a-bots-own-secret").digest() in hashes
    assert "a-bots-own-secret" not in held
    if first is not None:
        assert first not in held
        assert (tmp_path / "key").stat().st_mode & 0o077 == 0


async def test_a_ticket_is_good_once_and_for_its_time(database_url: str) -> None:
    secret = KeyStore(database_url).create("tickets", tenant="tickets")
    store = GatewayStore(database_url)
    await store.open()
    try:
        good, late = hash_key("good"), hash_key("late")
        await store.put_ticket(good, key_id(secret), 60.0)
        await store.put_ticket(late, key_id(secret), -1.0)
        used = await store.use_ticket(good)
        assert used is not None
        assert used.tenant == "tickets"
        assert await store.use_ticket(good) is None
        assert await store.use_ticket(late) is None
    finally:
        await store.close()


async def test_idempotency_keys_go_after_a_day(database_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True, row_factory=dict_row) as connection:
        for key, age in (("young", "23 hours"), ("old", "25 hours")):
            await connection.execute(
                "INSERT INTO idempotency (tenant, key, body_hash, task_id, created_at)"
                " VALUES ('t', %s, '', 'tsk', now() - %s::interval)",
                [key, age],
            )
        await sweeps.retire(connection, 30.0)
        rows = await (await connection.execute("SELECT key FROM idempotency WHERE tenant = 't'")).fetchall()
    assert [row["key"] for row in rows] == ["young"]


def test_a_message_of_the_queue_holds_the_tasks_id_and_its_queue_alone(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVERIE_REDIS_URL", redis_url)
    message = orjson.loads(CeleryMessages(make_celery(Settings.load())).message("tsk_one", "fast"))
    arguments, named, _ = orjson.loads(base64.b64decode(message["body"]))
    assert (arguments, named) == (["tsk_one", "fast"], {})


def test_roots_folders_are_opened_for_passing_through_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from reverie.embedded.postgres_folder import let_through

    closed = tmp_path / "closed"
    (closed / "data").mkdir(parents=True)
    closed.chmod(0o700)
    (closed / "data").chmod(0o700)
    with caplog.at_level(logging.WARNING):
        let_through(closed / "data")
    assert closed.stat().st_mode & 0o077 == 0o011, "passed through, never listed"
    assert str(closed) in caplog.text

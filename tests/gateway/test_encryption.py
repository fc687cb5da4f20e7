"""Encrypted, no file ever holds a user's words; keys can be changed."""

from __future__ import annotations

import base64
import os
import secrets
import subprocess
import sys

import psycopg
import redis

from reverie.embedded import RunningServers
from reverie.store import KeyStore
from tests.gateway.holding import cached, files, holds
from tests.live import LiveService


def fresh_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def test_encrypted_no_file_ever_holds_a_word_and_keys_can_be_rotated(
    servers: RunningServers, database_url: str, redis_url: str
) -> None:
    old, new = fresh_key(), fresh_key()
    word = "cryptogreenhouse"
    body = {"user_id": "sealed", "memories": [f"my {word} number {i}" for i in range(5)]}
    with LiveService(database_url, redis_url, environment={"REVERIE_ENCRYPTION_KEY": old}) as live:
        with live.client(prefer="wait=60") as client:
            task = client.post("/cluster/submit", json=body).json()
            assert task["status"] == "succeeded"
            assert client.post("/cluster/submit", json=body).json()["cached"]
            assert client.post("/cluster/submit", json=body).json()["cached"]
            assert word in client.get("/users/sealed/export").text
            client.get("/webhooks/secret")
        with psycopg.connect(database_url) as connection:
            connection.execute("COMMIT")
            connection.execute("CHECKPOINT")
        folders = (servers.data_dir / "valkey", servers.data_dir / "postgres", live.data_dir)
        assert [str(path) for path, raw in files(*folders) if holds([raw], word)] == []
        assert not holds(cached(redis_url), word)
        for table in ("payloads", "results", "themes"):
            bodies = live.rows(f"SELECT body FROM {table}")
            assert bodies
            assert all(bytes(row["body"])[:1] == b"\x03" for row in bodies), table
    both = {"REVERIE_ENCRYPTION_KEY": f"{new},{old}"}
    environment = {**os.environ, **both, "REVERIE_DATABASE_URL": database_url, "REVERIE_REDIS_URL": redis_url}
    done = subprocess.run(
        [sys.executable, "-m", "reverie", "reencrypt"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    key = KeyStore(database_url).create("after", tenant="default")
    headers = {"authorization": f"Bearer {key}"}
    with redis.Redis.from_url(redis_url) as client_:
        client_.flushall()
    with LiveService(database_url, redis_url, environment={"REVERIE_ENCRYPTION_KEY": new}) as live:
        with live.client(**headers) as client:
            assert client.get(f"/tasks/{task['id']}").json()["result"] == task["result"]
            assert client.get("/webhooks/secret").status_code == 200
    stranger = {"REVERIE_ENCRYPTION_KEY": fresh_key()}
    with LiveService(database_url, redis_url, environment=stranger, workers={}) as live:
        with live.client(**headers) as client:
            refused = client.get(f"/tasks/{task['id']}")
            assert refused.status_code == 503
            assert "REVERIE_ENCRYPTION_KEY" in refused.json()["detail"]

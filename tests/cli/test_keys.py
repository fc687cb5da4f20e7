"""``reverie keys`` on a real database, with the gateway that must believe it."""

from __future__ import annotations

import json
import time

import httpx
import pytest

from reverie.cli import main
from tests.live import LiveService


def test_a_key_is_made_used_listed_and_revoked(
    service: LiveService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REVERIE_DATABASE_URL", service.database_url)
    monkeypatch.setenv("REVERIE_REDIS_URL", service.redis_url)

    def status(key: str, method: str = "GET", path: str = "/tasks") -> int:
        headers = {"authorization": f"Bearer {key}"}
        return httpx.request(method, service.url + path, headers=headers, timeout=30).status_code

    assert main(["keys", "create", "bot", "--scopes", "submit,read"]) == 0
    secret = capsys.readouterr().out.strip()
    assert status(secret) == 200
    assert status(secret, "DELETE", "/users/u1") == 403

    assert main(["keys", "list", "--json"]) == 0
    listed = capsys.readouterr().out
    assert secret not in listed
    made = next(key for key in json.loads(listed) if key["name"] == "bot")
    assert made["scopes"] == ["read", "submit"]

    assert main(["keys", "revoke", made["id"]]) == 0
    end = time.monotonic() + 30
    while status(secret) != 401:  # the gateway hears of it over Redis
        assert time.monotonic() < end
    assert main(["keys", "revoke", made["id"]]) == 1
    assert "no such live key" in capsys.readouterr().err
    assert main(["keys", "create", "bot", "--scopes", "everything"]) == 1
    assert main(["keys", "list"]) == 0
    assert "revoked" in capsys.readouterr().out

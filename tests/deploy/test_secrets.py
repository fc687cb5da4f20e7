"""Secrets from files, as containers hand them over."""

from __future__ import annotations

from pathlib import Path

import pytest

from reverie._secrets import read_secret
from reverie.client._wire import default_key
from reverie.errors import StartupError
from reverie.settings import ServerSettings


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "BROKER_URL", "API_KEY"):
        monkeypatch.delenv(f"REVERIE_{name}", raising=False)


def test_a_password_from_a_file_joins_its_url(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("p@ss/w:rd%\n")
    monkeypatch.setenv("REVERIE_DATABASE_URL", "postgresql://reverie@db.example:5433/reverie?sslmode=verify-full")
    monkeypatch.setenv("REVERIE_REDIS_URL", "rediss://cache:6379/0")
    monkeypatch.setenv("REVERIE_DATABASE_PASSWORD_FILE", str(secret))
    monkeypatch.setenv("REVERIE_REDIS_PASSWORD_FILE", str(secret))
    server = ServerSettings()
    assert server.database_url is not None
    assert server.redis_url is not None
    assert server.database_url.get_secret_value() == (
        "postgresql://reverie:p%40ss%2Fw%3Ard%25@db.example:5433/reverie?sslmode=verify-full"
    )
    assert server.redis_url.get_secret_value() == "rediss://:p%40ss%2Fw%3Ard%25@cache:6379/0"
    assert "p@ss" not in repr(server)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://reverie:own@db/reverie",  # has a password already
        "unix:///run/redis.sock",  # a socket has nobody to ask for one
    ],
)
def test_a_url_that_needs_no_password_stays(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    server = ServerSettings(redis_url=url, redis_password="other")
    assert server.redis_url is not None
    assert server.redis_url.get_secret_value() == url


def test_a_variable_comes_before_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("from-the-file")
    monkeypatch.setenv("REVERIE_API_KEY_FILE", str(secret))
    assert default_key("http://elsewhere.example") == "from-the-file"
    given = ServerSettings().api_key
    assert given is not None
    assert given.get_secret_value() == "from-the-file"
    monkeypatch.setenv("REVERIE_API_KEY", "from-the-variable")
    assert default_key("http://elsewhere.example") == "from-the-variable"


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe"])  # absent, empty, blank, not text
def test_a_file_without_a_secret_stops_the_start_and_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StartupError, match=f"REVERIE_API_KEY_FILE: {path}"):
        read_secret("REVERIE_API_KEY", {"REVERIE_API_KEY_FILE": str(path)})


def test_neither_is_none() -> None:
    assert read_secret("REVERIE_API_KEY", {}) is None

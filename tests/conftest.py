"""Real PostgreSQL and Valkey for every test that asks for them: one pair for each test process, started here."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from reverie.embedded import RunningServers, start_servers
from reverie.store import migrate
from tests.invariants import broken_rules
from tests.live import LiveService

_numbers = itertools.count()

# Exact figures are float32's; what a machine would choose has tests of its own.
os.environ["REVERIE_PRECISION"] = "float32"


@pytest.fixture(scope="session")
def servers() -> Iterator[RunningServers]:
    """PostgreSQL and Valkey of this test process. That they do not start is an error, never a skip."""
    # Not pytest's own folder: its path is long and closed to the user that PostgreSQL runs as.
    folder = Path(tempfile.mkdtemp(prefix="reverie-test-"))
    try:
        with start_servers(folder) as running:
            with psycopg.connect(running.database_url, autocommit=True) as connection:
                connection.execute("CREATE DATABASE reverie_template")
            migrate(running.database_url.replace("/postgres?", "/reverie_template?"))
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def database_url(servers: RunningServers) -> Iterator[str]:
    """A fresh, migrated database for each test module."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE reverie_template".encode())
    yield servers.database_url.replace("/postgres?", f"/{name}?")
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(autouse=True)
def invariants(request: pytest.FixtureRequest) -> Iterator[None]:
    """After every test with a database: the rules of ``tests.invariants`` hold, whatever is still running."""
    url = request.getfixturevalue("database_url") if "database_url" in request.fixturenames else None
    yield
    if url is not None:
        broken = broken_rules(url)
        assert not broken, broken


@pytest.fixture(scope="module")
def redis_url(servers: RunningServers) -> str:
    """An empty Valkey for each test module."""
    with redis.Redis.from_url(servers.redis_url) as client:
        client.flushall()
    return servers.redis_url


@pytest.fixture(scope="module")
def service(database_url: str, redis_url: str) -> Iterator[LiveService]:
    """A gateway and two workers as real processes, with the fake embedder (its vectors cluster by shared words)."""
    with LiveService(database_url, redis_url) as live:
        yield live
        live.check_invariants()

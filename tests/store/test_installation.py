"""What an installation chose once stays with its data."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from reverie.embedded import RunningServers
from reverie.store import migrate
from reverie.store.installation import kept_precision


def never() -> str:
    raise AssertionError("nothing is left to choose")


def test_the_first_choice_stays_and_a_person_may_change_it(database_url: str) -> None:
    assert kept_precision(database_url, "auto", lambda: "int8") == "int8"
    assert kept_precision(database_url, "auto", never) == "int8"
    assert kept_precision(database_url, "float32", never) == "float32"
    assert kept_precision(database_url, "auto", never) == "float32"


@pytest.fixture
def empty_database(servers: RunningServers) -> Iterator[str]:
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE upgraded")
    yield servers.database_url.replace("/postgres?", "/upgraded?")
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE upgraded WITH (FORCE)")


@pytest.mark.parametrize(("vectors", "kept"), [(1, "float32"), (0, "int8")])
def test_an_installation_from_before_keeps_float32_where_it_has_vectors(
    empty_database: str, monkeypatch: pytest.MonkeyPatch, vectors: int, kept: str
) -> None:
    migrating = importlib.import_module("reverie.store.migrate")
    every = migrating._migrations()
    monkeypatch.setattr(migrating, "_migrations", lambda: [m for m in every if m[0] < 23])
    migrate(empty_database)
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO vectors (tenant, user_id, model, text_key, vector) SELECT 't', 'u', 'm', '', '' "
            "FROM generate_series(1, %s)",
            (vectors,),
        )
    monkeypatch.undo()
    migrate(empty_database)
    assert kept_precision(empty_database, "auto", lambda: "int8") == kept


def test_a_start_waits_for_a_database_that_is_not_up_yet(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connect, away = psycopg.connect, [1, 2]

    def sometimes(*arguments: Any, **options: Any) -> Any:
        if away:
            away.pop()
            raise psycopg.OperationalError("no such file")
        return connect(*arguments, **options)

    monkeypatch.setattr(psycopg, "connect", sometimes)
    with pytest.raises(psycopg.OperationalError):
        migrate(database_url)
    assert migrate(database_url, wait=60.0) == []
    assert not away

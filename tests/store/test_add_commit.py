"""An add is answered once its transaction is committed, and is an error when that fails at the last moment."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.gateway.keeping import added


@pytest.fixture
def refusing(database_url: str) -> Iterator[str]:
    """A database that refuses memories of the id ``last`` at the commit, and nothing before it."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'refused at the commit' USING ERRCODE = '23514'; END $$"
        )
        connection.execute(
            "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON memories DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW WHEN (new.id = 'last') EXECUTE FUNCTION refuse()"
        )
        yield database_url
        connection.execute("DROP TRIGGER refuse ON memories")
        connection.execute("DROP FUNCTION refuse()")


def test_an_add_whose_commit_fails_is_an_error_and_leaves_nothing(refusing: str) -> None:
    assert added(refusing, "commits", [{"id": "first", "text": "tea"}]).added == 1
    with pytest.raises(psycopg.errors.CheckViolation):
        added(refusing, "commits", [{"id": "more", "text": "cake"}, {"id": "last", "text": "rain"}])
    assert added(refusing, "commits", [{"id": "then", "text": "snow"}]).version == 2
    with psycopg.connect(refusing) as connection:
        found = connection.execute(
            "SELECT m.id FROM memories m JOIN people p ON p.id = m.person WHERE p.user_id = 'commits' ORDER BY m.id"
        ).fetchall()
    assert [row[0] for row in found] == ["first", "then"]


def test_a_statement_that_fails_is_told_as_itself(database_url: str) -> None:
    with pytest.raises(psycopg.errors.NumericValueOutOfRange):
        added(database_url, "fails", [{"id": "a", "text": "tea", "access_count": 2**40}])
    assert added(database_url, "fails", [{"id": "a", "text": "tea"}]).added == 1

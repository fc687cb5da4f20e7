"""Migrations that run by themselves: numbered SQL files, each in one transaction, one runner at a time."""

from __future__ import annotations

import logging
import time
from importlib.resources import files

import psycopg

__all__ = ["migrate"]

log = logging.getLogger(__name__)

# Any fixed number: it only has to differ from other advisory locks of the product.
_LOCK = 0x52455645_0001

_PATIENCE = 300.0
"""Seconds that a migration waits, in all, for a table that others use."""


def _migrations() -> list[tuple[int, str]]:
    folder = files(__package__) / "migrations"
    found = [
        (int(f.name.split("_")[0]), f.read_text(encoding="utf-8")) for f in folder.iterdir() if f.name.endswith(".sql")
    ]
    return sorted(found)


def _connect(database_url: str, wait: float) -> psycopg.Connection:
    end = time.monotonic() + wait
    while True:
        try:
            return psycopg.connect(database_url, autocommit=True, connect_timeout=10)
        except psycopg.OperationalError:
            if time.monotonic() >= end:
                raise
        time.sleep(0.02)


def _apply(connection: psycopg.Connection, version: int, script: str) -> None:
    """Run one migration while others serve.

    A change of a table waits for every transaction that reads it, and everybody else then waits behind it. So it
    gives up after two seconds, lets the others pass, and tries again.
    """
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            with connection.transaction():
                connection.execute("SET LOCAL lock_timeout = '2s'")
                connection.execute(script.encode())
                connection.execute("INSERT INTO reverie_migrations (version) VALUES (%s)", (version,))
            return
        except psycopg.errors.LockNotAvailable:
            if time.monotonic() > end:
                raise
            log.warning("migration %d waits for a table that is in use", version)
            time.sleep(0.5)


def migrate(database_url: str, *, wait: float = 0.0) -> list[int]:
    """Bring the schema up to date; returns the numbers of the migrations that ran.

    ``wait``: seconds in which the database may still be starting. Raises ``psycopg.OperationalError`` after that.

    Safe to call from many processes at once: an advisory lock lets one work while the others wait.
    A database that is newer than this code is left alone, so that old and new versions can serve side by side.
    """
    ran: list[int] = []
    with _connect(database_url, wait) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        try:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS reverie_migrations "
                "(version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
            )
            there = {row[0] for row in connection.execute("SELECT version FROM reverie_migrations").fetchall()}
            for version, script in _migrations():
                if version in there:
                    continue
                _apply(connection, version, script)
                ran.append(version)
        finally:
            connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))
    return ran

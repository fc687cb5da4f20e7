"""Where the bot's SQL runs: SQLite in its own thread, or PostgreSQL. One seam: a list of statements, one commit."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from reverie.errors import MissingExtra, StartupError

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

__all__ = ["Database", "Row", "Statement", "open_database"]

Row: TypeAlias = dict[str, Any]
Statement: TypeAlias = tuple[str, Mapping[str, Any]]
"""The name of a query in ``queries.sql`` and its parameters."""

_NAME = re.compile(r"^-- name: (\w+)\n", re.M)
_PARAMETER = re.compile(r"(?<![:\w]):(\w+)")


class Database(Protocol):
    """Runs statements in one transaction."""

    async def run(self, *statements: Statement) -> list[list[Row]]:
        """The rows of each statement. Either all take effect or none."""

    async def close(self) -> None:
        """Give the connections back."""


def read_queries() -> dict[str, str]:
    """The named queries, without their comments."""
    text = files("reverie.bot.store").joinpath("queries.sql").read_text(encoding="utf-8")
    pieces = _NAME.split(text)[1:]
    return {
        name: "\n".join(line for line in body.splitlines() if not line.startswith("--")).strip()
        for name, body in zip(pieces[::2], pieces[1::2], strict=True)
    }


async def open_database(url: str) -> Database:
    """Connect and create what is missing. ``sqlite:///path`` or ``postgresql://...``; raises ``StartupError``."""
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        database: Database = SQLite(Path(rest[1:] if rest.startswith("/") and rest[1:2] in "./~" else rest))
    elif scheme in ("postgresql", "postgres"):
        database = await Postgres.connect(url)
    else:
        raise StartupError(
            "REVERIE_BOT_STORE: write sqlite:///path/to/file or postgresql://user:password@host/database"
        )
    await database.run(*((name, {}) for name in read_queries() if name.startswith("create_")))
    return database


class SQLite:
    """One connection in one thread, so that the event loop never waits for the disk."""

    def __init__(self, path: Path) -> None:
        self._queries = read_queries()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bot-store")
        self._path = path.expanduser()
        self._connection: sqlite3.Connection | None = None

    def _connect(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # The folder may be shared; what people said to the bot is for its own account's eyes.
            self._path.touch(mode=0o600)
            connection = sqlite3.connect(self._path, isolation_level=None, timeout=10.0)
        except (OSError, sqlite3.Error) as error:
            raise StartupError(f"The bot's store {self._path} cannot be opened ({error}).") from error
        connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode = WAL", "foreign_keys = ON", "synchronous = FULL", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _run(self, statements: Sequence[Statement]) -> list[list[Row]]:
        if self._connection is None:
            self._connection = self._connect()
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            results = [
                [dict(row) for row in self._connection.execute(self._queries[name], parameters).fetchall()]
                for name, parameters in statements
            ]
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        return results

    async def run(self, *statements: Statement) -> list[list[Row]]:
        """See ``Database``."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, statements)

    async def close(self) -> None:
        """See ``Database``."""

        def end() -> None:
            if self._connection is not None:
                # What was deleted must not stay behind in the write-ahead log.
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                self._connection.close()

        await asyncio.get_running_loop().run_in_executor(self._thread, end)
        self._thread.shutdown()


_HERE = """
SELECT 1 FROM information_schema.columns
WHERE table_schema = current_schema() AND table_name = 'memories' AND column_name = 'message_id'
"""


async def _into_schema(connection: AsyncConnection[Row]) -> None:
    """Use the schema ``reverie_bot``: the service may share the database, and has a table of memories, too.

    A bot's own tables from before there was that schema are used where they are.
    """
    if not await (await connection.execute(_HERE)).fetchall():
        await connection.execute("SELECT pg_advisory_xact_lock(7208243)")
        await connection.execute("CREATE SCHEMA IF NOT EXISTS reverie_bot")
        await connection.execute("SET search_path TO reverie_bot")
    await connection.commit()


class Postgres:
    """A small pool of connections, shared by everything in this process."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[Row]]) -> None:
        self._queries = {name: _PARAMETER.sub(r"%(\1)s", query) for name, query in read_queries().items()}
        self._pool = pool

    @classmethod
    async def connect(cls, url: str) -> Postgres:
        """Open the pool. Raises ``StartupError`` when nothing answers within 10 seconds."""
        try:
            from psycopg import AsyncConnection
            from psycopg.rows import dict_row
            from psycopg_pool import AsyncConnectionPool, PoolTimeout
        except ModuleNotFoundError as error:
            raise MissingExtra("discord,gateway", what="A bot store in PostgreSQL") from error
        pool: AsyncConnectionPool[AsyncConnection[Row]] = AsyncConnectionPool(
            url,
            connection_class=AsyncConnection[Row],
            kwargs={"row_factory": dict_row},
            min_size=1,
            max_size=4,
            open=False,
            configure=_into_schema,
        )
        try:
            await pool.open(wait=True, timeout=10.0)
        except PoolTimeout as error:
            await pool.close()
            raise StartupError("The bot's store does not answer (REVERIE_BOT_STORE).") from error
        return cls(pool)

    async def run(self, *statements: Statement) -> list[list[Row]]:
        """See ``Database``."""
        results: list[list[Row]] = []
        async with self._pool.connection() as connection, connection.transaction():
            for name, parameters in statements:
                cursor = await connection.execute(self._queries[name].encode(), dict(parameters))
                results.append(await cursor.fetchall() if cursor.description else [])
        return results

    async def close(self) -> None:
        """See ``Database``."""
        await self._pool.close()

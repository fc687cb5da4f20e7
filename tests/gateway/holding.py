"""Everything that the service holds, as bytes to search: tables, keys, files."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import redis
from zstandard import ZstdError

from reverie.embedded.binaries import find_postgres
from reverie.store import decompressed

ZSTD = b"\x01\x28\xb5\x2f\xfd"
"""How a body begins that is not encrypted."""


def dump(url: str) -> list[bytes]:
    """Every value of every table, bodies decoded, and pg_dump's own text where the program is there."""
    values: list[bytes] = []
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'.encode()).fetchall():
                for value in row:
                    raw = bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                    values.append(raw)
                    if isinstance(value, bytes | memoryview) and raw[:5] == ZSTD:
                        values.append(decompressed(raw))
    program = find_postgres(None).bin / "pg_dump"
    if program.exists():
        values.append(subprocess.run([program, "--dbname", url], stdout=subprocess.PIPE, check=True).stdout)
    return values


def cached(url: str) -> list[bytes]:
    """Every key and value of Valkey, answers decoded."""
    values: list[bytes] = []

    def note(raw: bytes) -> None:
        values.append(raw)
        if (at := raw.find(ZSTD)) >= 0:  # behind what tells whose it is, or which
            with suppress(ValueError, ZstdError):  # chance, in a vector
                values.append(decompressed(raw[at:]))

    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter(count=1000):
            note(key)
            kind = client.type(key)
            if kind == b"string":
                note(client.get(key))
            elif kind == b"hash":
                for name, value in client.hgetall(key).items():
                    note(name)
                    note(value)
            elif kind == b"list":
                for value in client.lrange(key, 0, -1):
                    note(value)
            elif kind == b"zset":
                for value in client.zrange(key, 0, -1):
                    note(value)
            elif kind == b"set":
                for value in client.smembers(key):
                    note(value)
    return values


def files(*folders: Path) -> Iterator[tuple[Path, bytes]]:
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                yield path, path.read_bytes()


def rewrite_append_only_file(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.bgrewriteaof()
        while (
            client.info("persistence")["aof_rewrite_in_progress"]
            or (client.info("persistence")["aof_rewrite_scheduled"])
        ):
            pass


def holds(values: Iterable[bytes], *words: str) -> bool:
    wanted = [word.encode() for word in words]
    return any(word in value for value in values for word in wanted)

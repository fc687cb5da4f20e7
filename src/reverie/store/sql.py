"""Reads the ``.sql`` files of this folder once: each query starts with ``-- name: the_name``."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

import psycopg

from reverie.contracts import INTERNAL_OPERATIONS

__all__ = ["fetch_all", "fetch_one", "queries", "sql"]

_Connection = psycopg.AsyncConnection[dict[str, Any]]

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@cache
def queries() -> dict[str, str]:
    """All queries by name, without their comment lines; ``{internal_operations}`` is filled in."""
    scripts = sorted((f for f in files(__package__).iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    # A query ends where the next one's name stands; what stands above a file's first name belongs to none.
    parts = [part for f in scripts for part in _NAME.split(f.read_text(encoding="utf-8"))[1:]]
    out: dict[str, str] = {}
    internal = ", ".join(f"'{name}'" for name in INTERNAL_OPERATIONS)
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        if name in out:
            raise ValueError(f"query {name} is there twice")
        lines = (line for line in body.strip().splitlines() if not line.lstrip().startswith("--"))
        out[name] = "\n".join(lines).replace("{internal_operations}", internal)
    return out


@cache
def sql(name: str) -> bytes:
    """The query called ``name`` (bytes, which psycopg takes as trusted text)."""
    return queries()[name].rstrip().rstrip(";").encode()


async def fetch_all(connection: _Connection, query: str, /, **values: Any) -> list[dict[str, Any]]:
    """What the query of this name finds."""
    return await (await connection.execute(sql(query), values or None)).fetchall()


async def fetch_one(connection: _Connection, query: str, /, **values: Any) -> dict[str, Any] | None:
    """The first row of what it finds."""
    return await (await connection.execute(sql(query), values or None)).fetchone()

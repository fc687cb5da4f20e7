"""Reads the ``.sql`` files of this folder once: each query starts with ``-- name: the_name``."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from reverie.contracts import INTERNAL_OPERATIONS

__all__ = ["queries", "sql"]

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


def sql(name: str) -> bytes:
    """The query called ``name`` (bytes, which psycopg takes as trusted text)."""
    return queries()[name].rstrip().rstrip(";").encode()

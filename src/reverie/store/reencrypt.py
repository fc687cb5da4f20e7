"""Bring every stored body under the present encryption key, in small transactions beside the running service."""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from reverie.store.codec import Codec
from reverie.store.sql import sql

__all__ = ["reencrypt"]

_BITE = 200

_TABLES = {
    "payloads": "",
    "results": "",
    "themes": "",
    "webhook_secrets": "",
    "memories": '[0, ""]',
    "supersessions": '[0, ""]',
    "people": "[0]",
    "views": '[0, ""]',
    "happenings": "[0]",
}
"""What holds bodies, and the place before the first one: a key, or the parts of one as JSON."""


def reencrypt(database_url: str, codec: Codec, on_progress: Callable[[str, int], None]) -> dict[str, int]:
    """Seal all bodies that are not under the first key of ``codec``; returns how many, by table.

    Safe to stop and to run again. Raises ``ServiceUnavailable`` naming the key when an old one is missing.
    """
    done: dict[str, int] = {}
    with psycopg.connect(database_url, autocommit=True, connect_timeout=10) as connection:
        for table, first in _TABLES.items():
            done[table] = 0
            after = first
            while True:
                rows = connection.execute(sql(f"reencrypt_{table}"), {"after": after, "limit": _BITE}).fetchall()
                if not rows:
                    break
                for place, bodies in ((row[0], [bytes(b) if b is not None else None for b in row[1:]]) for row in rows):
                    after = place
                    if not any(b is not None and codec.needs_sealing(b) for b in bodies):
                        continue
                    sealed = [codec.seal(codec.open(b)) if b is not None else None for b in bodies]
                    # Only what is still as it was read: a task may have been run again meanwhile.
                    values = {"place": place, "old": bodies[0], "new": sealed[0], "previous": sealed[-1]}
                    done[table] += connection.execute(sql(f"reseal_{table}"), values).rowcount
                on_progress(table, done[table])
    return done

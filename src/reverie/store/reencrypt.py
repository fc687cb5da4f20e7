"""Bring every stored value under the present encryption key and to its own place, beside the running service.

Small transactions; what older versions stored in the open, callback addresses and idempotency keys, is sealed as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.rows import dict_row

from reverie.store import places
from reverie.store.codec import Codec, Place
from reverie.store.names import key_names, opened_key, opened_url, url_names
from reverie.store.sql import fetch_all, sql

__all__ = ["TABLES", "reencrypt", "seal_what_is_plain"]

_BITE = 200

_Row = dict[str, Any]
_Again = Callable[[Codec, _Row], _Row | None]
"""What a row is to be written as, the parameters of its ``reseal`` query; None when it is as it would be saved now."""


def _bodies(of: Callable[[_Row], tuple[Place, ...]]) -> _Again:
    """Rows with a ``body``, and perhaps an ``other``, at the places that ``of`` gives."""

    def again(codec: Codec, row: _Row) -> _Row | None:
        stored = [bytes(row[name]) if row[name] is not None else None for name in ("body", "other")]
        if all(one is None or codec.is_current(one) for one in stored):
            return None
        where = (*of(row), None)
        new = [
            codec.again(one, at) if one is not None and at is not None else None
            for one, at in zip(stored, where[:2], strict=True)
        ]
        return {"at": row["at"], "body": new[0], "other": new[1], "old": stored[0], "old_other": stored[1]}

    return again


def _idempotency(codec: Codec, row: _Row) -> _Row | None:
    tenant, answer = row["tenant"], bytes(row["answer"]) if row["answer"] is not None else None
    plain = opened_key(codec, tenant, row)
    name = key_names(codec, tenant, plain)[0]
    sealed = row["sealed_key"] is not None and codec.is_current(bytes(row["sealed_key"]))
    if sealed and name == row["key"] and (answer is None or codec.is_current(answer)):
        return None
    return {
        "tenant": tenant,
        "key": name,
        "old_key": row["key"],
        "sealed": codec.save(plain.encode(), places.idempotency_key(tenant, name)),
        "answer": codec.again(answer, places.kept_answer(tenant, plain)) if answer is not None else None,
        "old_answer": answer,
    }


def _webhook(codec: Codec, row: _Row) -> _Row | None:
    old = bytes(row["sealed_url"]) if row["sealed_url"] is not None else None
    url = opened_url(codec, row)
    name = url_names(codec, row["tenant"], url)[0]
    if old is not None and codec.is_current(old) and row["url_hash"] == name:
        return None
    about = row["task_id"] or f"evt_{row['happening']}"
    sealed = codec.save(url.encode(), places.callback(row["tenant"], about))
    return {"id": row["id"], "url": sealed, "hash": name, "old": old}


def _disabled(codec: Codec, row: _Row) -> _Row | None:
    tenant, old_hash, url = row["tenant"], bytes(row["url_hash"]), row["url"]
    old = bytes(row["sealed_url"]) if row["sealed_url"] is not None else None
    if old is not None:
        url = codec.load(old, places.disabled_callback(tenant, old_hash)).decode()
    name = url_names(codec, tenant, url)[0]
    if old is not None and codec.is_current(old) and old_hash == name:
        return None
    sealed = codec.save(url.encode(), places.disabled_callback(tenant, name))
    return {"tenant": tenant, "url": sealed, "hash": name, "old_hash": old_hash}


TABLES: dict[str, tuple[str, _Again]] = {
    "payloads": ("", _bodies(lambda r: (places.payload(r["tenant"], r["at"]),))),
    "results": ("", _bodies(lambda r: (places.result(r["tenant"], r["at"]),))),
    "themes": ('["", "", ""]', _bodies(lambda r: (places.themes(r["tenant"], r["user_id"], r["model"]),))),
    "webhook_secrets": ("", _bodies(lambda r: (places.webhook_secret(r["tenant"]),) * 2)),
    "memories": (
        '[0, ""]',
        _bodies(lambda r: tuple(of(r["tenant"], r["user_id"], r["id"]) for of in (places.memory, places.reason))),
    ),
    "people": ("[0]", _bodies(lambda r: (places.settings(r["tenant"], r["user_id"]),))),
    "views": (
        '[0, ""]',
        _bodies(lambda r: tuple(of(r["tenant"], r["user_id"], r["kind"]) for of in (places.view, places.side))),
    ),
    "happenings": ("[0]", _bodies(lambda r: (places.event(r["tenant"], r["user_id"], r["kind"], r["key"]),))),
    "idempotency": ('["", ""]', _idempotency),
    "webhooks": ("[0]", _webhook),
    "webhooks_disabled": ('["", ""]', _disabled),
}
"""What holds sealed values: the place before the first one, and how a row is sealed anew."""


def reencrypt(database_url: str, codec: Codec, on_progress: Callable[[str, int], None]) -> dict[str, int]:
    """Seal all values that are not as they would be saved now; returns how many rows, by table.

    Safe to stop and to run again. Raises ``ServiceUnavailable`` naming the key when an old one is missing,
    ``SealBroken`` naming the row whose value is another row's.
    """
    done: dict[str, int] = {}
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row, connect_timeout=10) as connection:
        for table, (after, again) in TABLES.items():
            done[table] = 0
            while rows := connection.execute(sql(f"reencrypt_{table}"), {"after": after, "limit": _BITE}).fetchall():
                for row in rows:
                    values = again(codec, row)
                    if values is not None:
                        done[table] += connection.execute(sql(f"reseal_{table}"), values).rowcount
                after = rows[-1]["at"]
                on_progress(table, done[table])
    return done


async def seal_what_is_plain(connection: psycopg.AsyncConnection[_Row], codec: Codec) -> int:
    """Seal a bite of what an older version stored in the open; how many rows."""
    done = (await connection.execute(sql("forget_plain_callbacks"), {"limit": _BITE})).rowcount
    for table in ("idempotency", "webhooks", "webhooks_disabled"):
        for row in await fetch_all(connection, f"plain_{table}", limit=_BITE):
            values = TABLES[table][1](codec, row)
            if values is not None:
                done += (await connection.execute(sql(f"reseal_{table}"), values)).rowcount
    return done

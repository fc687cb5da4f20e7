"""Moving users to another model by hand: their texts are embedded before they are needed, and the choice is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import psycopg
from psycopg.rows import dict_row

from reverie._text_key import text_key
from reverie.embedding import Embedder
from reverie.store import Codec, places
from reverie.store.sql import sql

__all__ = ["Moved", "pin_tenant", "reembed"]

_BITE = 256
"""Texts between two transactions: so much is done again after a kill."""

_Connection = psycopg.Connection[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Moved:
    """How far a user is."""

    tenant: str
    user_id: str
    #: Texts embedded now.
    texts: int
    #: Whether the user has the model now.
    done: bool


def reembed(
    database_url: str,
    codec: Codec,
    embedder: Embedder,
    model: str | None,
    *,
    tenant: str | None,
    user_id: str | None,
    forget: Callable[[str, str], None] = lambda tenant, user: None,
) -> Iterator[Moved]:
    """Embed all stored texts of each user by ``embedder``, then give the user ``model`` (None: what the language says).

    Stored memories, and the memories of the user's last request. What has a vector already is left out, so a run that
    was stopped goes on where it was. ``forget`` is called with each user who has moved. Yields after every step.
    """
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row, connect_timeout=10) as connection:
        users = connection.execute(sql("users_with_texts"), {"tenant": tenant, "user_id": user_id}).fetchall()
        for user in users:
            who = {"tenant": user["tenant"], "user_id": user["user_id"], "model": embedder.model.key}
            done = 0
            for held, found in _texts(connection, codec, who):
                done += _keep(connection, embedder, who, held, found)
                yield Moved(user["tenant"], user["user_id"], done, done=False)
            with connection.transaction():
                if model is None:
                    connection.execute(sql("unset_user_model"), who)
                else:
                    chosen = {**who, "model": model, "pinned": True, "moved": True}
                    connection.execute(sql("set_user_model"), chosen)
                connection.execute(sql("forget_answers"), who)
            forget(user["tenant"], user["user_id"])
            yield Moved(user["tenant"], user["user_id"], done, done=True)


def pin_tenant(database_url: str, tenant: str, model: str | None) -> None:
    """Give all users of a tenant without a choice of their own ``model``; None takes the tenant's choice back."""
    who = {"tenant": tenant, "user_id": ""}
    with psycopg.connect(database_url, autocommit=True, connect_timeout=10) as connection:
        if model is None:
            connection.execute(sql("unset_user_model"), who)
        else:
            connection.execute(sql("set_user_model"), {**who, "model": model, "pinned": True, "moved": True})


def _texts(
    connection: _Connection, codec: Codec, who: dict[str, Any]
) -> Iterator[tuple[tuple[str, dict[str, Any]], dict[bytes, str]]]:
    """``((query that proves the user is there, its parameters), {text key: text})`` without vectors of the model."""
    after = ""
    while rows := connection.execute(
        sql("memories_without_vector"), {**who, "after": after, "limit": _BITE}
    ).fetchall():
        yield ("hold_known_user", who), {r["text_key"]: _text(r, codec, who) for r in rows}
        after = rows[-1]["id"]
    sent = connection.execute(sql("last_payload_of_user"), who).fetchone()
    if sent is None:
        return
    request = orjson.loads(codec.load(bytes(sent["body"]), places.payload(who["tenant"], sent["id"])))
    memories = request.get("memories") or []
    texts = [m if isinstance(m, str) else m["text"] for m in memories]
    keyed = {text_key(text): text for text in texts}
    known = connection.execute(sql("known_vectors"), {**who, "keys": list(keyed)}).fetchall()
    left = [key for key in keyed if key not in {row["text_key"] for row in known}]
    for start in range(0, len(left), _BITE):
        yield ("hold_sent", {"task": sent["id"]}), {key: keyed[key] for key in left[start : start + _BITE]}


def _text(row: dict[str, Any], codec: Codec, who: dict[str, Any]) -> str:
    words = orjson.loads(codec.load(bytes(row["body"]), places.memory(who["tenant"], who["user_id"], row["id"])))
    return str(words["text"])


def _keep(
    connection: _Connection,
    embedder: Embedder,
    who: dict[str, Any],
    held: tuple[str, dict[str, Any]],
    found: dict[bytes, str],
) -> int:
    made = embedder.embed(list(found.values()))
    rows = np.ascontiguousarray(made.vectors, dtype="<f4")
    tokens = _shares(made.tokens, [len(text) for text in found.values()])
    with connection.transaction():
        if connection.execute(sql(held[0]), held[1]).fetchone() is None:
            return 0  # erased meanwhile
        parameters = {**who, "keys": list(found), "vectors": [row.tobytes() for row in rows], "tokens": tokens}
        connection.execute(sql("insert_vectors"), parameters)
    return len(found)


def _shares(total: int, lengths: Sequence[int]) -> list[int]:
    whole = sum(lengths) or 1
    return [round(total * length / whole) for length in lengths]

"""By what callback addresses and idempotency keys are found, of which only the sealed form is stored."""

from __future__ import annotations

import hashlib
from typing import Any

from reverie.store import places
from reverie.store.codec import Codec

__all__ = ["key_names", "opened_key", "opened_url", "url_names"]

_HASHED = "\x1f"
"""Begins what no client can send: an idempotency key is printable."""


def key_names(codec: Codec, tenant: str, key: str) -> list[str]:
    """What may stand for ``key`` in ``idempotency.key``: the first is the one to store, the last is the key itself, as
    older versions stored it."""
    return [*(_HASHED + name.hex() for name in codec.names(key, places.idempotency_key(tenant, ""))), key]


def url_names(codec: Codec, tenant: str, url: str) -> list[bytes]:
    """What may stand for ``url`` in ``url_hash``: the first is the one to store, the last is of older versions."""
    return [*codec.names(url, places.disabled_callback(tenant, b"")), hashlib.sha256(url.encode()).digest()]


def opened_url(codec: Codec, row: dict[str, Any]) -> str:
    """The address of a row of ``webhooks``."""
    if row["sealed_url"] is None:
        return str(row["url"])
    about = row["task_id"] or f"evt_{row['happening']}"
    return codec.load(bytes(row["sealed_url"]), places.callback(row["tenant"], about)).decode()


def opened_key(codec: Codec, tenant: str, row: dict[str, Any]) -> str:
    """The key of a row of ``idempotency``."""
    if row["sealed_key"] is None:
        return str(row["key"])
    return codec.load(bytes(row["sealed_key"]), places.idempotency_key(tenant, row["key"])).decode()

"""API keys: made, listed and revoked here; checked by the gateway."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from reverie.errors import InvalidInput
from reverie.store.sql import sql

__all__ = ["SCOPES", "Key", "KeyStore", "hash_key", "key_id", "new_key"]

SCOPES = ("submit", "read", "erase", "admin")


@dataclass(frozen=True, slots=True)
class Key:
    """A key as the gateway knows it; the secret itself is nowhere."""

    id: str
    tenant: str
    name: str
    scopes: frozenset[str]
    created_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


def hash_key(key: str) -> bytes:
    """SHA-256: enough for secrets of 256 random bits, and cheap on every request."""
    return hashlib.sha256(key.encode()).digest()


def key_id(key: str) -> str:
    """The public name of a key; tells nothing about the secret."""
    return "key_" + hashlib.sha256(b"reverie key id\x00" + key.encode()).hexdigest()[:16]


def new_key() -> str:
    """A fresh secret of 256 random bits."""
    return "rv_" + secrets.token_urlsafe(32)


class KeyStore:
    """Manages keys over one short-lived connection per call; for start-up and the command line."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url

    def _connect(self) -> psycopg.Connection[dict[str, Any]]:
        return psycopg.connect(self._url, autocommit=True, row_factory=dict_row, connect_timeout=10)

    def create(
        self, name: str, *, tenant: str = "default", scopes: tuple[str, ...] = SCOPES, secret: str | None = None
    ) -> str:
        """Store a key and return its secret, which cannot be shown again.

        Raises ``InvalidInput`` for an unknown scope or a given secret under 16 characters.
        """
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown or not scopes:
            raise InvalidInput(f"unknown scope {', '.join(unknown) or '(none)'}; choose from {', '.join(SCOPES)}")
        if secret is not None and len(secret) < 16:
            raise InvalidInput("an API key needs at least 16 characters")
        if not tenant or len(tenant) > 128 or not tenant.isprintable():
            raise InvalidInput("a tenant's name has 1 to 128 printable characters")
        key = secret or new_key()
        with self._connect() as connection:
            connection.execute(
                sql("insert_key"),
                {"id": key_id(key), "tenant": tenant, "name": name, "hash": hash_key(key), "scopes": list(scopes)},
            )
        return key

    def list(self) -> list[Key]:
        """All keys, oldest first."""
        with self._connect() as connection:
            rows = connection.execute(sql("list_keys")).fetchall()
        return [Key(**{**row, "scopes": frozenset(row["scopes"])}) for row in rows]

    def revoke(self, id_or_secret: str) -> bool:
        """Revoke by id or by the secret itself; False when no such key is live."""
        wanted = id_or_secret if id_or_secret.startswith("key_") else key_id(id_or_secret)
        with self._connect() as connection:
            return connection.execute(sql("revoke_key"), {"id": wanted}).fetchone() is not None

    def any(self) -> bool:
        """Whether any live key exists."""
        with self._connect() as connection:
            row = connection.execute(sql("any_key")).fetchone()
        return bool(row and row["found"])

"""Webhooks in PostgreSQL: what is due, who sends it, and what became of it."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from reverie.store import places
from reverie.store.gateway_store import GatewayStore
from reverie.store.names import opened_url, url_names
from reverie.store.sql import fetch_all, fetch_one, sql
from reverie.store.submissions import Connection, join_webhook

__all__ = ["Delivery", "WebhookStore"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook this process holds the lease of."""

    id: int
    #: None for a webhook that tells of a happening.
    task_id: str | None
    happening: int | None
    tenant: str
    url: str
    seq: int
    #: This try included.
    attempts: int
    token: int
    #: The address answered 410 Gone before.
    disabled: bool

    @property
    def message_id(self) -> str:
        """The same on every try, so that a receiver can drop repetitions."""
        return self.name(self.id, self.seq)

    @staticmethod
    def name(id: int, seq: int) -> str:  # noqa: A002 - the column's name
        """The id of webhook ``id``'s message about the event ``seq``."""
        return f"msg_{id}_{seq}"


class WebhookStore:
    """The sender's and the routes' queries, over the gateway's pool."""

    def __init__(self, store: GatewayStore) -> None:
        self._store = store
        self._codec = store.codec

    async def add(self, tenant: str, task_id: str, url: str) -> None:
        """A webhook for a task that was there already (an answer from the cache)."""
        async with self._store.connection() as connection, connection.transaction():
            await join_webhook(connection, self._codec, tenant, task_id, url)

    async def claim(self, lease: float, limit: int, *, each: int, full: Collection[str] = ()) -> list[Delivery]:
        """Take what is due, at most ``each`` of a tenant and none of the tenants ``full``.

        Nobody else gets it for ``lease`` seconds.
        """
        async with self._store.connection() as connection:
            rows = await fetch_all(connection, "claim_webhooks", lease=lease, limit=limit, each=each, full=[*full])
            for row in rows:
                row["url"] = opened_url(self._codec, row)
                del row["sealed_url"]
            off = await self._off(connection, rows) if rows else set()
        return [Delivery(**row, disabled=number in off) for number, row in enumerate(rows)]

    async def _off(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> set[int]:
        """The numbers of those whose address is disabled."""
        hashes = [
            (number, row["tenant"], name)
            for number, row in enumerate(rows)
            for name in url_names(self._codec, row["tenant"], row["url"])
        ]
        numbers, tenants, names = (list(column) for column in zip(*hashes, strict=True))
        found = await fetch_all(connection, "disabled_among", numbers=numbers, tenants=tenants, hashes=names)
        return {row["n"] for row in found}

    async def end(
        self, delivery: Delivery, state: str, *, wait: float = 0.0, status: int | None = None, error: str | None = None
    ) -> bool:
        """Write what became of a try; False when the lease was lost or the task erased."""
        told = {"state": state, "wait": wait, "status": status, "error": error}
        async with self._store.connection() as connection, connection.transaction():
            if state == "disabled":
                name = url_names(self._codec, delivery.tenant, delivery.url)[0]
                sealed = self._codec.save(delivery.url.encode(), places.disabled_callback(delivery.tenant, name))
                what = {"tenant": delivery.tenant, "url": sealed, "hash": name}
                await connection.execute(sql("disable_webhook"), what)
            return await fetch_one(connection, "end_webhook", id=delivery.id, token=delivery.token, **told) is not None

    async def secrets(self, tenant: str) -> list[str]:
        """The tenant's signing secrets, the present one first; made on first use."""
        async with self._store.connection() as connection:
            for _ in range(2):
                row = await fetch_one(connection, "get_webhook_secret", tenant=tenant)
                if row is not None:
                    break
                await connection.execute(sql("make_webhook_secret"), {"tenant": tenant, "secret": self._fresh(tenant)})
        if row is None:
            raise psycopg.InternalError("the webhook secret vanished while it was read")
        place = places.webhook_secret(tenant)
        return [self._codec.load(bytes(s), place).decode() for s in (row["secret"], row["previous"]) if s is not None]

    async def rotate(self, tenant: str) -> None:
        """Make a new secret; the old one signs beside it for a day."""
        async with self._store.connection() as connection:
            await connection.execute(sql("rotate_webhook_secret"), {"tenant": tenant, "secret": self._fresh(tenant)})

    async def list(self, tenant: str, task_id: str | None, limit: int) -> list[dict[str, Any]]:
        """A tenant's webhooks, newest first."""
        rows = await self._store.rows("list_webhooks", tenant=tenant, task_id=task_id, limit=limit)
        hidden = ("tenant", "happening", "sealed_url")
        return [
            {name: v for name, v in row.items() if name not in hidden} | {"url": opened_url(self._codec, row)}
            for row in rows
        ]

    async def disabled(self, tenant: str) -> Sequence[dict[str, Any]]:
        """Addresses that answered 410 Gone."""
        rows = await self._store.rows("list_disabled", tenant=tenant)
        return [{"url": self._disabled_url(tenant, row), "disabled_at": row["disabled_at"]} for row in rows]

    def _disabled_url(self, tenant: str, row: dict[str, Any]) -> str:
        if row["sealed_url"] is None:
            return str(row["url"])
        place = places.disabled_callback(tenant, bytes(row["url_hash"]))
        return self._codec.load(bytes(row["sealed_url"]), place).decode()

    async def enable(self, tenant: str, url: str) -> bool:
        """Send to an address again; False when it was not disabled."""
        hashes = url_names(self._codec, tenant, url)
        return await self._store.row("enable_webhook", tenant=tenant, hashes=hashes) is not None

    def _fresh(self, tenant: str) -> bytes:
        # The form of Standard Webhooks: 24 to 64 random bytes in base64 behind a prefix.
        fresh = b"whsec_" + base64.b64encode(secrets.token_bytes(32))
        return self._codec.save(fresh, places.webhook_secret(tenant))

"""Sends signed webhooks (Standard Webhooks) when tasks end.

PostgreSQL holds what is due; each gateway process takes some under a lease, sends them and writes down the outcome.
A process that is killed loses nothing: its leases run out and another sends. A receiver may therefore see a message
twice, with the same ``webhook-id``; two processes never send one at the same time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

import orjson
from cachetools import LRUCache
from standardwebhooks.webhooks import Webhook

from reverie._retry_after import retry_after
from reverie.aio.background import Background
from reverie.errors import ReverieError
from reverie.gateway.http.responses import opened_result, task_json
from reverie.gateway.push.public_addresses import AddressPolicy, BlockedAddress
from reverie.settings import WebhookSettings
from reverie.store import Delivery, GatewayStore, TaskRow, WebhookStore, places

if TYPE_CHECKING:
    import aiohttp

__all__ = ["WebhookSender", "pause"]

log = logging.getLogger(__name__)

_LOOK_EVERY = 1.0
_PAUSE = 5.0
"""Seconds after a look that failed unexpectedly."""
_MOST_MARGIN = 15.0
_AT_ONCE = 16
_OF_ONE_TENANT = 4
"""Messages of one tenant under way at once: its slow receivers must not take the places of all."""
_LONGEST_PAUSE = 12 * 3600.0
_LONGEST_WAIT = 3600.0
"""Most seconds for which a receiver may ask to be left alone."""
_MOST_RESULT = 1024 * 1024
"""Stored results above this size are not in the message; the receiver fetches the task."""


def pause(attempts: int, first: float, jitter: float) -> float:
    """Seconds until the try after the ``attempts``-th: ``first`` times 5, 25, 125 ..., at most 12 hours.

    ``jitter`` is 0 to 1 and adds up to a fifth, so that a receiver that comes back is not met by all at once.
    """
    return float(min(first * 5.0 ** (attempts - 1), _LONGEST_PAUSE) * (1 + jitter / 5))


class WebhookSender:
    """One a process; ``wake`` is called when a task with a webhook has ended."""

    def __init__(self, store: GatewayStore, settings: WebhookSettings) -> None:
        self._store = store
        self._settings = settings
        self.webhooks = WebhookStore(store)
        self.policy = AddressPolicy(settings.webhook_allow.split(","))
        self._wake = asyncio.Event()
        self._background = Background(pause=_PAUSE)
        self._session: aiohttp.ClientSession | None = None
        self._running: set[asyncio.Task[None]] = set()
        #: Messages under way by tenant.
        self._busy: Counter[str] = Counter()
        self._watched: LRUCache[str, None] = LRUCache(10_000)
        #: What became of tries since the start.
        self.outcomes: Counter[str] = Counter()

    def start(self) -> None:
        """Start sending in the background."""
        self._background.run(self._run, "webhooks")

    async def stop(self) -> None:
        """Stop; what is being sent is sent again by the next process."""
        await self._background.stop()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def watch(self, task_id: str) -> None:
        """Send as soon as this task ends, rather than at the next look."""
        self._watched[task_id] = None

    def ended(self, task_id: str) -> None:
        """The hub saw a task end."""
        if task_id in self._watched:
            del self._watched[task_id]
            self._wake.set()

    def wake(self) -> None:
        """Look at once."""
        self._wake.set()

    async def _open(self) -> aiohttp.ClientSession:
        # A seventh of the code of a gateway that starts, and most send no webhook in their life.
        await asyncio.to_thread(import_module, "aiohttp")
        import aiohttp

        # Every connection is checked; no connection outlives its message, so none is reused unchecked either.
        connector = aiohttp.TCPConnector(
            limit=_AT_ONCE, force_close=True, use_dns_cache=False, socket_factory=self.policy.socket_factory
        )
        return aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=self._settings.webhook_timeout),
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            with contextlib.suppress(ReverieError):  # the database is away; what is due stays due
                await self._send_due()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY):
                    await self._wake.wait()

    async def _send_due(self) -> None:
        free = _AT_ONCE - len(self._running)
        if free <= 0:
            return
        timeout_s = self._settings.webhook_timeout
        lease = timeout_s + max(1.0, min(timeout_s, _MOST_MARGIN))
        full = [tenant for tenant, count in self._busy.items() if count >= _OF_ONE_TENANT]
        due = await self.webhooks.claim(lease, free, each=_OF_ONE_TENANT, full=full)
        if due and self._session is None:
            self._session = await self._open()
        for delivery in due:
            self._busy[delivery.tenant] += 1
            task = asyncio.create_task(self._deliver(delivery))
            self._running.add(task)
            task.add_done_callback(partial(self._done, delivery.tenant))

    def _done(self, tenant: str, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._busy[tenant] -= 1
        if not self._busy[tenant]:
            del self._busy[tenant]
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            # The lease runs out and the message is sent again.
            log.warning("a webhook's outcome was not written: %s", type(error).__name__)

    async def _deliver(self, delivery: Delivery) -> None:
        import aiohttp  # there already: it made the session

        assert self._session is not None
        if delivery.disabled:
            await self._end(delivery, "disabled", error="the address answered 410 Gone before")
            return
        body = await self._message(delivery)
        if body is None:
            return  # erased meanwhile, and the webhook with it
        status: int | None = None
        asked: float | None = None
        try:
            self.policy.check_url(delivery.url)
            headers = await self._headers(delivery, body)
            async with self._session.post(delivery.url, data=body, headers=headers, allow_redirects=False) as answer:
                status, asked = answer.status, retry_after(answer.headers.get("retry-after"))
                error = None if 200 <= status < 300 else f"answered {status}"
        except BlockedAddress:
            error = "the address is not public"
        except TimeoutError:
            error = f"did not answer within {self._settings.webhook_timeout:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            blocked = isinstance(failure.__cause__, BlockedAddress) or isinstance(
                getattr(failure, "os_error", None), BlockedAddress
            )
            error = "the address is not public" if blocked else f"could not be reached ({type(failure).__name__})"
        except ReverieError as failure:
            error = failure.message
        if error is None:
            await self._end(delivery, "delivered", status=status)
        elif status == 410:
            await self._end(delivery, "disabled", status=status, error="answered 410 Gone")
        elif delivery.attempts >= self._settings.webhook_attempts:
            await self._end(delivery, "failed", status=status, error=error)
        else:
            wait = pause(delivery.attempts, self._settings.webhook_retry, random.random())
            if status in (429, 503):
                wait = max(wait, min(asked or 0.0, _LONGEST_WAIT))
            await self._end(delivery, "pending", wait=wait, status=status, error=error)

    async def _end(
        self, delivery: Delivery, state: str, *, wait: float = 0.0, status: int | None = None, error: str | None = None
    ) -> None:
        outcome = "retried" if state == "pending" else state
        self.outcomes[outcome] += 1
        about = delivery.task_id or f"evt_{delivery.happening}"
        log.info("webhook %s of %s: %s, try %d", delivery.message_id, about, outcome, delivery.attempts)
        await self.webhooks.end(delivery, state, wait=wait, status=status, error=error)

    async def _message(self, delivery: Delivery) -> bytes | None:
        """The message's body; None when what it tells of is gone."""
        if delivery.task_id is not None:
            found = await self._store.task_with_result(delivery.tenant, delivery.task_id)
            return None if found is None else await self._body(*found)
        row = await self._store.row("get_happening", id=delivery.happening, tenant=delivery.tenant)
        if row is None:
            return None
        place = places.event(delivery.tenant, row["user_id"], row["kind"], row["key"])
        data = {"user_id": row["user_id"], **orjson.loads(await self._store.load(bytes(row["body"]), place))}
        return orjson.dumps({"type": row["kind"], "timestamp": row["at"], "data": data})

    async def _body(self, row: TaskRow, stored: bytes | None) -> bytes:
        large = stored is not None and len(stored) > _MOST_RESULT
        result = await opened_result(self._store, row, stored) if not large else None
        head = orjson.dumps({"type": f"task.{row.status}", "timestamp": row.finished_at or datetime.now(UTC)})
        task = task_json(row, result)
        if large:
            task = task[:-1] + b',"result_omitted":true}'
        return head[:-1] + b',"data":' + task + b"}"

    async def _headers(self, delivery: Delivery, body: bytes) -> dict[str, str]:
        now = datetime.now(UTC)
        text = body.decode()
        # Separated by spaces: the receiver may know the old secret or the new one.
        secrets = await self.webhooks.secrets(delivery.tenant)
        signatures = [Webhook(secret).sign(delivery.message_id, now, text) for secret in secrets]
        return {
            "Content-Type": "application/json",
            "User-Agent": "Reverie-Webhooks/1",
            "webhook-id": delivery.message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }

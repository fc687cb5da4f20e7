"""The connection to the service: addresses, headers, tries, the breaker, and what was last known of each user.

Clients, tasks and users ask through it; it knows none of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from reverie._breaker import Breaker
from reverie.client._known import LastKnown
from reverie.client._resilience import pauses
from reverie.client._wire import Result, default_key, default_url, error_of, segment
from reverie.contracts import Receipt, Task
from reverie.errors import ReverieError, ServiceUnavailable

__all__ = ["LARGE_BYTES", "Connection", "read_task"]

LARGE_BYTES = 64 * 1024
"""Messages above this size are parsed in a thread."""


async def read_task(data: bytes) -> Task:
    """A task from its JSON, off the loop when it carries a large result."""
    if len(data) > LARGE_BYTES:
        return await asyncio.to_thread(Task.model_validate_json, data)
    return Task.model_validate_json(data)


class Connection:
    """What ``AsyncReverie`` is made on; its options are explained there."""

    def __init__(
        self,
        url: str | None,
        api_key: str | None,
        *,
        connect_timeout: float,
        timeout: float,
        tries: int,
        session: aiohttp.ClientSession | None,
        remember_in: Path | None,
    ) -> None:
        self.url = (url or default_url()).rstrip("/")
        self._key = api_key if api_key is not None else default_key(self.url)
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=connect_timeout, sock_connect=connect_timeout)
        self._tries = max(1, tries)
        self._session = session
        self._own_session = session is None
        self._breaker = Breaker(failures=5, seconds=5.0)
        self._known = LastKnown(remember_in)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None and self._own_session:
            await self._session.close()
            self._session = None

    # -- what tasks and users ask for ------------------------------------------------------------

    async def _read_task(self, task_id: str) -> Task:
        return await read_task(await self._call("GET", f"/tasks/{segment(task_id)}"))

    async def _cancel_task(self, task_id: str) -> Task:
        return await read_task(await self._call("DELETE", f"/tasks/{segment(task_id)}"))

    async def _forget_user(self, user_id: str) -> Receipt:
        await asyncio.to_thread(self._known.forget, user_id)
        return Receipt.model_validate_json(await self._call("DELETE", f"/users/{segment(user_id)}"))

    async def _export_user(self, user_id: str) -> dict[str, Any]:
        body = await self._call("GET", f"/users/{segment(user_id)}/export")
        exported: dict[str, Any] = await asyncio.to_thread(json.loads, body)
        return exported

    async def _remember(self, user_id: str, operation: str, result: Result, since: float) -> None:
        """Keep a result for ``last_known``; tasks do that by themselves. Errors of writing the folder are ignored."""
        self._known.put(user_id, operation, result, since)
        if self._known.on_disk:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(self._known.write, user_id, operation)

    # -- the wire --------------------------------------------------------------------------------

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession()
            self._own_session = True
        return self._session

    def _address(self, path: str) -> URL:
        # An id keeps its encoding: resolved, "%2E%2E" would be a step up.
        return URL(str(URL(self.url)).rstrip("/") + path, encoded=True) if "%" in path else URL(self.url + path)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key}"} if self._key else {}

    @asynccontextmanager
    async def _open_socket(
        self, path: str, query: Mapping[str, str] | None = None
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A WebSocket to the service. Raises ``TimeoutError`` when the handshake takes too long."""
        async with asyncio.timeout(self._timeout.total):
            socket = await self._http().ws_connect(
                self.url + path, params=query, headers=self._headers(), heartbeat=20, max_msg_size=0
            )
        async with socket:
            yield socket

    def _open_stream(self, path: str, last: int, silent: float) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Server-sent events after number ``last``; ``silent`` is the longest pause between signs of life, seconds."""
        headers = {**self._headers(), "Accept": "text/event-stream"}
        if last >= 0:
            headers["Last-Event-ID"] = str(last)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._timeout.sock_connect, sock_read=silent)
        return self._http().get(self.url + path, headers=headers, timeout=timeout, allow_redirects=False)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        data: bytes | None = None,
        params: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
        patience: float = 0.0,
    ) -> bytes:
        timeout = aiohttp.ClientTimeout(
            total=(self._timeout.total or 30.0) + patience, sock_connect=self._timeout.sock_connect
        )
        waits = pauses()
        error: ReverieError | None = None
        for attempt in range(1, self._tries + 1):
            left = self._breaker.enter()
            if left > 0:
                late = "The service did not answer lately; not asked again yet."
                raise error or ServiceUnavailable(late, retry_after=left)
            alive: bool | None = None
            try:
                async with self._http().request(
                    method,
                    self._address(path),
                    data=data,
                    params=params,
                    headers={**self._headers(), **(headers or {})},
                    timeout=timeout,
                    allow_redirects=False,
                ) as answer:
                    body = await answer.read()
                    alive = answer.status < 500  # also where the request is at fault
                    if answer.status < 400:
                        return body
                    error = error_of(answer.status, body, answer.headers.get("Retry-After"))
                    said, silent = getattr(error, "retry_after", 0.0), False
                    if answer.status != 429 and alive:
                        raise error
            except (aiohttp.ClientError, TimeoutError, OSError) as cause:
                # Nobody said when to return: a broken connection is tried again soon, a silent one not at all.
                alive, said, silent = False, 0.0, isinstance(cause, TimeoutError)
                error = ServiceUnavailable(f"Nothing answers at {self.url} ({type(cause).__name__}).", retry_after=2.0)
            finally:
                self._breaker.leave(alive=alive)
            pause = max(next(waits), said)
            # A long Retry-After is the caller's to wait for, not ours to hide.
            if attempt == self._tries or silent or pause > 5.0 or self._breaker.state == "open":
                raise error
            await asyncio.sleep(pause)
        raise AssertionError("unreachable")

"""Following one task: WebSocket, else server-sent events, else asking now and then. Reconnects by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from urllib.parse import quote

import aiohttp

from reverie.client._connection import LARGE_BYTES, Connection
from reverie.client._resilience import pauses
from reverie.client._wire import SseParser, error_of, event_of_task
from reverie.contracts import TERMINAL, Event
from reverie.errors import Forbidden, NotFound, ServiceUnavailable, TooManyRequests, Unauthorized

__all__ = ["follow", "read_event", "refusal"]

_SILENT = 60.0
"""Seconds of silence after which an event stream counts as dead; the service sends a comment every 20."""

Stream = Callable[[Connection, str, int], AsyncIterator[Event]]


def refusal(code: int | None, what: str) -> Exception | None:
    """The error behind a WebSocket's close code, None where connecting again may help."""
    if code == 4401:
        return Unauthorized("The service does not accept this API key.")
    if code == 4403:
        return Forbidden(f"This API key may not read {what}.")
    if code == 4404:
        return NotFound(f"There is no {what}.")
    return None


async def read_event(data: str | bytes) -> Event:
    """An event from its JSON, off the loop when it carries a large result."""
    if len(data) > LARGE_BYTES:
        return await asyncio.to_thread(Event.model_validate_json, data)
    return Event.model_validate_json(data)


async def follow(client: Connection, task_id: str) -> AsyncIterator[Event]:
    """Events of a task, each once, until its end.

    Raises ``Unauthorized``, ``Forbidden`` or ``NotFound``; a service that is away is waited for.
    """
    last = -1
    seen: object = None
    strikes = 0
    streams: tuple[Stream, ...] = (_socket, _sse)
    waits = pauses()
    while True:
        heard = False
        # Two tries of the socket, then the other kind in turn: a proxy may let only one of them through.
        stream = streams[(strikes // 2) % 2]
        try:
            async with aclosing(stream(client, task_id, last)) as events:  # type: ignore[type-var]
                async for event in events:
                    if not heard:
                        heard, waits = True, pauses()
                    if event.seq <= last:
                        continue
                    last, seen = event.seq, (event.type, event.progress)
                    yield event
                    if event.type in TERMINAL:
                        return
        except (aiohttp.ClientError, OSError, TimeoutError, ServiceUnavailable, TooManyRequests):
            pass
        strikes = 0 if heard else strikes + 1
        if strikes >= 2:
            # No stream gets through, or the service is away: asking works for both.
            try:
                task = await client._read_task(task_id)
            except (ServiceUnavailable, TooManyRequests):
                pass
            else:
                event = event_of_task(task, last)
                # Not what the stream has sent before it broke off.
                if event.type in TERMINAL or (event.type, event.progress) != seen:
                    seen = (event.type, event.progress)
                    yield event
                if task.status in TERMINAL:
                    return
        await asyncio.sleep(next(waits))


async def _socket(client: Connection, task_id: str, last: int) -> AsyncIterator[Event]:
    async with client._open_socket(f"/results/{quote(task_id, safe='')}") as socket:
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            yield await read_event(message.data)
        refused = refusal(socket.close_code, f"task {task_id}")
    if refused is not None:
        raise refused


async def _sse(client: Connection, task_id: str, last: int) -> AsyncIterator[Event]:
    parser = SseParser()
    async with client._open_stream(f"/results/{quote(task_id, safe='')}", last, _SILENT) as answer:
        if answer.status >= 400:
            raise error_of(answer.status, await answer.read(), answer.headers.get("Retry-After"))
        async for chunk in answer.content.iter_any():
            for data in parser.feed(chunk):
                yield await read_event(data)

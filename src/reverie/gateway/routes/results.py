"""Results as they come: WebSocket and server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, WebSocket
from fastapi.responses import Response, StreamingResponse
from starlette.websockets import WebSocketDisconnect

from reverie.contracts import INTERNAL_OPERATIONS, TERMINAL, Operation
from reverie.errors import Forbidden, NotFound, ReverieError, TooManyRequests, Unauthorized
from reverie.gateway.auth import bearer
from reverie.gateway.push.hub import Subscription
from reverie.gateway.routes.deps import TaskId, Ticket
from reverie.gateway.state import State, state_of
from reverie.store import Key, TaskRow
from reverie.store.happenings import stream_name

__all__ = ["router"]

router = APIRouter(tags=["results"])

_PING = 20.0
"""Seconds between signs of life on a quiet stream."""

_SEND = 10.0
"""Seconds a client may take to read one event before it is dropped."""

CLOSE_UNAUTHORIZED, CLOSE_FORBIDDEN, CLOSE_NOT_FOUND, CLOSE_BUSY, CLOSE_SLOW = 4401, 4403, 4404, 4429, 1013
CLOSE_BINARY = 1003


async def _who(connection: Request | WebSocket, ticket: str | None) -> Key:
    auth = state_of(connection).auth
    if ticket is not None:
        return await auth.use_ticket(ticket, "read")
    return await auth.check(bearer(connection.headers.get("authorization")), "read")


async def _of_task(state: State, subscription: Subscription, row: TaskRow, after: int) -> AsyncIterator[dict[str, Any]]:
    """Stored state first, then live events, until the end."""
    first = row.event()
    last = subscription.seen[row.id] = max(first["seq"], after)
    if first["seq"] > after or row.ended:
        yield first
        if row.ended:
            return
    while True:
        event = await subscription.events.get()
        if event is None:
            return
        # What was queued while the row was being read may be older than the row.
        if event["seq"] <= last:
            continue
        last = event["seq"]
        yield event
        if event["type"] in TERMINAL:
            return


def _check_sockets(state: State, key: Key) -> None:
    most = state.settings.limits.sockets
    if state.hub.open_streams(key.id) >= most:
        raise TooManyRequests(f"This key has {most} open result streams, the most it may have.", retry_after=5.0)


@router.websocket("/results/{task_id}")
async def task_socket(socket: WebSocket, task_id: str, ticket: Annotated[str | None, Query()] = None) -> None:
    """Events of one task until its end; then the socket is closed with 1000."""
    state = state_of(socket)
    await socket.accept()
    try:
        key = await _who(socket, ticket)
        _check_sockets(state, key)
        subscription = Subscription(key.tenant, task_id, key.id)
        with state.hub.subscribe(subscription):
            row = await state.store.task(key.tenant, task_id) if "\x00" not in task_id else None
            if row is None or row.operation in INTERNAL_OPERATIONS:
                raise NotFound(f"There is no task {task_id[:80]!r}.")
            await _pump(socket, subscription, _frames(state, _of_task(state, subscription, row, -1)))
    except ReverieError as error:
        await _refuse(socket, error)


@router.websocket("/results")
async def tenant_socket(
    socket: WebSocket,
    user_id: Annotated[str | None, Query(max_length=256)] = None,
    operation: Annotated[str | None, Query(max_length=32)] = None,
    ticket: Annotated[str | None, Query()] = None,
) -> None:
    """All events of the tenant: first the state of everything unfinished, then what happens."""
    state = state_of(socket)
    await socket.accept()
    try:
        key = await _who(socket, ticket)
        if operation is not None and operation not in set(Operation):
            raise NotFound(f"There is no operation {operation[:32]!r}.")
        _check_sockets(state, key)
        subscription = Subscription(key.tenant, key_id=key.id, user_id=user_id, operation=operation)
        with state.hub.subscribe(subscription):
            rows = await state.store.unfinished(key.tenant)
            await _pump(socket, subscription, _frames(state, _of_tenant(subscription, rows)))
    except ReverieError as error:
        await _refuse(socket, error)


async def _of_tenant(subscription: Subscription, rows: list[TaskRow]) -> AsyncIterator[dict[str, Any]]:
    for row in rows:
        event = row.event()
        if subscription.wants(event) and event["seq"] > subscription.seen.get(row.id, -1):
            subscription.seen[row.id] = event["seq"]
            yield event
    first = {row.id: row.seq for row in rows}
    while (upcoming := await subscription.events.get()) is not None:
        if upcoming["seq"] > first.get(stream_name(upcoming), -1):
            yield upcoming


async def _frames(state: State, events: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    async for event in events:
        yield await state.event_frames.of(event)


async def _pump(socket: WebSocket, subscription: Subscription, frames: AsyncIterator[bytes]) -> None:
    """Send until the frames end, the client leaves, or it stops reading."""

    async def send() -> None:
        async for frame in frames:
            async with asyncio.timeout(_SEND):
                await socket.send_text(frame.decode())

    unread = False

    async def receive() -> None:
        # Nothing is expected from the client; reading notices that it left.
        nonlocal unread
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while (message := await socket.receive())["type"] == "websocket.receive":
                if message.get("text") is None:
                    unread = True
                    return

    sender, receiver = asyncio.create_task(send()), asyncio.create_task(receive())
    try:
        await asyncio.wait({sender, receiver}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sender, receiver):
            task.cancel()
        ended = await asyncio.gather(sender, receiver, return_exceptions=True)
    failure = ended[0]
    if isinstance(failure, ReverieError):
        raise failure
    with contextlib.suppress(RuntimeError, WebSocketDisconnect, OSError):
        if subscription.revoked:
            await socket.close(CLOSE_UNAUTHORIZED, "the API key was revoked")
        elif unread:
            await socket.close(CLOSE_BINARY, "binary frames are not understood")
        elif subscription.overrun or isinstance(failure, TimeoutError):
            await socket.close(CLOSE_SLOW, "too slow, or the gateway is stopping: connect again")
        elif failure is None:
            await socket.close(1000)


async def _refuse(socket: WebSocket, error: ReverieError) -> None:
    code = 1011
    for kind, its in (
        (Unauthorized, CLOSE_UNAUTHORIZED),
        (Forbidden, CLOSE_FORBIDDEN),
        (NotFound, CLOSE_NOT_FOUND),
        (TooManyRequests, CLOSE_BUSY),
    ):
        if isinstance(error, kind):
            code = its
    with contextlib.suppress(RuntimeError, WebSocketDisconnect, OSError):
        await socket.close(code, error.message[:120])


@router.get("/results/{task_id}", operation_id="streamTask", response_class=StreamingResponse)
async def task_events(task_id: TaskId, request: Request, ticket: Ticket = None) -> Response:
    """The same events as server-sent events; ``Last-Event-ID`` resumes after an event already seen."""
    state = state_of(request)
    key = await _who(request, ticket)
    _check_sockets(state, key)
    row = await state.store.task(key.tenant, task_id)
    if row is None or row.operation in INTERNAL_OPERATIONS:
        raise NotFound(f"There is no task {task_id[:80]!r}.")
    last = request.headers.get("last-event-id", "")
    after = int(last) if last.isascii() and last.isdigit() and len(last) < 19 else -1

    async def stream() -> AsyncIterator[bytes]:
        subscription = Subscription(key.tenant, task_id, key.id)
        with state.hub.subscribe(subscription):
            current = await state.store.task(key.tenant, task_id)
            if current is None:
                return
            yield b"retry: 1000\n\n"
            events = _of_task(state, subscription, current, after)
            upcoming: asyncio.Task[dict[str, Any]] | None = None
            try:
                while True:
                    upcoming = upcoming or asyncio.ensure_future(anext(events))
                    done, _ = await asyncio.wait({upcoming}, timeout=_PING)
                    if not done:
                        yield b": still here\n\n"
                        continue
                    try:
                        event = upcoming.result()
                    except StopAsyncIteration:
                        return
                    upcoming = None
                    frame = await state.event_frames.of(event)
                    yield b"id: %d\nevent: %s\ndata: %s\n\n" % (event["seq"], event["type"].encode(), frame)
            finally:
                if upcoming is not None:
                    upcoming.cancel()

    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream(), media_type="text/event-stream", headers=headers)

"""Events as the bytes that streams send; a result is fetched and unpacked once for all that wait for it now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson

from reverie.gateway.http.responses import event_json
from reverie.store import GatewayStore, places
from reverie.store.happenings import stream_name

__all__ = ["EventFrames"]


class EventFrames:
    """Nothing is kept beyond the moment: what is erased later must not be sent from here."""

    def __init__(self, store: GatewayStore) -> None:
        self._store = store
        self._making: dict[tuple[str, int], asyncio.Task[bytes]] = {}

    async def of(self, event: dict[str, Any]) -> bytes:
        """The event as JSON, with the task's result when it has succeeded. Raises ``ServiceUnavailable``."""
        if event["type"] != "succeeded" and "event_id" not in event:
            return event_json(event)
        key = (stream_name(event), event["seq"])
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = asyncio.create_task(self._make(event))
            making.add_done_callback(self._forget(key))
        # One listener that leaves must not take it from the others.
        return await asyncio.shield(making)

    async def _make(self, event: dict[str, Any]) -> bytes:
        if "event_id" in event:
            # Only listeners of its tenant got it.
            row = await self._store.row("get_happening_body", id=event["seq"], event_task=event["task_id"])
            data = b"null"
            if row is not None:
                place = places.event(row["tenant"], row["user_id"], row["kind"], row["key"])
                data = await self._store.load(bytes(row["body"]), place)
            return orjson.dumps(event)[:-1] + b',"data":' + data + b"}"
        row = await self._store.row("get_event_result", id=event["task_id"])
        if row is None:
            return event_json(event)
        place = places.result(row["tenant"], event["task_id"])
        return event_json(event, await self._store.load(bytes(row["body"]), place))

    def _forget(self, key: tuple[str, int]) -> Callable[[asyncio.Task[bytes]], None]:
        def forget(task: asyncio.Task[bytes]) -> None:
            del self._making[key]
            if not task.cancelled():
                task.exception()  # all listeners may have left

        return forget

"""A result is read once for all streams that wait for it at this moment, and not kept after."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from reverie.errors import ServiceUnavailable
from reverie.gateway.push.event_frames import EventFrames
from reverie.store import Codec, Place, compressed

EVENT = {"task_id": "tsk_1", "seq": 7, "type": "succeeded"}


class Results:
    """Stands in for the store: counts questions, and answers when it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.go = asyncio.Event()
        self.error: Exception | None = None

    async def row(self, name: str, **asked: object) -> dict[str, object]:
        self.asked += 1
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return {"tenant": "t", "body": compressed(b'{"themes":[]}')}

    async def load(self, stored: bytes, place: Place) -> bytes:
        return Codec().load(stored, place)


async def test_a_thousand_listeners_ask_once_and_one_that_leaves_takes_nothing_along() -> None:
    store = Results()
    frames = EventFrames(store)  # type: ignore[arg-type]
    listeners = [asyncio.create_task(frames.of(EVENT)) for _ in range(1000)]
    await asyncio.sleep(0)
    listeners[0].cancel()
    store.go.set()
    told = await asyncio.gather(*listeners[1:])
    assert store.asked == 1
    assert set(told) == {orjson.dumps(EVENT)[:-1] + b',"result":{"themes":[]}}'}
    await frames.of(EVENT)
    assert store.asked == 2, "what was erased meanwhile must not come from memory"


async def test_all_hear_of_a_database_that_is_away_and_the_next_asks_again() -> None:
    store = Results()
    frames = EventFrames(store)  # type: ignore[arg-type]
    store.error = ServiceUnavailable("away", retry_after=1.0)
    store.go.set()
    told = await asyncio.gather(frames.of(EVENT), frames.of(EVENT), return_exceptions=True)
    assert [type(one) for one in told] == [ServiceUnavailable, ServiceUnavailable]
    store.error = None
    assert orjson.loads(await frames.of(EVENT))["result"] == {"themes": []}


@pytest.mark.parametrize("kind", ["queued", "running", "progress", "failed", "cancelled"])
async def test_other_events_ask_nothing(kind: str) -> None:
    store = Results()
    frame = await EventFrames(store).of({**EVENT, "type": kind})  # type: ignore[arg-type]
    assert (orjson.loads(frame)["type"], store.asked) == (kind, 0)

"""An answer in time, whatever happens to the work behind it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from reverie.errors import ReverieError, ServiceUnavailable

__all__ = ["ends_within", "within"]

T = TypeVar("T")
_SLICE = 0.05

log = logging.getLogger(__name__)
_left: set[asyncio.Task[Any]] = set()


async def within(seconds: float, work: Coroutine[Any, Any, T], *, otherwise: str, retry_after: float = 2.0) -> T:
    """The result of ``work``; ``ServiceUnavailable`` with the text ``otherwise`` when it takes longer.

    The work is then left to end by itself and not cancelled: cancelling a query on a frozen server waits for that
    server. What it does after all (a row stored, say) must be harmless.
    """
    task = asyncio.create_task(work)
    _left.add(task)
    task.add_done_callback(_done)
    if not await ends_within(seconds, task):
        raise ServiceUnavailable(otherwise, retry_after=retry_after)
    return task.result()


async def ends_within(seconds: float, future: asyncio.Future[Any]) -> bool:
    """Wait until ``future`` is done, for at most ``seconds`` in which this process had the processor.

    Counted in short waits, each as long as it should have been: on a machine so busy that the loop itself comes late,
    the work is late for the same reason, and nothing is down.
    """
    if future.done():
        return True
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def wake(_: object) -> None:
        if not ended.done():
            ended.set_result(None)

    future.add_done_callback(wake)
    ticks = _ticks.get(loop)
    if ticks is None:
        ticks = _ticks[loop] = _Ticks()
    ticks.wake_after(max(1, round(seconds / _SLICE)), ended)
    try:
        await ended
    finally:
        future.remove_done_callback(wake)
    if not future.done():
        await asyncio.sleep(0)  # a loop that was held up runs its timers before the answers that came meanwhile
    return future.done()


class _Ticks:
    """One timer for all who wait in a loop; a timer for each of their short waits would cost more than the rest."""

    # The loop is not kept: it is the key under which this lies, and must be free to go.

    def __init__(self) -> None:
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._count = 0
        self._ticking = False

    def wake_after(self, ticks: int, sleeper: asyncio.Future[None]) -> None:
        """End ``sleeper`` after ``ticks`` whole ticks, unless it ends before."""
        self._waiting.append((self._count + ticks + self._ticking, sleeper))
        if not self._ticking:
            self._ticking = True
            asyncio.get_running_loop().call_later(_SLICE, self._tick)

    def _tick(self) -> None:
        self._count += 1
        left = []
        for until, sleeper in self._waiting:
            if sleeper.done():
                continue
            if until <= self._count:
                sleeper.set_result(None)
            else:
                left.append((until, sleeper))
        self._waiting = left
        self._ticking = bool(left)
        if left:
            asyncio.get_running_loop().call_later(_SLICE, self._tick)


_ticks: WeakKeyDictionary[asyncio.AbstractEventLoop, _Ticks] = WeakKeyDictionary()


def _done(task: asyncio.Task[Any]) -> None:
    _left.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, ReverieError):
        log.debug("work nobody waited for failed: %s", type(error).__name__)

"""An answer in time, whatever happens to the work behind it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

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
    for _ in range(max(1, round(seconds / _SLICE))):
        await asyncio.wait({future}, timeout=_SLICE)
        if future.done():
            return True
    await asyncio.sleep(0)  # a loop that was held up runs its timers before the answers that came meanwhile
    return future.done()


def _done(task: asyncio.Task[Any]) -> None:
    _left.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, ReverieError):
        log.debug("work nobody waited for failed: %s", type(error).__name__)

"""Loops, and single pieces of work, that run beside the requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

__all__ = ["Background", "started"]

log = logging.getLogger(__name__)

_PAUSE = 1.0
"""Seconds until a loop that failed is run again."""


class Background:
    """The loops and the work of one part of the service, each with a name, until ``stop``.

    A loop that raises is logged and run again after ``pause`` seconds; one that returns has ended.
    """

    def __init__(self, *, pause: float = _PAUSE) -> None:
        self._pause = pause
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, loop: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        """Run ``loop`` from now on, in the event loop that runs now."""
        self._start(self._again_and_again(loop, name), name)

    def soon(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Have something done once, while the caller goes on; a failure is logged."""
        self._start(work, name).add_done_callback(_log_failure)

    async def stop(self) -> None:
        """End all of them, and wait until they have ended."""
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _again_and_again(self, loop: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        while True:
            try:
                await loop()
            except Exception:
                log.exception("%s failed and is run again", name)
                await asyncio.sleep(self._pause)
            else:
                return


async def started(
    stack: AsyncExitStack, stop: Callable[[], Awaitable[object]], start: Callable[[], Awaitable[object] | None]
) -> None:
    """Start one part, and have ``stack`` stop it: also where its own start, or that of a later part, fails."""
    stack.push_async_callback(stop)
    starting = start()
    if starting is not None:
        await starting


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s failed", task.get_name(), exc_info=error)

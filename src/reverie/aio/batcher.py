"""Questions of many requests asked in one round trip."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

__all__ = ["Batcher"]

Q = TypeVar("Q")
A = TypeVar("A")

_MOST = 128


class Batcher(Generic[Q, A]):
    """Collects questions while earlier ones are on their way, and asks them at once.

    ``ask`` answers a list of questions with as many answers, or raises for all of them. A lone question waits for
    nothing.
    """

    def __init__(self, ask: Callable[[Sequence[Q]], Awaitable[Sequence[A]]], *, at_once: int = 1) -> None:
        self._ask = ask
        self._at_once = at_once
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._asking = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def get(self, question: Q) -> A:
        """The answer. Raises what ``ask`` raised."""
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        if self._asking < self._at_once:
            self._asking += 1
            task = asyncio.create_task(self._run())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _run(self) -> None:
        try:
            await self._ask_all()
        finally:
            # At once, not when the task's callbacks run: a question that comes in between would wait for the next one.
            self._asking -= 1

    async def _ask_all(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            try:
                answers = await self._ask([question for question, _ in group])
                for (_, future), answer in zip(group, answers, strict=True):
                    if not future.done():
                        future.set_result(answer)
            except BaseException as error:
                for _, future in group:
                    if not future.done():
                        if isinstance(error, Exception):
                            future.set_exception(error)
                        else:
                            future.cancel()
                if not isinstance(error, Exception):
                    raise

"""Questions of many requests asked in one round trip."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

__all__ = ["Batcher"]

Q = TypeVar("Q")
A = TypeVar("A")

log = logging.getLogger(__name__)

_MOST = 128


class Batcher(Generic[Q, A]):
    """Collects questions while earlier ones are on their way, and asks them at once. A lone question waits for nothing.

    ``ask`` answers a list of questions with as many answers (an exception answers one of them), or raises for all.
    At most ``most`` go together, and at most ``capacity`` wait. ``together`` says of all that wait, the oldest first,
    which go in the next group, where that is not just the oldest.
    """

    def __init__(
        self,
        ask: Callable[[Sequence[Q]], Awaitable[Sequence[A | Exception]]],
        *,
        most: int = _MOST,
        capacity: int = sys.maxsize,
        together: Callable[[Sequence[Q]], Sequence[bool]] | None = None,
    ) -> None:
        self._ask = ask
        self._most = most
        self._capacity = capacity
        self._together = together
        self._waiting: list[tuple[Q, asyncio.Future[A] | None]] = []
        self._asked: list[tuple[Q, asyncio.Future[A] | None]] = []
        self._asking = False
        self._task: asyncio.Task[None] | None = None
        self._stopped: Exception | None = None

    async def get(self, question: Q) -> A:
        """The answer. Raises what ``ask`` raised, and ``asyncio.QueueFull`` when too many wait already."""
        return await self.soon(question)

    def soon(self, question: Q) -> asyncio.Future[A]:
        """The answer to come; a question whose future is cancelled is not asked any more. Raises ``QueueFull``."""
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        if not self._add(question, future):
            raise asyncio.QueueFull
        return future

    def put(self, question: Q) -> bool:
        """Have something asked whose answer nobody waits for; False when too many wait already."""
        return self._add(question, None)

    def answer_now(self, number: int, answer: A) -> None:
        """Answer one question of the group that is being asked, while the others of it still wait."""
        _settle(self._asked[number][1], answer)

    def drop(self, error: Exception) -> int:
        """Give up what waits, and raise ``error`` where somebody waits for it; how many there were."""
        waiting, self._waiting = self._waiting, []
        for _, future in waiting:
            _settle(future, error)
        return len(waiting)

    async def stop(self, error: Exception, *, seconds: float = 0.0) -> None:
        """Wait for what was asked, for at most ``seconds``; the rest is given up, with ``error``."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=seconds)
            self._stopped = error
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.drop(error)

    def _add(self, question: Q, future: asyncio.Future[A] | None) -> bool:
        if len(self._waiting) >= self._capacity:
            return False
        self._waiting.append((question, future))
        if not self._asking:
            self._asking = True
            self._task = asyncio.create_task(self._run(), name="batcher")
        return True

    async def _run(self) -> None:
        try:
            while group := self._next_group():
                await self._answer(group)
        finally:
            # At once, not when the task is seen to have ended: a question that comes in between would wait for ever.
            self._asking = False

    def _next_group(self) -> list[tuple[Q, asyncio.Future[A] | None]]:
        waiting = [one for one in self._waiting if one[1] is None or not one[1].done()]
        if self._together is None:
            group, self._waiting = waiting[: self._most], waiting[self._most :]
            return group
        chosen = self._together([question for question, _ in waiting])
        self._waiting = [one for one, goes in zip(waiting, chosen, strict=True) if not goes]
        return [one for one, goes in zip(waiting, chosen, strict=True) if goes]

    async def _answer(self, group: list[tuple[Q, asyncio.Future[A] | None]]) -> None:
        self._asked = group
        try:
            answers = await self._ask([question for question, _ in group])
            for (_, future), answer in zip(group, answers, strict=True):
                _settle(future, answer)
        except Exception as error:
            if any(future is None for _, future in group):
                log.exception("what nobody waits for failed")
            for _, future in group:
                _settle(future, error)
        except BaseException:
            for _, future in group:
                if self._stopped is not None:
                    _settle(future, self._stopped)
                elif future is not None:
                    future.cancel()
            raise


def _settle(future: asyncio.Future[A] | None, answer: A | Exception) -> None:
    if future is None or future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)

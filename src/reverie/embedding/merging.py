"""Batches across callers: many threads bring texts, one thread keeps the device busy.

A GPU is only fast with thousands of tokens at a time, and a chat bot's tasks are small. So texts of all the tasks
that wait form batches together, while each caller still gets its own progress and may leave at any time.
`aio.batcher` is for questions of one event loop; these callers are threads, and a batch is bounded by its tokens.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reverie.embedding.base import OnProgress, Vectors, silent

__all__ = ["Merger"]

_SLACK = 0.5
"""A batch takes rows down to this part of its longest row; shorter ones would be mostly padding."""


class _Call:
    """One caller's rows, shortest first, and what came back."""

    def __init__(self, items: Sequence[Any], lengths: Sequence[int]) -> None:
        order = sorted(range(len(items)), key=lengths.__getitem__)
        self.items = [items[row] for row in order]
        self.lengths = [lengths[row] for row in order]
        self.rows = order
        self.total = len(order)
        self.done: deque[tuple[list[int], Vectors]] = deque()
        self.error: BaseException | None = None
        self.event = threading.Event()

    def take(self, longest: int, shortest: float) -> tuple[int, Any, int] | None:
        """Remove and return the longest row of at most ``longest`` and at least ``shortest`` tokens."""
        at = bisect_right(self.lengths, longest) - 1
        if at < 0 or self.lengths[at] < shortest:
            return None
        return self.rows.pop(at), self.items.pop(at), self.lengths.pop(at)


class Merger:
    """Runs ``forward`` on one thread of its own, over batches of at most ``budget`` tokens (padding counted).

    ``forward`` gets a list of items and returns ``(n, d)`` float32. Batches are begun for the callers in turn and
    filled with rows of like length, the caller's own first, then everybody's: a small request waits for at most one
    batch of each larger one.
    """

    def __init__(self, forward: Callable[[list[Any]], Vectors], dimensions: int, *, budget: int) -> None:
        self._forward = forward
        self._dimensions = dimensions
        self._budget = budget
        self._calls: deque[_Call] = deque()
        self._changed = threading.Condition()
        self._closed = False
        #: Batches run, and those among them that served more than one caller.
        self.batches = self.shared = 0
        self._thread = threading.Thread(target=self._run, name="embed-device", daemon=True)
        self._thread.start()

    def embed(self, items: Sequence[Any], lengths: Sequence[int], on_progress: OnProgress = silent) -> Vectors:
        """``(len(items), d)`` float32, in the order of ``items``; ``lengths`` are tokens, at least 1.

        What ``forward`` raises reaches every caller of that batch. An exception of ``on_progress`` takes the rows
        that have not begun out of the queue.
        """
        out = np.zeros((len(items), self._dimensions), dtype=np.float32)
        if not items:
            return out
        call = _Call(items, lengths)
        with self._changed:
            if self._closed:
                raise RuntimeError("the embedder is closed")
            # At the front: who comes new has the next turn, and then waits behind everybody else.
            self._calls.appendleft(call)
            self._changed.notify()
        finished = 0
        try:
            while finished < call.total:
                call.event.wait()
                call.event.clear()
                if call.error is not None:
                    raise call.error
                while call.done:
                    rows, vectors = call.done.popleft()
                    out[rows] = vectors
                    finished += len(rows)
                on_progress("embedding", finished, call.total)
        finally:
            with self._changed:
                if call in self._calls:
                    self._calls.remove(call)
        return out

    def close(self) -> None:
        """Stop the thread after the batch it is in; callers that wait get a ``RuntimeError``."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._calls and not self._closed:
                    self._changed.wait()
                if self._closed:
                    for call in self._calls:
                        call.error = RuntimeError("the embedder is closed")
                        call.event.set()
                    return
                parts = self._next_batch()
            items = [item for _, taken in parts for _, item in taken]
            try:
                vectors = self._forward(items)
                error = None
            except Exception as failure:
                error = failure
            self.batches += 1
            self.shared += len(parts) > 1
            start = 0
            for call, taken in parts:
                if error is None:
                    call.done.append(([row for row, _ in taken], vectors[start : start + len(taken)]))
                else:
                    call.error = error
                start += len(taken)
                call.event.set()

    def _next_batch(self) -> list[tuple[_Call, list[tuple[int, Any]]]]:
        """Rows by caller; the lock is held."""
        first = self._calls.popleft()
        longest = first.lengths[-1]
        room = max(1, self._budget // longest)
        parts: list[tuple[_Call, list[tuple[int, Any]]]] = []
        for call in (first, *self._calls):
            taken: list[tuple[int, Any]] = []
            while len(taken) < room and (found := call.take(longest, longest * _SLACK)) is not None:
                taken.append(found[:2])
            if taken:
                parts.append((call, taken))
                room -= len(taken)
            if room == 0:
                break
        self._calls = deque(call for call in self._calls if call.items)
        if first.items:
            self._calls.append(first)
        return parts

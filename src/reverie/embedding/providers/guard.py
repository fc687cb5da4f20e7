"""How much and how long an answer may be read. Clients' own timeouts count from byte to byte, so one may never end."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from reverie.embedding.providers.calls import CallFailed

__all__ = ["Guard", "most_bytes", "until_done"]

T = TypeVar("T")

_POLL = 0.2
_NUMBER = 40
"""Bytes of a number written out generously, indented on a line of its own."""
_LONGEST_VECTOR = 8192


def most_bytes(texts: int, dimensions: int | None) -> int:
    """Bytes that an honest answer for so many texts never exceeds."""
    return 2**20 + texts * (dimensions or _LONGEST_VECTOR) * _NUMBER


class Guard:
    """Ends the reading of answers that are too large or take too long. One for a client; each thread has its own call.

    An httpx response hook: it reads the body itself, before the client would. Redirects are the client's to refuse.
    """

    def __init__(self) -> None:
        self._local = threading.local()

    @contextlib.contextmanager
    def call(self, most: int, timeout: float) -> Iterator[None]:
        """In the block this thread may read ``most`` bytes, until ``timeout`` seconds from now."""
        self._local.limits = (most, time.monotonic() + timeout, timeout)
        try:
            yield
        finally:
            del self._local.limits

    def read(self, chunks: Iterable[bytes]) -> bytes:
        """All of ``chunks``. Raises ``CallFailed`` once they are too many, or too late."""
        most, until, timeout = getattr(self._local, "limits", (2**20, time.monotonic() + 30.0, 30.0))
        parts, size = [], 0
        for chunk in chunks:
            size += len(chunk)
            if size > most:
                raise CallFailed("outage", f"an answer of more than {most:,} bytes", paid=True)
            if time.monotonic() > until:
                raise CallFailed("outage", f"an answer that had not ended after {timeout:.1f} s", paid=True)
            parts.append(chunk)
        return b"".join(parts)

    def __call__(self, response: Any) -> None:
        """The hook."""
        try:
            body = self.read(response.iter_bytes())
        except CallFailed:
            response.close()
            raise
        # What `response.read()` keeps and returns; httpx has no public way to hand it a body that was read in parts.
        response._content = body


def until_done(work: Callable[[], T], look: Callable[[], None], *, until: float | None, late: Exception) -> T:
    """The value of ``work()``, which runs in a thread of its own, however long that thread may hang.

    ``look`` is called meanwhile and may raise to stop waiting. ``late`` is raised after the monotonic time ``until``.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="ask", daemon=True).start()
    while not future.done():
        look()
        left = _POLL if until is None else min(_POLL, until - time.monotonic())
        if left <= 0:
            raise late
        wait([future], timeout=left)
    return future.result()

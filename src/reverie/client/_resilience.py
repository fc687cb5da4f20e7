"""When to try again, and when to stop asking for a while. Pure: the clock is an argument."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

__all__ = ["Breaker", "pauses"]


def pauses(first: float = 0.1, most: float = 5.0) -> Iterator[float]:
    """Seconds between tries: doubling, with full jitter so that many clients do not return together."""
    limit = first
    while True:
        yield random.uniform(limit / 2, limit)
        limit = min(limit * 2, most)


class Breaker:
    """Open after ``threshold`` failures in a row; lets one trial through after ``cooldown`` seconds."""

    def __init__(self, threshold: int = 5, cooldown: float = 5.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._threshold = threshold
        self._cooldown = cooldown
        self._clock = clock
        self._failures = 0
        self._opened_at: float | None = None

    def wait(self) -> float:
        """0 when a call may be made now, else seconds until the next trial."""
        if self._opened_at is None:
            return 0.0
        left = self._opened_at + self._cooldown - self._clock()
        if left <= 0:
            self._opened_at = self._clock()  # this caller is the trial; the others keep waiting
            return 0.0
        return left

    def succeeded(self) -> None:
        """The service answered."""
        self._failures = 0
        self._opened_at = None

    def failed(self) -> None:
        """The service did not answer."""
        self._failures += 1
        if self._failures >= self._threshold:
            self._opened_at = self._clock()

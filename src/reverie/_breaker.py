"""A circuit breaker (Nygard, "Release It!", 2007): what does not answer is not asked again for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

__all__ = ["PROBE_WAIT", "Breaker", "BreakerState"]

PROBE_WAIT = 0.05
"""Seconds to wait for the outcome of the one call that tries again."""

BreakerState = Literal["closed", "open", "half-open"]


class Breaker:
    """Opens after ``failures`` outages in a row; ``seconds`` later lets one call through, which closes or reopens it.

    Thread-safe. Only outages count: who refuses or asks to wait is alive.
    """

    def __init__(self, failures: int = 5, seconds: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = failures
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def state(self) -> BreakerState:
        """``closed`` lets all calls through, ``open`` none, ``half-open`` one."""
        with self._lock:
            return self._state()

    def _state(self) -> BreakerState:
        if self._opened_at is None:
            return "closed"
        return "half-open" if self._clock() - self._opened_at >= self._seconds else "open"

    def enter(self) -> float:
        """0 when a call may go out now, else seconds until the next one may. Every 0 needs one ``leave``."""
        with self._lock:
            state = self._state()
            if state == "closed":
                return 0.0
            if state == "half-open" and not self._probing:
                self._probing = True
                return 0.0
            assert self._opened_at is not None
            # While another call tries again, its outcome is moments away.
            return max(PROBE_WAIT, self._seconds - (self._clock() - self._opened_at))

    def leave(self, *, alive: bool | None) -> None:
        """How a call went: True answered, False outage, None not known (it was abandoned)."""
        with self._lock:
            probing, self._probing = self._probing, False
            if alive:
                self._in_a_row = 0
                self._opened_at = None
            elif alive is False:
                self._in_a_row += 1
                if probing or (self._opened_at is None and self._in_a_row >= self._limit):
                    self._opened_at = self._clock()

"""The one place where calls to providers are tried again: jitter, Retry-After, patience, deadlines, the breaker."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from reverie._breaker import PROBE_WAIT, Breaker
from reverie.embedding.providers.calls import CallFailed
from reverie.errors import ProviderError

__all__ = ["Abandoned", "Budget", "BudgetExceeded", "Retrier", "Tuning"]

T = TypeVar("T")


class BudgetExceeded(ProviderError):
    """The cost ceiling does not allow this cloud call."""

    slug = "cloud-budget"
    status = 402


class Abandoned(Exception):
    """The task does not want the answer any more."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """How hard to try."""

    #: Requests out at the same time.
    concurrency: int = 8
    #: Most texts in a request; the provider's limit may be lower.
    batch: int = 128
    #: Longest wait for one answer, seconds.
    timeout: float = 30.0
    #: Most tries of one request.
    attempts: int = 6
    #: Seconds after its first failure during which a request is tried again.
    patience: float = 20.0
    #: First pause before another try, seconds; it doubles.
    pause: float = 0.25


@dataclass(slots=True)
class Budget:
    """What one task may spend. Shared by the threads that work for it."""

    #: US dollars; None is no ceiling.
    usd: float | None = None
    #: Monotonic time at which waiting is over; None is never.
    until: float | None = None
    spent_usd: float = 0.0
    spent_tokens: int = 0
    _held: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hold(self, usd: float) -> None:
        """Set money aside for a call. Raises ``BudgetExceeded`` when it is not there."""
        with self._lock:
            if self.usd is not None and self.spent_usd + self._held + usd > self.usd:
                raise BudgetExceeded(
                    f"The ceiling of ${self.usd:.6f} for this task does not cover the next call "
                    f"(about ${usd:.6f}, ${self.spent_usd:.6f} spent)."
                )
            self._held += usd

    def settle(self, held: float, usd: float, tokens: int) -> None:
        """Turn what was set aside into what was charged."""
        with self._lock:
            self._held -= held
            self.spent_usd += usd
            self.spent_tokens += tokens


class _Gate:
    """A Retry-After heard by one thread holds all of them."""

    def __init__(self) -> None:
        self._until = 0.0
        self._lock = threading.Lock()

    def hold(self, seconds: float) -> None:
        with self._lock:
            self._until = max(self._until, time.monotonic() + seconds)

    def left(self) -> float:
        return max(0.0, self._until - time.monotonic())


class Retrier:
    """Calls one provider until it succeeds, fails for good, or patience ends. Thread-safe."""

    def __init__(self, provider: str, name: str, tuning: Tuning, breaker: Breaker) -> None:
        self.provider = provider
        self.name = name
        self.tuning = tuning
        self.breaker = breaker
        self._gate = _Gate()
        self._random = random.Random()

    def run(self, call: Callable[[float], T], budget: Budget, stop: threading.Event) -> T:
        """The value of ``call(timeout)``, which raises ``CallFailed`` when it did not work.

        Raises ``CallFailed`` of the kinds that another try cannot cure, ``ProviderError`` when tries or time are
        used up, ``Abandoned`` once ``stop`` is set.
        """
        tuning = self.tuning
        tries = 0
        give_up: float | None = None
        while True:
            _pause(self._gate.left(), stop)
            now = time.monotonic()
            if budget.until is not None and now >= budget.until:
                raise ProviderError(f"{self.provider} did not answer before the task's deadline.")
            closed_for = self.breaker.enter()
            if 0 < closed_for <= PROBE_WAIT:
                _pause(closed_for, stop)
                continue
            if closed_for > 0:
                raise ProviderError(
                    f"{self.provider} has failed repeatedly and is not asked for another {closed_for:.0f} s."
                )
            timeout = tuning.timeout if budget.until is None else min(tuning.timeout, max(0.1, budget.until - now))
            alive: bool | None = None
            try:
                value = call(timeout)
                alive = True
                return value
            except CallFailed as failure:
                alive = failure.kind != "outage"
                tries += 1
                if failure.kind not in ("outage", "busy"):
                    raise
                now = time.monotonic()
                give_up = now + tuning.patience if give_up is None else give_up
                delay = self._delay(tries, failure.retry_after)
                if budget.until is not None and now + delay > budget.until:
                    raise ProviderError(
                        f"{self.provider} did not answer before the task's deadline: {failure.what}, {tries} tries."
                    ) from None
                if tries >= tuning.attempts or now + delay > give_up:
                    raise self.final(failure, tries) from None
                if failure.retry_after is not None:
                    self._gate.hold(delay)
            finally:
                self.breaker.leave(alive=alive)
            _pause(delay, stop)

    def final(self, failure: CallFailed, tries: int = 1) -> ProviderError:
        """What a failure means to the task."""
        name = f"{self.provider} {self.name}".strip()
        tried = "1 try" if tries == 1 else f"{tries} tries"
        if failure.kind == "auth":
            return ProviderError(f"{name} refused the credentials: {failure.what}.")
        if failure.kind == "busy":
            return ProviderError(f"{name} limits the rate of calls: {failure.what}, {tried}.")
        if failure.kind == "outage":
            return ProviderError(f"{name} does not work at the moment: {failure.what}, {tried}.")
        return ProviderError(f"{name} refused the request: {failure.what}.")

    def _delay(self, tries: int, asked: float | None) -> float:
        """Exponential with equal jitter (Brooker 2015); what the provider asked for is never cut short."""
        own = self.tuning.pause * 2 ** (tries - 1) * (0.5 + self._random.random() / 2)
        return own if asked is None else asked + self._random.random() * min(0.25, self.tuning.pause)


def _pause(seconds: float, stop: threading.Event) -> None:
    if stop.wait(seconds) if seconds > 0 else stop.is_set():
        raise Abandoned

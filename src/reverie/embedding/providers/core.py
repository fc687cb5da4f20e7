"""What all providers share: batches, concurrency, retries, deadlines, the breaker and the bill.

An adapter makes one call and says how it went. Retries happen here and nowhere else: the client libraries' own are
off, so that a provider's Retry-After is honoured once and a deadline is a deadline.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from reverie.embedding.base import Embeddings, EmbedKind, ModelSpec, OnProgress, silent
from reverie.embedding.models import shortens
from reverie.embedding.providers.breaker import PROBE_WAIT, Breaker
from reverie.embedding.providers.calls import Answer, CallFailed, Limits, Service, estimate_tokens
from reverie.errors import ProviderError

__all__ = ["PROBE", "Budget", "BudgetExceeded", "ProviderEmbedder", "Tuning", "plan"]

_POLL = 0.2
"""Seconds between looks at cancellation and deadline while calls are out."""

PROBE = "dimension"
"""Embedded once where only an answer tells the vectors' length; no text of a user's."""

_SHORTEST_CUT = 256
"""Characters below which a refused text is no longer taken for too long."""


class BudgetExceeded(ProviderError):
    """The cost ceiling does not allow this cloud call."""

    slug = "cloud-budget"
    status = 402


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


def plan(texts: Sequence[str], limits: Limits, batch: int) -> Iterator[list[int]]:
    """Indices of consecutive texts that fit one request, by count and by estimated tokens."""
    now: list[int] = []
    tokens = 0
    for index, text in enumerate(texts):
        size = min(estimate_tokens(text), limits.text_tokens)
        if now and (len(now) >= min(batch, limits.items) or tokens + size > limits.tokens):
            yield now
            now, tokens = [], 0
        now.append(index)
        tokens += size
    if now:
        yield now


@dataclass(slots=True)
class _Part:
    indices: list[int]
    vectors: NDArray[np.float32]
    tokens: int
    usd: float
    cut: int


class _Abandoned(Exception):
    """The task does not want the answer any more."""


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


class ProviderEmbedder:
    """An ``Embedder`` over one provider's adapter. Thread-safe."""

    def __init__(
        self,
        service: Service,
        tuning: Tuning | None = None,
        *,
        breaker: Breaker | None = None,
        usd_per_million: float | None = None,
        budget: Budget | None = None,
    ) -> None:
        self._service = service
        self._tuning = tuning or Tuning()
        self.breaker = breaker or Breaker()
        #: US dollars for a million tokens; None when no price is known.
        self.usd_per_million = usd_per_million
        self._budget = budget
        self._gate = _Gate()
        self._random = random.Random()
        self._pool = ThreadPoolExecutor(self._tuning.concurrency, thread_name_prefix=f"embed-{service.provider}")
        self._probe_lock = threading.Lock()
        self._dimensions = service.dimensions

    @property
    def provider(self) -> str:
        """``openai``, ``azure``, ..."""
        return self._service.provider

    @property
    def known(self) -> bool:
        """Whether the vectors' length is known, so that ``model`` needs no call."""
        return self._dimensions is not None

    @property
    def model(self) -> ModelSpec:
        """The model. Where only an answer tells the vectors' length, the first look embeds one word."""
        return self._spec(self._budget)

    def within(self, budget: Budget) -> _Bounded:
        """The same embedder for one task, with what that task may spend."""
        return _Bounded(self, budget)

    def estimate(self, texts: Sequence[str]) -> tuple[int, float | None]:
        """``(tokens, US dollars)`` that embedding ``texts`` costs at most; None without a known price."""
        limit = self._service.limits.text_tokens
        tokens = sum(min(estimate_tokens(text), limit) for text in texts)
        return tokens, None if self.usd_per_million is None else tokens * self.usd_per_million / 1e6

    def embed(
        self, texts: Sequence[str], *, kind: EmbedKind = "document", on_progress: OnProgress = silent
    ) -> Embeddings:
        """Embed ``texts`` in requests as large as the provider takes, several at a time.

        Raises ``ProviderError`` when a request fails for good, saying why without a word of the texts, and
        ``BudgetExceeded`` before a call that the budget does not cover.
        """
        return self._embed(texts, kind, on_progress, self._budget or Budget())

    def close(self) -> None:
        """Close the provider's connections; calls that are out end on their own."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._service.close()

    # -- one task -------------------------------------------------------------------------------

    def _spec(self, budget: Budget | None) -> ModelSpec:
        with self._probe_lock:
            if self._dimensions is None:
                part = self._request([PROBE], [0], "document", budget or Budget(), threading.Event())
                self._dimensions = int(part.vectors.shape[1])
        return ModelSpec(
            name=self._service.name,
            revision=self._service.revision,
            dimensions=self._dimensions,
            provider=self._service.provider,
            pooling="provider",
            shortens=shortens(self._service.name),
        )

    def _embed(self, texts: Sequence[str], kind: EmbedKind, on_progress: OnProgress, budget: Budget) -> Embeddings:
        total = len(texts)
        on_progress("embedding", 0, total)
        out = np.zeros((total, self._spec(budget).dimensions), dtype=np.float32)
        stop = threading.Event()
        batches = list(plan(texts, self._service.limits, self._tuning.batch))
        pending: set[Future[_Part]] = {
            self._pool.submit(self._request, [texts[i] for i in batch], batch, kind, budget, stop) for batch in batches
        }
        done = tokens = cut = 0
        usd = 0.0
        try:
            while pending:
                ready, pending = wait(pending, timeout=_POLL, return_when=FIRST_COMPLETED)
                for future in ready:
                    part = future.result()
                    out[part.indices] = part.vectors
                    done += len(part.indices)
                    tokens, usd, cut = tokens + part.tokens, usd + part.usd, cut + part.cut
                on_progress("embedding", done, total)
                if pending and budget.until is not None and time.monotonic() > budget.until:
                    raise ProviderError(f"{self.provider} did not answer before the task's deadline.")
        except BaseException:
            stop.set()
            for future in pending:
                future.cancel()
            raise
        return Embeddings(vectors=out, tokens=tokens, truncated=cut, usd=usd)

    def _request(
        self, texts: list[str], indices: list[int], kind: EmbedKind, budget: Budget, stop: threading.Event
    ) -> _Part:
        """One batch, in a thread of the pool: split where the provider finds it too large."""
        try:
            vectors, tokens, usd = self._try(texts, kind, budget, stop)
            return _Part(indices, vectors, tokens, usd, 0)
        except CallFailed as failure:
            if failure.kind != "too_long":
                raise self._final(failure) from None
            if len(texts) > 1:
                middle = len(texts) // 2
                parts = [
                    self._request(texts[a:b], indices[a:b], kind, budget, stop)
                    for a, b in ((0, middle), (middle, len(texts)))
                ]
                return _Part(
                    indices,
                    np.concatenate([part.vectors for part in parts]),
                    sum(part.tokens for part in parts),
                    sum(part.usd for part in parts),
                    sum(part.cut for part in parts),
                )
            if len(texts[0]) <= _SHORTEST_CUT:
                raise self._final(failure) from None
        # One text beyond the model's window: what a local model does with it too, keep its beginning.
        part = self._request([texts[0][: len(texts[0]) * 3 // 4]], indices, kind, budget, stop)
        return _Part(indices, part.vectors, part.tokens, part.usd, 1)

    def _try(
        self, texts: list[str], kind: EmbedKind, budget: Budget, stop: threading.Event
    ) -> tuple[NDArray[np.float32], int, float]:
        """Call until it succeeds, fails for good, or patience ends."""
        tuning = self._tuning
        tries = 0
        give_up: float | None = None
        while True:
            self._pause(self._gate.left(), stop)
            now = time.monotonic()
            if budget.until is not None and now >= budget.until:
                raise ProviderError(f"{self.provider} did not answer before the task's deadline.")
            closed_for = self.breaker.enter()
            if 0 < closed_for <= PROBE_WAIT:
                self._pause(closed_for, stop)
                continue
            if closed_for > 0:
                raise ProviderError(
                    f"{self.provider} has failed repeatedly and is not asked for another {closed_for:.0f} s."
                )
            timeout = tuning.timeout if budget.until is None else min(tuning.timeout, max(0.1, budget.until - now))
            try:
                return self._call(texts, kind, timeout, budget)
            except CallFailed as failure:
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
                    raise self._final(failure, tries) from None
                if failure.retry_after is not None:
                    self._gate.hold(delay)
                self._pause(delay, stop)

    def _call(
        self, texts: list[str], kind: EmbedKind, timeout: float, budget: Budget
    ) -> tuple[NDArray[np.float32], int, float]:
        """One call with its money and its word to the breaker."""
        alive: bool | None = None
        estimated, held = self.estimate(texts)
        try:
            if budget.usd is not None and held is None:
                raise BudgetExceeded(
                    f"No price is known for {self.provider} {self._service.name}, so a ceiling cannot be kept; "
                    "see REVERIE_CLOUD_PRICES."
                )
            budget.hold(held or 0.0)
            usd, tokens = 0.0, 0
            try:
                answer = self._service.call(texts, kind, timeout)
                alive = True
                tokens = estimated if answer.tokens is None else answer.tokens
                usd = tokens * (self.usd_per_million or 0.0) / 1e6
            except CallFailed as failure:
                alive = failure.kind != "outage"
                raise
            finally:
                budget.settle(held or 0.0, usd, tokens)
            try:
                return self._checked(answer, len(texts)), tokens, usd
            except CallFailed:
                alive = False
                raise
        finally:
            self.breaker.leave(alive=alive)

    def _checked(self, answer: Answer, count: int) -> NDArray[np.float32]:
        """The vectors at unit length. An answer that is not what was asked for is never used."""
        vectors = answer.vectors
        if vectors.ndim != 2 or len(vectors) != count:
            got = len(vectors) if vectors.ndim else 0
            raise CallFailed("outage", f"an answer with {got} vectors for {count} texts")
        if self._dimensions is not None and vectors.shape[1] != self._dimensions:
            raise CallFailed(
                "refused", f"vectors of {vectors.shape[1]} dimensions where {self._dimensions} were expected"
            )
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(norms).all() or (norms < 1e-12).any():
            raise CallFailed("outage", "an answer with vectors of no direction")
        return np.asarray(vectors / norms, dtype=np.float32)

    def _delay(self, tries: int, asked: float | None) -> float:
        """Exponential with equal jitter (Brooker 2015); what the provider asked for is never cut short."""
        own = self._tuning.pause * 2 ** (tries - 1) * (0.5 + self._random.random() / 2)
        return own if asked is None else asked + self._random.random() * min(0.25, self._tuning.pause)

    @staticmethod
    def _pause(seconds: float, stop: threading.Event) -> None:
        if stop.wait(seconds) if seconds > 0 else stop.is_set():
            raise _Abandoned

    def _final(self, failure: CallFailed, tries: int = 1) -> ProviderError:
        name = f"{self.provider} {self._service.name}"
        if failure.kind == "auth":
            return ProviderError(f"{name} refused the credentials: {failure.what}.")
        if failure.kind == "busy":
            return ProviderError(f"{name} limits the rate of calls: {failure.what}, {tries} tries.")
        if failure.kind == "outage":
            return ProviderError(f"{name} does not work at the moment: {failure.what}, {tries} tries.")
        return ProviderError(f"{name} refused the request: {failure.what}.")


class _Bounded:
    """A provider's embedder with one task's budget."""

    def __init__(self, embedder: ProviderEmbedder, budget: Budget) -> None:
        self._embedder = embedder
        self.budget = budget

    @property
    def model(self) -> ModelSpec:
        """The model."""
        return self._embedder._spec(self.budget)

    @property
    def provider(self) -> str:
        """The provider's name."""
        return self._embedder.provider

    def estimate(self, texts: Sequence[str]) -> tuple[int, float | None]:
        """As ``ProviderEmbedder.estimate``."""
        return self._embedder.estimate(texts)

    def embed(
        self, texts: Sequence[str], *, kind: EmbedKind = "document", on_progress: OnProgress = silent
    ) -> Embeddings:
        """As ``ProviderEmbedder.embed``, within the budget."""
        return self._embedder._embed(texts, kind, on_progress, self.budget)

    def close(self) -> None:
        """Nothing of its own: the shared embedder stays open."""

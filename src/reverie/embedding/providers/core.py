"""What all providers share: batches, concurrency, retries, deadlines, the breaker and the bill.

An adapter makes one call and says how it went. The client libraries' own retries are off, so that a provider's
Retry-After is honoured once and a deadline is a deadline.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reverie._breaker import Breaker
from reverie.embedding.base import Embeddings, EmbedKind, ModelSpec, OnProgress, silent
from reverie.embedding.calibration import scale_of
from reverie.embedding.models import shortens
from reverie.embedding.providers.calls import (
    CallFailed,
    ProviderAnswer,
    RequestLimits,
    Service,
    estimate_tokens,
    unexpected,
)
from reverie.embedding.providers.retrier import Budget, BudgetExceeded, Retrier, Tuning
from reverie.errors import ProviderError

__all__ = ["PROBE", "Budget", "BudgetExceeded", "ProviderEmbedder", "Tuning", "plan"]

_POLL = 0.2
"""Seconds between looks at cancellation and deadline while calls are out."""

PROBE = "dimension"
"""Embedded once where only an answer tells the vectors' length; no text of a user's."""

_MOST_DIMENSIONS = 16_384
"""More than any model has; a server that answers so much is broken, and must not take a worker's memory."""

_SHORTEST_CUT = 256
"""Characters below which a refused text is no longer taken for too long."""


def plan(texts: Sequence[str], limits: RequestLimits, batch: int) -> Iterator[list[int]]:
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
        self._retrier = Retrier(service.provider, service.name, self._tuning, self.breaker)
        #: US dollars for a million tokens; None when no price is known.
        self.usd_per_million = usd_per_million
        self._budget = budget
        self._pool = self._new_pool()
        self._probe_lock = threading.Lock()
        self._dimensions = service.dimensions

    def _new_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._tuning.concurrency, thread_name_prefix=f"embed-{self.provider}")

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
                for part in self._parts([PROBE], [[0]], "document", budget or Budget(), lambda: None):
                    self._dimensions = int(part.vectors.shape[1])
        assert self._dimensions is not None
        return ModelSpec(
            name=self._service.name,
            revision=self._service.revision,
            dimensions=self._dimensions,
            provider=self._service.provider,
            pooling="provider",
            shortens=shortens(self._service.name),
            scale=scale_of(self._service.name),
        )

    def _embed(self, texts: Sequence[str], kind: EmbedKind, on_progress: OnProgress, budget: Budget) -> Embeddings:
        total = len(texts)
        done = tokens = cut = 0
        usd = 0.0

        def look() -> None:
            on_progress("embedding", done, total)

        look()
        out = np.zeros((total, self._spec(budget).dimensions), dtype=np.float32)
        batches = list(plan(texts, self._service.limits, self._tuning.batch))
        for part in self._parts(texts, batches, kind, budget, look):
            out[part.indices] = part.vectors
            done += len(part.indices)
            tokens, usd, cut = tokens + part.tokens, usd + part.usd, cut + part.cut
        look()
        return Embeddings(vectors=out, tokens=tokens, truncated=cut, usd=usd)

    def _parts(
        self,
        texts: Sequence[str],
        batches: Sequence[list[int]],
        kind: EmbedKind,
        budget: Budget,
        look: Callable[[], None],
    ) -> Iterator[_Part]:
        """Every batch as it is answered, in any order. ``look`` is called while waiting, and may raise to stop."""
        stop = threading.Event()
        pending: set[Future[_Part]] = {
            self._pool.submit(self._request, [texts[i] for i in batch], batch, kind, budget, stop) for batch in batches
        }
        try:
            while pending:
                ready, pending = wait(pending, timeout=_POLL, return_when=FIRST_COMPLETED)
                for future in ready:
                    yield future.result()
                look()
                if pending and budget.until is not None and time.monotonic() > budget.until:
                    # Threads that a silent provider holds must not keep the next task's calls from being made.
                    held, self._pool = self._pool, self._new_pool()
                    held.shutdown(wait=False)
                    raise ProviderError(f"{self.provider} did not answer before the task's deadline.")
        finally:
            stop.set()
            for future in pending:
                future.cancel()

    def _request(
        self, texts: list[str], indices: list[int], kind: EmbedKind, budget: Budget, stop: threading.Event
    ) -> _Part:
        """One batch, in a thread of the pool: split where the provider finds it too large."""
        try:
            return _Part(indices, *self._try(texts, kind, budget, stop))
        except CallFailed as failure:
            if failure.kind != "too_long":
                raise self._retrier.final(failure) from None
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
                raise self._retrier.final(failure) from None
        # One text beyond the model's window: what a local model does with it too, keep its beginning.
        part = self._request([texts[0][: len(texts[0]) * 3 // 4]], indices, kind, budget, stop)
        return _Part(indices, part.vectors, part.tokens, part.usd, 1)

    def _try(
        self, texts: list[str], kind: EmbedKind, budget: Budget, stop: threading.Event
    ) -> tuple[NDArray[np.float32], int, float, int]:
        return self._retrier.run(lambda timeout: self._call(texts, kind, timeout, budget), budget, stop)

    def _call(
        self, texts: list[str], kind: EmbedKind, timeout: float, budget: Budget
    ) -> tuple[NDArray[np.float32], int, float, int]:
        """One call with its money."""
        estimated, held = self.estimate(texts)
        if budget.usd is not None and held is None:
            raise BudgetExceeded(
                f"No price is known for {self.provider} {self._service.name}, so a ceiling cannot be kept; "
                "see REVERIE_CLOUD_PRICES."
            )
        budget.hold(held or 0.0)
        tokens = 0
        try:
            answer = self._ask(texts, kind, timeout)
            tokens = _credible(answer.tokens, texts, estimated)
            vectors = self._checked(answer, len(texts))
        except CallFailed as failure:
            # What arrived and is of no use is charged for all the same, and the next try has to be paid for too.
            tokens = tokens or (estimated if failure.paid else 0)
            raise
        finally:
            usd = tokens * (self.usd_per_million or 0.0) / 1e6
            budget.settle(held or 0.0, usd, tokens)
        return vectors, tokens, usd, answer.truncated

    def _ask(self, texts: list[str], kind: EmbedKind, timeout: float) -> ProviderAnswer:
        try:
            return self._service.call(texts, kind, timeout)
        except (CallFailed, MemoryError):
            raise
        except Exception as error:  # an answer that no adapter expected must not look like our own fault
            raise unexpected(error, timeout) from None

    def _checked(self, answer: ProviderAnswer, count: int) -> NDArray[np.float32]:
        """The vectors at unit length. An answer that is not what was asked for is never used."""
        vectors = answer.vectors
        if vectors.ndim != 2 or len(vectors) != count:
            got = f"{len(vectors)} vectors" if vectors.ndim == 2 else "no list of vectors"
            raise CallFailed("outage", f"an answer with {got} for {count} texts", paid=True)
        got = vectors.shape[1]
        if got > _MOST_DIMENSIONS or (self._dimensions is not None and got != self._dimensions):
            wanted = self._dimensions or f"at most {_MOST_DIMENSIONS}"
            raise CallFailed("refused", f"vectors of {got} dimensions where {wanted} were expected", paid=True)
        with np.errstate(over="ignore"):
            norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(norms).all() or (norms < 1e-12).any():
            raise CallFailed("outage", "an answer with vectors of no direction", paid=True)
        return np.asarray(vectors / norms, dtype=np.float32)


def _credible(reported: object, texts: Sequence[str], estimated: int) -> int:
    """Tokens as the provider counts them, where that can be true: no text has more of them than bytes, plus a frame."""
    if isinstance(reported, int) and not isinstance(reported, bool) and reported >= 0:
        if reported <= estimated:
            return reported
        return min(reported, sum(len(text.encode("utf-8", "surrogatepass")) + 8 for text in texts))
    return estimated


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

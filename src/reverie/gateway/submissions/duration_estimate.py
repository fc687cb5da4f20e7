"""How long a task will take, and so in which lane it travels: a fit of what tasks took lately.

For each operation, seconds = once + per text * n + per 1,000 tokens * missing tokens, by non-negative least squares of
the relative residuals, with Huber's weights (1964) against the odd slow run, newer tasks counting more. All gateways
read the same rows of PostgreSQL, so all predict the same. Three unknowns and at most 200 rows: plain Python will do.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import statistics
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cachetools import LRUCache

from reverie.aio.background import Background
from reverie.contracts import OPERATIONS, Lane
from reverie.errors import ReverieError
from reverie.store import GatewayStore, TaskRow
from reverie.store.memory_rows import Person

__all__ = ["DurationEstimator", "Fit"]

# Where the first guesses count as observations, (n, missing tokens); two of them weigh as much as one real task.
_ANCHORS = ((10, 150.0), (10, 0.0), (300, 4500.0), (300, 0.0))
_ANCHOR_WEIGHT = 0.5
_WINDOW = 200
_AGING = 0.98
_HUBER = 0.25
_QUESTIONS = frozenset({"context", "recall"})
"""Operations that read all memories of a user, mostly the stored ones."""
_USERS = 10_000
_SHORTER = 20.0
"""How much more a task may count that took less than half of its prediction."""
_FLOOR = 0.002
"""Seconds below which a difference does not matter."""
_REFRESH = 2.0
_TOKENS_PER_CHAR = 0.25

Features = tuple[float, float, float]
"""Once, texts, missing tokens."""


@dataclass(slots=True)
class Fit:
    """What is known of one operation."""

    start: Features
    coefficients: Features = (0.0, 0.0, 0.0)
    seen: deque[tuple[Features, float]] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    #: |predicted - actual| / actual of predictions as they were given out.
    errors: deque[float] = field(default_factory=lambda: deque(maxlen=_WINDOW))

    def __post_init__(self) -> None:
        self.coefficients = self.start

    def seconds(self, features: Features) -> float:
        """The prediction."""
        return max(_FLOOR, sum(c * x for c, x in zip(self.coefficients, features, strict=True)))

    @property
    def error(self) -> float | None:
        """Median relative error of the last predictions; None before the first."""
        return statistics.median(self.errors) if self.errors else None

    def learn(self, rows: Iterable[tuple[Features, float]]) -> None:
        """Fit again with further ``(features, seconds)``."""
        self.seen.extend(rows)
        anchors: list[tuple[Features, float]] = [((1.0, n / 1000, t / 1000), 0.0) for n, t in _ANCHORS]
        points = [(x, sum(c * v for c, v in zip(self.start, _unscaled(x), strict=True))) for x, _ in anchors]
        weights = [_ANCHOR_WEIGHT] * len(points)
        for age, (x, y) in enumerate(reversed(self.seen)):
            points.append(((x[0], x[1] / 1000, x[2] / 1000), y))
            weights.append(_AGING**age)
        found = (self.coefficients[0], self.coefficients[1] * 1000, self.coefficients[2] * 1000)
        for _ in range(4):  # reweighted: relative to the prediction, and less for what is far off
            reweighted = []
            for (x, y), weight in zip(points, weights, strict=True):
                predicted = max(_FLOOR, sum(c * v for c, v in zip(found, x, strict=True)))
                off = abs(y - predicted) / predicted
                # Measured by the prediction, one that is far too high would hardly see how much shorter tasks are now.
                shorter = min(_SHORTER, predicted / (2 * max(_FLOOR, y)))
                reweighted.append(weight / predicted**2 * min(1.0, _HUBER / max(off, 1e-9)) * max(1.0, shorter))
            found = _non_negative(points, reweighted) or found
        self.coefficients = (found[0], found[1] / 1000, found[2] / 1000)


def _unscaled(x: Features) -> Features:
    return (x[0], x[1] * 1000, x[2] * 1000)


def _non_negative(points: Sequence[tuple[Features, float]], weights: Sequence[float]) -> Features | None:
    """Weighted least squares with no coefficient below zero: the best of all subsets of three (exact, and cheap)."""
    gram = [[0.0] * 3 for _ in range(3)]
    right = [0.0] * 3
    for (x, y), w in zip(points, weights, strict=True):
        for i in range(3):
            right[i] += w * x[i] * y
            for j in range(3):
                gram[i][j] += w * x[i] * x[j]
    best: tuple[float, Features] | None = None
    for size in (3, 2, 1):
        for chosen in itertools.combinations(range(3), size):
            solved = _solve([[gram[i][j] for j in chosen] for i in chosen], [right[i] for i in chosen])
            if solved is None or min(solved) < 0:
                continue
            full = [0.0, 0.0, 0.0]
            for i, value in zip(chosen, solved, strict=True):
                full[i] = value
            # The part of the squared error that depends on the coefficients.
            loss = sum(full[i] * (sum(gram[i][j] * full[j] for j in range(3)) - 2 * right[i]) for i in range(3))
            if best is None or loss < best[0] - 1e-12:
                best = (loss, (full[0], full[1], full[2]))
    return best[1] if best else None


def _solve(matrix: list[list[float]], right: list[float]) -> list[float] | None:
    """Gauss with pivoting; None for a singular matrix."""
    n = len(right)
    rows = [[*matrix[i], right[i]] for i in range(n)]
    for column in range(n):
        pivot = max(range(column, n), key=lambda r: abs(rows[r][column]))
        if abs(rows[pivot][column]) < 1e-12:
            return None
        rows[column], rows[pivot] = rows[pivot], rows[column]
        for r in range(n):
            if r != column:
                factor = rows[r][column] / rows[column][column]
                rows[r] = [a - factor * b for a, b in zip(rows[r], rows[column], strict=True)]
    return [rows[i][n] / rows[i][i] for i in range(n)]


class DurationEstimator:
    """Predicts seconds of work from what is known at submission, and learns from how tasks ended."""

    def __init__(self, store: GatewayStore | None = None) -> None:
        self._store = store
        self.fits: dict[str, Fit] = {name: Fit(_per_token(row.first_cost)) for name, row in OPERATIONS.items()}
        #: Key of the model whose vectors local tasks used last; None until one has ended.
        self.vector_model: str | None = None
        self._tokens_per_char = _TOKENS_PER_CHAR
        self._known: LRUCache[str, None] = LRUCache(5000)
        #: How many memories of a user were read by a question that ended: these have their vectors.
        self._read: LRUCache[tuple[str, str], int] = LRUCache(_USERS)
        self._since = 0.0
        self._background = Background(pause=_REFRESH)

    def start(self) -> None:
        """Start reading what ended."""
        self._background.run(self._follow, "predictor")

    async def stop(self) -> None:
        """Stop."""
        await self._background.stop()

    def predict(
        self, operation: str, items: int, chars: int, *, missing: float = 1.0, provider: str | None = None
    ) -> float:
        """Seconds from start to end. ``missing`` is the share of the texts without a vector, 0 to 1."""
        return self._fit(operation, provider).seconds(
            (1.0, float(items), chars * self._tokens_per_char * min(1.0, max(0.0, missing)))
        )

    def missing_share(self, person: Person) -> float:
        """The share of a user's stored memories that have no vector yet, as far as is known here."""
        if not person.memories:
            return 0.0
        unread = person.memories - self._read.get((person.tenant, person.user_id), 0)
        changed = person.changes if person.upkept_at is not None else person.memories
        return max(0, min(unread, changed)) / person.memories

    def lane(self, operation: str, seconds: float) -> Lane:
        """The lane for a predicted time."""
        return Lane.FAST if seconds < OPERATIONS[operation].fast_seconds else Lane.HEAVY

    def learn(self, rows: Iterable[TaskRow]) -> None:
        """Take in tasks that succeeded at their first attempt; others tell more of the trouble than of the work."""
        by_fit: dict[str, list[TaskRow]] = {}
        for row in rows:
            if row.id in self._known or row.started_at is None or row.finished_at is None:
                continue
            self._known[row.id] = None
            self._since = max(self._since, row.finished_at.timestamp())
            by_fit.setdefault(_name(row.operation, row.provider), []).append(row)
            if row.provider is None and row.operation in _QUESTIONS:
                self._read[row.tenant, row.user_id] = row.items
            if row.provider is None and row.vector_model is not None:
                self.vector_model = row.vector_model
            if (read := row.tokens + row.cached_tokens) and row.chars and row.provider is None:
                self._tokens_per_char += 0.05 * (min(2.0, read / row.chars) - self._tokens_per_char)
        for name, group in by_fit.items():
            fit = self.fits.setdefault(name, Fit(_per_token(OPERATIONS[group[0].operation].first_cost)))
            observed = []
            for row in group:
                assert row.finished_at is not None
                assert row.started_at is not None
                took = max(_FLOOR, (row.finished_at - row.started_at).total_seconds())
                if row.estimate_seconds is not None:
                    fit.errors.append(abs(row.estimate_seconds - took) / took)
                observed.append(((1.0, float(row.items), float(row.tokens)), took))
            fit.learn(observed)

    def _fit(self, operation: str, provider: str | None) -> Fit:
        return self.fits.get(_name(operation, provider)) or self.fits[operation]

    async def _follow(self) -> None:
        assert self._store is not None
        while True:
            with contextlib.suppress(ReverieError):  # the database is away
                self.learn(await self._store.finished_since(self._since))
            await asyncio.sleep(_REFRESH)


def _per_token(start: Features) -> Features:
    return (start[0], start[1], start[2] / 1000)


def _name(operation: str, provider: str | None) -> str:
    return operation if provider is None else f"{operation}@{provider}"

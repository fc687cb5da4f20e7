"""Vectors by policy: from the provider that was chosen, else from here, never from both in one task."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from reverie.contracts import CloudPolicy
from reverie.embedding import Embedder
from reverie.embedding.base import EmbedKind, OnProgress
from reverie.embedding.calibration import REFERENCE, Scale
from reverie.embedding.measuring import texts_to_measure
from reverie.embedding.providers import PROVIDERS, Budget, BudgetExceeded, ProviderEmbedder
from reverie.embedding.providers.core import PROBE
from reverie.errors import MissingExtra, ProviderError, UnsupportedModel
from reverie.store import CloudChoice, choose
from reverie.worker.models import Chosen, embed_part, model_for, moved
from reverie.worker.resources import Cloud, Resources, Task
from reverie.worker.vectors import Embedded, embed

__all__ = ["Vectorized", "budget_for", "check_ceiling", "choice_for", "metered", "vectorize"]

log = logging.getLogger(__name__)

_SHARE = 0.5
"""Part of a task's remaining time that a provider may use up while the local model could still step in."""


@dataclass(slots=True)
class Vectorized:
    """Embedded texts, and by whom."""

    embedder: Embedder
    sets: list[Embedded]
    #: What cosines of the vectors mean.
    scale: Scale = REFERENCE
    #: For ``stats["cloud"]``; None for a task that nobody meant for the cloud.
    note: dict[str, Any] | None = field(default=None)

    def cost(self) -> dict[str, Any]:
        """The task's cost; fees are on the attempt's bill."""
        return {
            "tokens": sum(s.tokens for s in self.sets),
            "cached_tokens": sum(s.cached_tokens for s in self.sets),
            "vector_model": self.embedder.model.key,
        }

    def stats(self) -> dict[str, Any]:
        """What the result says about the cloud."""
        return {} if self.note is None else {"cloud": self.note}


def choice_for(runtime: Resources, task: Task, requested: CloudPolicy | None) -> CloudChoice:
    """The policy as it is now, which may be stricter than when the task was accepted. Raises ``CloudRefused``."""
    from_cloud = runtime.settings.embedding.embedder in PROVIDERS
    if not from_cloud and (requested is None or not requested.allowed):
        return choose(None, requested.model_dump() if requested else None, runtime.settings)
    policy = runtime.cloud.store.cloud_policy(task.tenant) if runtime.cloud is not None else None
    return choose(policy, requested.model_dump() if requested else None, runtime.settings)


def vectorize(
    runtime: Resources,
    task: Task,
    requested: CloudPolicy | None,
    model: str | None,
    sets: Sequence[tuple[Sequence[str], EmbedKind]],
    *,
    on_progress: OnProgress,
    scaled: bool = True,
    person: int | None = None,
) -> Vectorized:
    """Embed every set with one model; ``scaled``: they will be compared, so the model is the user's
    and what its cosines mean is found out.

    When the chosen provider fails and policy allows it, **everything** is embedded again locally: vectors of two
    models never meet. ``person``: whose stored memories the first set is. Raises ``CloudRefused``, or
    ``ProviderError`` where no fallback is allowed, and ``TryAgain`` while a large store moves to another model.
    """
    choice = choice_for(runtime, task, requested)
    cloud = runtime.cloud
    # Whole tasks go to an endpoint before this.
    if cloud is None or choice.provider is None or choice.provider not in PROVIDERS:
        chosen = model_for(runtime, task, model, sets, person) if scaled else Chosen(model)
        embedder = runtime.embedder(chosen.model)
        if not chosen.moving:
            return _with(runtime, task, embedder, sets, on_progress, scaled, person)
        fresh = 0, 0
        if person is not None and runtime.database is not None:
            fresh = embed_part(runtime.database, task, embedder, person, on_progress)
        done = _with(runtime, task, embedder, sets, on_progress, scaled, person)
        done.sets[0].count_as_computed(*fresh)
        moved(runtime, task)
        return done
    try:
        return _in_cloud(runtime, cloud, task, choice, model, sets, on_progress, scaled, person)
    except (ProviderError, UnsupportedModel, MissingExtra) as error:
        if not choice.fallback:
            raise
        log.warning("task %s: %s; everything is embedded locally", task.id, error.message)
        reason = error.message
    runtime.bill.stand_in = True
    done = _with(runtime, task, cloud.local_embedder(), sets, on_progress, scaled, person)
    done.note = {"provider": choice.provider, "fallback": "local", "reason": reason}
    return done


def _in_cloud(
    runtime: Resources,
    cloud: Cloud,
    task: Task,
    choice: CloudChoice,
    model: str | None,
    sets: Sequence[tuple[Sequence[str], EmbedKind]],
    on_progress: OnProgress,
    scaled: bool,
    person: int | None,
) -> Vectorized:
    assert choice.provider is not None
    provider = cloud.provider(choice.provider, model)
    budget = budget_for(runtime, task, choice)
    if choice.max_usd_day is not None:  # a call without a known price cannot be held against the day's ceiling either
        budget.usd = choice.max_usd_day if budget.usd is None else min(budget.usd, choice.max_usd_day)
    embedder = provider.within(budget)
    if not provider.known:
        with _Meter(cloud, task, choice, provider, budget) as meter:
            meter.hold([PROBE])
            _ = embedder.model
    done = Vectorized(embedder, [])
    for number, (texts, kind) in enumerate(sets):
        # Money is held for what is missing alone, once it is known, and before any of it is sent.
        meter = _Meter(cloud, task, choice, provider, budget)
        with meter:
            owner = person if number == 0 else None
            done.sets.append(
                embed(
                    runtime, task, embedder, texts, kind=kind, on_progress=on_progress, before=meter.hold, person=owner
                )
            )
    if scaled and (known := runtime.scales.known(embedder.model)) is not None:
        done.scale = known
    elif scaled:
        try:
            with _Meter(cloud, task, choice, provider, budget) as meter:
                meter.hold(texts_to_measure())
                done.scale = runtime.scales.of(embedder)
        except ProviderError as error:  # a later task measures; this one has what it asked for
            log.warning("task %s: the scale of %s was not measured: %s", task.id, provider.provider, error.message)
    done.note = {"provider": provider.provider}
    return done


def budget_for(runtime: Resources, task: Task, choice: CloudChoice) -> Budget:
    """What the task may spend of money and time; half of the time is kept for a fallback."""
    limit = runtime.settings.queue.task_time_limit
    left = limit
    if task.deadline_at is not None and task.lease_until is not None:
        # Both are the database's clock: the lease was given at the claim.
        claimed = task.lease_until.timestamp() - runtime.settings.queue.lease_seconds
        left = min(limit, task.deadline_at.timestamp() - claimed)
    share = _SHARE if choice.fallback else 0.95
    return Budget(usd=choice.max_usd, until=time.monotonic() + max(0.1, left * share))


class _Meter:
    """Holds the estimate against the day's ceiling before texts leave, and corrects it afterwards."""

    def __init__(
        self, cloud: Cloud, task: Task, choice: CloudChoice, provider: ProviderEmbedder, budget: Budget
    ) -> None:
        self._cloud, self._task, self._choice = cloud, task, choice
        self._provider, self._budget = provider, budget
        self._stack = contextlib.ExitStack()

    def hold(self, texts: Sequence[str]) -> None:
        """Called with the texts that nobody has embedded yet. Raises ``BudgetExceeded``."""
        _, usd = self._provider.estimate(texts)
        check_ceiling(self._budget, usd, self._provider.provider)
        self._stack.enter_context(
            metered(self._cloud, self._task, self._choice, self._provider.provider, self._budget, usd or 0.0)
        )

    def __enter__(self) -> _Meter:
        return self

    def __exit__(self, *exc: Any) -> None:
        self._stack.close()


def check_ceiling(budget: Budget, usd: float | None, provider: str) -> None:
    """Raises ``BudgetExceeded`` where the task's ceiling does not cover ``usd`` more, or no price is known."""
    if budget.usd is None:
        return
    if usd is None:
        raise BudgetExceeded(f"No price is known for {provider}'s model, so a ceiling cannot be kept.")
    if budget.spent_usd + usd > budget.usd:
        raise BudgetExceeded(
            f"The task may cost about ${budget.spent_usd + usd:.6f} at {provider}; its ceiling is ${budget.usd:.6f}."
        )


@contextlib.contextmanager
def metered(cloud: Cloud, task: Task, choice: CloudChoice, provider: str, budget: Budget, usd: float) -> Iterator[None]:
    """Count ``usd`` as spent today, let the block spend from ``budget``, then write what it really was.

    Raises ``BudgetExceeded`` when the day's ceiling does not cover the estimate.
    """
    day = cloud.store.hold_cloud_usd(task.tenant, usd, choice.max_usd_day)
    if day is None:
        raise BudgetExceeded(f"The tenant's ceiling of ${choice.max_usd_day:.6f} a day does not cover this task.")
    before_usd, before_tokens = budget.spent_usd, budget.spent_tokens
    cloud.store.record_cloud(task, provider)
    cloud.bill.provider = provider
    try:
        yield
    finally:
        spent, tokens = budget.spent_usd - before_usd, budget.spent_tokens - before_tokens
        cloud.bill.usd += spent
        cloud.bill.tokens += tokens
        cloud.store.settle_cloud_usd(task.tenant, day, change=spent - usd, tokens=tokens)


def _with(
    runtime: Resources,
    task: Task,
    embedder: Embedder,
    sets: Sequence[tuple[Sequence[str], EmbedKind]],
    on_progress: OnProgress,
    scaled: bool,
    person: int | None,
) -> Vectorized:
    return Vectorized(
        embedder,
        [
            embed(
                runtime,
                task,
                embedder,
                texts,
                kind=kind,
                on_progress=on_progress,
                person=None if number else person,
                passing=scaled and kind == "query",
            )
            for number, (texts, kind) in enumerate(sets)
        ],
        runtime.scales.of(embedder) if scaled else REFERENCE,
    )

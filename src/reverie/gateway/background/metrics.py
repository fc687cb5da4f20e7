"""Prometheus figures: of this process from memory, of the queue from the database.

The parts of the gateway count by themselves, since the status page shows the same figures; here they get their names.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from reverie.errors import ReverieError
from reverie.gateway.background.loop_watch import LoopWatch
from reverie.gateway.background.sweeper import Sweeper
from reverie.gateway.push.hub import Hub
from reverie.gateway.push.webhooks import WebhookSender
from reverie.gateway.submissions.duration_estimate import DurationEstimator
from reverie.gateway.submissions.result_cache import ResultCache
from reverie.queue import QUEUES, Dispatcher
from reverie.store import GatewayStore

__all__ = ["Metrics"]

_FRESH = 2.0


@dataclass(eq=False)
class Metrics(Collector):
    """The figures of one gateway."""

    store: GatewayStore
    result_cache: ResultCache
    sweeper: Sweeper
    dispatcher: Dispatcher
    hub: Hub
    loop_watch: LoopWatch
    durations: DurationEstimator
    webhooks: WebhookSender

    def __post_init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # they would be a second figure beside each histogram
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self._read_at = float("-inf")
        self._queued: dict[str, tuple[int, float]] = {}
        #: Waiting tasks by lane and class, the last five minutes' tasks, webhooks by state.
        self._figures: tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, int]] = ([], [], {})

    async def render(self) -> bytes:
        """The text format. The database is asked at most every two seconds, and not at all while it is away."""
        if time.monotonic() - self._read_at > _FRESH:
            try:
                self._queued, self._figures = await self.store.queued(), await self.store.figures()
            except ReverieError:
                self._queued, self._figures = {}, ([], [], {})
            self._read_at = time.monotonic()
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        yield from self._of_this_process()
        yield from self._of_predictions()
        yield from self._of_tasks()
        yield from self._of_webhooks()

    def _of_this_process(self) -> Iterator[Metric]:
        queues = {queue: self._queued.get(queue, (0, 0.0)) for queue in QUEUES}
        yield _gauge(
            "reverie_queue_tasks", "Tasks that wait, by queue", "queue", {q: n for q, (n, _) in queues.items()}
        )
        ages = {q: age for q, (_, age) in queues.items()}
        yield _gauge("reverie_queue_oldest_seconds", "Age of the oldest waiting task", "queue", ages)
        looks = {"hit": self.result_cache.hits, "miss": self.result_cache.misses}
        yield _counter("reverie_answer_cache", "Looks into the answer cache", "outcome", looks)
        yield _counter("reverie_repairs", "What the sweeper repaired", "kind", self.sweeper.repaired)
        messages = {"sent": self.dispatcher.sent, "dropped": self.dispatcher.dropped}
        yield _counter("reverie_messages", "Messages to the broker", "outcome", messages)
        yield _gauge("reverie_streams", "Open result streams", "", {(): self.hub.open_streams()})
        yield _counter("reverie_events_delivered", "Events handed to streams", "", {(): self.hub.delivered})
        yield _gauge("reverie_sweeper_leading", "1 in the gateway that sweeps", "", {(): self.sweeper.leading})
        yield from self.loop_watch.blocked.collect()
        worst = {"own code": self.loop_watch.worst_blocked, "own code or no free core": self.loop_watch.worst_lag}
        yield _gauge("reverie_loop_worst_seconds", "Longest hold-up since the start, by cause", "cause", worst)

    def _of_predictions(self) -> Iterator[Metric]:
        cost, error, learned = {}, {}, {}
        for operation, fit in self.durations.fits.items():
            once, per_text, per_token = fit.coefficients
            for part, seconds in (("once", once), ("text", per_text), ("1000 tokens", 1000 * per_token)):
                cost[operation, part] = seconds
            learned[operation] = len(fit.seen)
            if fit.error is not None:
                error[operation] = fit.error
        yield _gauge(
            "reverie_predicted_cost_seconds", "The fit behind estimates, by operation and part", "operation part", cost
        )
        yield _gauge(
            "reverie_prediction_error_ratio", "Median relative error of the last estimates", "operation", error
        )
        yield _gauge("reverie_prediction_tasks", "Tasks the fit knows", "operation", learned)

    def _of_tasks(self) -> Iterator[Metric]:
        waiting, lately, _ = self._figures
        tasks = {(row["lane"], row["class"]): row["waiting"] for row in waiting}
        yield _gauge("reverie_waiting_tasks", "Waiting tasks by lane and kind of tenant", "lane tenants", tasks)
        oldest = {(row["lane"], row["class"]): row["oldest"] for row in waiting}
        yield _gauge("reverie_waiting_oldest_seconds", "Age of the oldest of them", "lane tenants", oldest)
        seconds = {
            (row["operation"], row["lane"], stage, quantile): value
            for row in lately
            for stage in ("waiting", "running")
            for quantile, value in zip(("0.5", "0.95"), row[stage] or (), strict=False)
            if value is not None
        }
        yield _gauge(
            "reverie_stage_seconds",
            "Time of the tasks that ended in the last five minutes, by stage",
            "operation lane stage quantile",
            seconds,
        )

        def recent(column: str) -> dict[tuple[str, str], float]:
            return {(row["operation"], row["lane"]): row[column] for row in lately}

        yield _gauge(
            "reverie_recent_ended", "Tasks that ended in the last five minutes", "operation lane", recent("ended")
        )
        yield _gauge("reverie_recent_failed", "Those of them that failed", "operation lane", recent("failed"))
        yield _gauge("reverie_recent_dead", "Those of them that were dead-lettered", "operation lane", recent("dead"))
        yield _gauge("reverie_recent_retries", "Their attempts beyond the first", "operation lane", recent("retries"))
        yield _gauge("reverie_recent_tokens", "Tokens computed for them", "operation lane", recent("tokens"))
        yield _gauge(
            "reverie_recent_cached_tokens",
            "Tokens that the vector cache saved them",
            "operation lane",
            recent("cached_tokens"),
        )

    def _of_webhooks(self) -> Iterator[Metric]:
        tries = {name: self.webhooks.outcomes[name] for name in ("delivered", "retried", "failed", "disabled")}
        yield _counter("reverie_webhook_tries", "Tries to send a webhook, by outcome", "outcome", tries)
        kept = {name: self._figures[2].get(name, 0) for name in ("pending", "failed")}
        yield _gauge("reverie_webhooks", "Webhooks that wait or were given up", "state", kept)


def _gauge(name: str, about: str, labels: str, values: Mapping[Any, float]) -> Metric:
    return _filled(GaugeMetricFamily(name, about, labels=labels.split()), values)


def _counter(name: str, about: str, labels: str, values: Mapping[Any, float]) -> Metric:
    return _filled(CounterMetricFamily(name, about, labels=labels.split()), values)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, values: Mapping[Any, float]) -> Metric:
    """``values`` by the value of the label, or by a tuple of those of several."""
    for labels, value in values.items():
        family.add_metric([labels] if isinstance(labels, str) else labels, value)
    return family

"""Prometheus figures: of this process from memory, of the queue from the database."""

from __future__ import annotations

import itertools
import time
from typing import Any, TypeAlias

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from reverie.errors import ReverieError
from reverie.gateway.background.loop_watch import BUCKETS
from reverie.gateway.state import State
from reverie.queue import QUEUES

__all__ = ["render"]

_FRESH = 2.0

_Figures: TypeAlias = "tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, int]]"
_NOTHING: _Figures = ([], [], {})
_queued: dict[int, tuple[float, dict[str, tuple[int, float]], _Figures]] = {}


class _Snapshot(Collector):
    def __init__(self, state: State, queued: dict[str, tuple[int, float]], figures: _Figures) -> None:
        self._state = state
        self._figures = figures
        self._queued = queued

    def collect(self) -> list[Metric]:
        state = self._state
        waiting = GaugeMetricFamily("reverie_queue_tasks", "Tasks that wait, by queue", labels=["queue"])
        oldest = GaugeMetricFamily("reverie_queue_oldest_seconds", "Age of the oldest waiting task", labels=["queue"])
        for queue in QUEUES:
            count, age = self._queued.get(queue, (0, 0.0))
            waiting.add_metric([queue], count)
            oldest.add_metric([queue], age)
        looks = CounterMetricFamily("reverie_answer_cache", "Looks into the answer cache", labels=["outcome"])
        looks.add_metric(["hit"], state.result_cache.hits)
        looks.add_metric(["miss"], state.result_cache.misses)
        repairs = CounterMetricFamily("reverie_repairs", "What the sweeper repaired", labels=["kind"])
        for kind, count in state.sweeper.repaired.items():
            repairs.add_metric([kind], count)
        messages = CounterMetricFamily("reverie_messages", "Messages to the broker", labels=["outcome"])
        messages.add_metric(["sent"], state.dispatcher.sent)
        messages.add_metric(["dropped"], state.dispatcher.dropped)
        sockets = GaugeMetricFamily("reverie_streams", "Open result streams", value=state.hub.open_streams())
        delivered = CounterMetricFamily(
            "reverie_events_delivered", "Events handed to streams", value=state.hub.delivered
        )
        leading = GaugeMetricFamily(
            "reverie_sweeper_leading", "1 in the gateway that sweeps", value=state.sweeper.leading
        )
        watch = state.loop_watch
        blocked = HistogramMetricFamily(
            "reverie_loop_blocked_seconds",
            "How long the event loop was held up by the gateway's own code, every 20 ms",
            buckets=_cumulated(watch.counts),
            sum_value=watch.total,
        )
        worst = GaugeMetricFamily(
            "reverie_loop_worst_seconds", "Longest hold-up since the start, by cause", labels=["cause"]
        )
        worst.add_metric(["own code"], watch.worst_blocked)
        worst.add_metric(["own code or no free core"], watch.worst_lag)
        figures = [waiting, oldest, looks, repairs, messages, sockets, delivered, leading, blocked, worst]
        return figures + _predictions(state) + _of_database(*self._figures) + _webhooks(state, self._figures[2])


def _of_database(waiting: list[dict[str, Any]], lately: list[dict[str, Any]], _: dict[str, int]) -> list[Metric]:
    labels = ["lane", "tenants"]
    tasks = GaugeMetricFamily("reverie_waiting_tasks", "Waiting tasks by lane and kind of tenant", labels=labels)
    oldest = GaugeMetricFamily("reverie_waiting_oldest_seconds", "Age of the oldest of them", labels=labels)
    for row in waiting:
        tasks.add_metric([row["lane"], row["class"]], row["waiting"])
        oldest.add_metric([row["lane"], row["class"]], row["oldest"])
    labels = ["operation", "lane"]
    seconds = GaugeMetricFamily(
        "reverie_stage_seconds",
        "Time of the tasks that ended in the last five minutes, by stage",
        labels=[*labels, "stage", "quantile"],
    )
    counts = {
        "ended": GaugeMetricFamily("reverie_recent_ended", "Tasks that ended in the last five minutes", labels=labels),
        "failed": GaugeMetricFamily("reverie_recent_failed", "Those of them that failed", labels=labels),
        "dead": GaugeMetricFamily("reverie_recent_dead", "Those of them that were dead-lettered", labels=labels),
        "retries": GaugeMetricFamily("reverie_recent_retries", "Their attempts beyond the first", labels=labels),
        "tokens": GaugeMetricFamily("reverie_recent_tokens", "Tokens computed for them", labels=labels),
        "cached_tokens": GaugeMetricFamily(
            "reverie_recent_cached_tokens", "Tokens that the vector cache saved them", labels=labels
        ),
    }
    for row in lately:
        where = [row["operation"], row["lane"]]
        for name, family in counts.items():
            family.add_metric(where, row[name])
        for stage in ("waiting", "running"):
            for quantile, value in zip(("0.5", "0.95"), row[stage] or (), strict=False):
                if value is not None:
                    seconds.add_metric([*where, stage, quantile], value)
    return [tasks, oldest, seconds, *counts.values()]


def _webhooks(state: State, counts: dict[str, int]) -> list[Metric]:
    tries = CounterMetricFamily("reverie_webhook_tries", "Tries to send a webhook, by outcome", labels=["outcome"])
    for outcome in ("delivered", "retried", "failed", "disabled"):
        tries.add_metric([outcome], state.webhooks.outcomes[outcome])
    kept = GaugeMetricFamily("reverie_webhooks", "Webhooks that wait or were given up", labels=["state"])
    for name in ("pending", "failed"):
        kept.add_metric([name], counts.get(name, 0))
    return [tries, kept]


def _predictions(state: State) -> list[Metric]:
    cost = GaugeMetricFamily(
        "reverie_predicted_cost_seconds",
        "The fit behind estimates, by operation and part",
        labels=["operation", "part"],
    )
    error = GaugeMetricFamily(
        "reverie_prediction_error_ratio", "Median relative error of the last estimates", labels=["operation"]
    )
    learned = GaugeMetricFamily("reverie_prediction_tasks", "Tasks the fit knows", labels=["operation"])
    for operation, fit in state.durations.fits.items():
        once, per_text, per_token = fit.coefficients
        for part, seconds in (("once", once), ("text", per_text), ("1000 tokens", 1000 * per_token)):
            cost.add_metric([operation, part], seconds)
        learned.add_metric([operation], len(fit.seen))
        if fit.error is not None:
            error.add_metric([operation], fit.error)
    return [cost, error, learned]


def _cumulated(counts: list[int]) -> list[tuple[str, float]]:
    bounds = [*(str(bound) for bound in BUCKETS), "+Inf"]
    return list(zip(bounds, (float(n) for n in itertools.accumulate(counts)), strict=True))


async def render(state: State) -> bytes:
    """The text format. The database is asked at most every two seconds, and not at all while it is away."""
    at, queued, figures = _queued.get(id(state), (0.0, {}, _NOTHING))
    if time.monotonic() - at > _FRESH:
        try:
            queued, figures = await state.store.queued(), await state.store.figures()
        except ReverieError:
            queued, figures = {}, _NOTHING
        _queued[id(state)] = (time.monotonic(), queued, figures)
    registry = CollectorRegistry()
    registry.register(_Snapshot(state, queued, figures))
    return generate_latest(registry)

"""Plans upkeep: which users are due, and one task for each. Runs in the gateway that sweeps."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import psycopg

from reverie._ids import new_task_id
from reverie.gateway.push.hub import Hub
from reverie.gateway.submissions.duration_estimate import DurationEstimator
from reverie.queue import Dispatcher
from reverie.settings import UpkeepSettings
from reverie.store import TaskRow
from reverie.store.view_store import DueUser, ViewFacts, ViewStore

__all__ = ["UpkeepPlanner", "next_upkeep_at"]

_ROUND = 100
"""Most tasks that one round makes, so that a round stays short."""


def next_upkeep_at(facts: ViewFacts, settings: UpkeepSettings, tenant: str) -> datetime | None:
    """When upkeep of a tenant's user will start by itself; None when nothing changed or it does not."""
    if facts.first_change_at is None or facts.last_change_at is None:
        return None
    if (facts.upkeep or settings.upkeep_of(tenant)) != "auto":
        return None
    due = min(
        facts.last_change_at + timedelta(seconds=settings.upkeep_quiet),
        facts.first_change_at + timedelta(seconds=settings.upkeep_max_wait),
    )
    return max(due, facts.not_before) if facts.not_before else due


class UpkeepPlanner:
    """Makes upkeep tasks, for users who are due and for those who are asked about."""

    def __init__(
        self,
        views: ViewStore,
        hub: Hub,
        dispatcher: Dispatcher,
        predictor: DurationEstimator,
        settings: UpkeepSettings,
    ) -> None:
        self._views = views
        self._hub = hub
        self._dispatcher = dispatcher
        self._predictor = predictor
        self._settings = settings
        #: Tasks made since the start.
        self.planned = 0

    async def round(self, connection: psycopg.AsyncConnection[dict[str, Any]]) -> None:
        """Plan what is due now; on the sweeper's connection, so that one gateway does it."""
        settings = self._settings
        due = await self._views.due(
            connection,
            auto=settings.upkeep == "auto",
            others=[tenant for tenant, own in settings.upkeep_tenants.items() if own != settings.upkeep],
            quiet=settings.upkeep_quiet,
            max_wait=settings.upkeep_max_wait,
            most=settings.upkeep_in_flight,
        )
        due = due[:_ROUND]
        if not due:
            return
        ids = [new_task_id() for _ in due]
        made = await self._views.plan(
            connection, [(user.tenant, user.person) for user in due], ids, [self._estimate(user) for user in due]
        )
        for row in made:
            self._send(row)

    async def now(self, tenant: str, facts: ViewFacts) -> TaskRow | None:
        """The user's upkeep in flight, made now unless there is one; None when they were erased meanwhile."""
        user = DueUser(tenant, facts.person, facts.memories, 0, facts.changes, None)
        row, new = await self._views.plan_one(tenant, facts.person, new_task_id(), self._estimate(user))
        if row is not None and new:
            self._send(row)
        return row

    def _send(self, row: TaskRow) -> None:
        self.planned += 1
        self._dispatcher.put(row.id, row.queue)
        self._hub.publish(row)

    def _estimate(self, user: DueUser) -> float:
        """Seconds; what the last one took says more than a general fit."""
        missing = min(1.0, user.changes / max(1, user.memories)) if user.cost is not None else 1.0
        predicted = self._predictor.predict("upkeep", user.memories, user.chars, missing=missing)
        return max(predicted, user.cost or 0.0)

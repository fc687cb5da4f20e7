"""Has new memories placed at once: a small task in the fast lane for each user who has a view and got some."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson

from reverie._ids import new_task_id
from reverie.aio.batcher import Batcher
from reverie.errors import NotFound, ReverieError
from reverie.gateway.submissions.submit import wait_for_end
from reverie.queue import Dispatcher
from reverie.store.view_store import ViewStore

if TYPE_CHECKING:
    from reverie.gateway.state import State

__all__ = ["Placer", "placed_now"]

log = logging.getLogger(__name__)

_MOST = 10_000
"""Adds whose user may wait for a task; of more than that the next upkeep takes care."""
_LONGEST_WAIT = 10.0
"""Seconds that a request waits at most for its memory to be placed."""


class Placer:
    """One task places all that came before its end, so a burst of single adds makes few."""

    def __init__(self, views: ViewStore, dispatcher: Dispatcher) -> None:
        self._views = views
        self._dispatcher = dispatcher
        self._users = Batcher(self._plan, most=_MOST, capacity=_MOST)

    def soon(self, tenant: str, user_id: str) -> None:
        """Have a user's new memories placed; the caller that added them does not wait for it."""
        self._users.put((tenant, user_id))

    async def stop(self) -> None:
        """Stop; what is not placed is grouped by the next upkeep."""
        await self._users.stop(ConnectionError("the gateway ends"))

    async def _plan(self, users: Sequence[tuple[str, str]]) -> list[None]:
        # What is added from here on asks anew, and is in the next group.
        for tenant, user_id in dict.fromkeys(users):
            try:
                row = await self._views.plan_place(tenant, user_id, new_task_id())
            except ReverieError:
                continue  # the database is away; the next upkeep sees it
            except Exception:
                log.exception("a placing could not be planned")
                continue
            if row is not None:
                self._dispatcher.put(row.id, row.queue)
        return [None] * len(users)


async def placed_now(
    state: State, tenant: str, user_id: str, memory_id: str, seconds: float | None
) -> dict[str, Any] | None:
    """The contract's Place of a memory, waited for; None if nobody waits, or it has no theme yet."""
    if not seconds:
        return None
    facts = await state.view_store.facts(tenant, user_id, "themes")
    if facts is None or facts.view_version is None:
        return None
    row = await state.view_store.plan_place(tenant, user_id, new_task_id())
    if row is not None:
        state.dispatcher.put(row.id, row.queue)
    else:  # one that was made before sees this memory too, unless it has ended: then it is placed
        row = await state.view_store.find_place(tenant, user_id)
    if row is not None:
        await wait_for_end(state, row, min(seconds, _LONGEST_WAIT))
    try:
        shown = await state.views.get(tenant, user_id, "themes")
    except NotFound:
        return None
    view = await asyncio.to_thread(orjson.loads, shown.body or b"{}")
    theme_id = view["assignments"].get(memory_id)
    label = next((theme["label"] for theme in view["themes"] if theme["id"] == theme_id), None)
    if label is None:
        return None
    return {"theme_id": theme_id, "label": label, "provisional": memory_id in view["provisional"]}

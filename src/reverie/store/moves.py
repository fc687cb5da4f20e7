"""Moving a large store to another model in the background: what is left to embed, and the upkeep that does it."""

from __future__ import annotations

from typing import Any

import orjson
import psycopg

from reverie._ids import new_id
from reverie.store import places
from reverie.store.rows import TASK_CONTRACT, ClaimedTask
from reverie.store.sql import sql
from reverie.store.worker_store import WorkerStore

__all__ = ["plan_move", "texts_without_vector"]


def texts_without_vector(
    store: WorkerStore, task: ClaimedTask, model: str, after: str, limit: int
) -> list[tuple[str, str]]:
    """``(id, text)`` of the task's user's stored memories after the id ``after`` that have no vector of ``model``."""
    asked = {"tenant": task.tenant, "user_id": task.user_id, "model": model, "after": after, "limit": limit}
    rows = store.rows("memories_without_vector", **asked)
    where = [places.memory(task.tenant, task.user_id, row["id"]) for row in rows]
    return [
        (row["id"], orjson.loads(store.load(row["body"], place))["text"])
        for row, place in zip(rows, where, strict=True)
    ]


def plan_move(store: WorkerStore, tenant: str, person: int, *, auto: bool) -> None:
    """Have the person's upkeep run soon, unless they have one waiting or do without it by themselves.

    ``auto``: whether those who said nothing have it. The sweeper sends the task.
    """

    def work(connection: psycopg.Connection[dict[str, Any]]) -> None:
        row = connection.execute(sql("can_be_kept_up"), {"person": person, "auto": auto}).fetchone()
        if row is None:
            return
        task_id = new_id("tsk_")
        body = store.save(b"{}", places.payload(tenant, task_id))
        asked = {"people": [person], "ids": [task_id], "estimates": [row["seconds"]], "bodies": [body]}
        connection.execute(sql("plan_upkeep"), {**asked, "contract": TASK_CONTRACT})

    store.run(work)

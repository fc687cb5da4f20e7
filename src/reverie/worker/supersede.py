"""What is true today, at the start of an upkeep: memories that others replaced are marked, with the reason."""

from __future__ import annotations

from dataclasses import asdict

import orjson

from reverie.analysis import KnownTexts
from reverie.analysis.supersession import Judge, find_superseded
from reverie.errors import LeaseLost
from reverie.store import TaskRow
from reverie.store.people import StoredMemories, read_stored
from reverie.store.supersession import read_moments, supersede
from reverie.worker.runtime import Runtime

__all__ = ["with_what_holds"]


def with_what_holds(
    runtime: Runtime,
    task: TaskRow,
    stored: StoredMemories,
    judge: Judge | None = None,
    known: KnownTexts | None = None,
) -> StoredMemories:
    """``stored`` without what no longer holds; read anew where something was marked.

    ``known``: what the texts were read as before.
    Raises ``LeaseLost`` when the task or the user is gone.
    """
    person = stored.person
    moments = read_moments(runtime.store, person.id)
    # Undated memories hold since they were told.
    dated = [
        memory if memory.created_at is not None else memory.model_copy(update={"created_at": moments[memory.id][0]})
        for memory in stored.memories
        if memory.id in moments
    ]
    decided = {id_ for id_, (_, by_a_person) in moments.items() if by_a_person}
    links = find_superseded(dated, decided=decided, judge=judge, known=known)
    if not links:
        return stored
    told = [
        (
            link.earlier,
            link.later,
            orjson.dumps({name: v for name, v in asdict(link).items() if name not in ("earlier", "later")}),
        )
        for link in links
    ]
    done = supersede(runtime.store, task, person, told)
    if done is None:
        raise LeaseLost("the user was erased")
    if not done:
        return stored
    again = read_stored(runtime.store, task.tenant, task.user_id)
    if again is None:
        raise LeaseLost("the user was erased")
    return again

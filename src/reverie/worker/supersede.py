"""What is true today, at the start of an upkeep: memories that others replaced are marked, with the reason."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict

import orjson

from reverie.analysis import KnownTexts
from reverie.analysis.supersession import Judge, Link, find_superseded
from reverie.contracts import Memory
from reverie.errors import LeaseLost
from reverie.store import TaskRow
from reverie.store.people import StoredMemories, read_stored
from reverie.store.supersession import read_moments, read_view_version, supersede
from reverie.worker.llm_judge import judge_for
from reverie.worker.resources import WithDatabase

__all__ = ["with_what_holds"]


def with_what_holds(
    runtime: WithDatabase, task: TaskRow, stored: StoredMemories, known: KnownTexts | None = None
) -> StoredMemories:
    """``stored`` without what no longer holds; read anew where something was marked.

    Where the rules are not sure a judge is asked, if there is one, about what changed since the view was made.
    ``known``: what the texts were read as before.

    Raises ``LeaseLost`` when the task or the user is gone.
    """
    person = stored.person
    moments = read_moments(runtime.store, person.id)
    # Undated memories hold since they were stored.
    dated = [
        memory if memory.created_at is not None else memory.model_copy(update={"created_at": moments[memory.id].moment})
        for memory in stored.memories
        if memory.id in moments
    ]
    decided = {id_ for id_, at in moments.items() if at.decided}
    judge = judge_for(runtime, task)
    if judge is not None:
        since = read_view_version(runtime.store, task)
        judge = _about(judge, {id_ for id_, at in moments.items() if at.version > since})
    links = find_superseded(dated, decided=decided, judge=judge, known=known)
    if not links:
        return stored
    marks = [
        (
            link.earlier,
            link.later,
            orjson.dumps({name: v for name, v in asdict(link).items() if name not in ("earlier", "later")}),
        )
        for link in links
    ]
    done = supersede(runtime.store, task, person, marks)
    if done is None:
        raise LeaseLost("the user was erased")
    if not done:
        return stored
    again = read_stored(runtime.store, task.tenant, task.user_id)
    if again is None:
        raise LeaseLost("the user was erased")
    return again


def _about(judge: Judge, changed: Collection[str]) -> Judge:
    """``judge``, asked about pairs with one of ``changed`` alone: the others were judged in an earlier upkeep."""

    def asked(pairs: Sequence[tuple[Memory, Memory, Link]]) -> list[bool]:
        new = [pair for pair in pairs if pair[0].id in changed or pair[1].id in changed]
        said = dict(zip((id(pair[2]) for pair in new), judge(new) if new else (), strict=True))
        return [said.get(id(pair[2]), False) for pair in pairs]

    return asked

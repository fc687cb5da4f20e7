"""New memories put at once into the themes of the user's view, until the next upkeep groups them for good."""

from __future__ import annotations

import orjson
import psycopg

from reverie.clustering import load_states, place
from reverie.embedding.alphabet import legible
from reverie.embedding.base import OnProgress
from reverie.errors import LeaseLost
from reverie.store import TaskRow
from reverie.store.people import has_unplaced, put_places, read_unplaced
from reverie.worker.attempt import TryAgain
from reverie.worker.cloud import vectorize
from reverie.worker.outcome import Outcome
from reverie.worker.resources import WithDatabase
from reverie.worker.stored_inputs import DOCUMENT, view_key

__all__ = ["run_place"]

_MOST = 1000
"""Memories that are placed in one task. More than that at once are not a conversation, and upkeep is near."""


def run_place(runtime: WithDatabase, task: TaskRow, payload: bytes, on_progress: OnProgress) -> Outcome:
    """Embed what came since the view and note the theme of each; ends when nothing is left to place.

    One task serves all that came before its end, so a burst of single adds makes few of them.
    """
    placed = 0
    tokens = cached = 0
    while True:
        found = read_unplaced(runtime.store, task.tenant, task.user_id, _MOST)
        if found is None or not found.memories or placed >= _MOST:
            break
        wanted = [([m.text for m in found.memories], DOCUMENT)]
        done = vectorize(runtime, task, None, None, wanted, on_progress=on_progress, person=found.person)
        tokens += done.sets[0].tokens
        cached += done.sets[0].cached_tokens
        stored = runtime.store.themes(task, view_key(done.embedder.model.key))
        states = load_states(stored) if stored else []
        vectors, _ = legible([m.text for m in found.memories], done.sets[0].vectors, done.embedder.model.alphabet)
        where = place(vectors, states, done.scale)
        if not put_places(runtime.store, task, found, [placement.theme_id for placement in where]):
            raise LeaseLost
        placed += len(found.memories)
    person = found.person if found is not None else None
    full = placed >= _MOST

    def last_look(connection: psycopg.Connection[dict[str, object]], seconds: float) -> None:
        # Whoever adds holds the person's row: either this sees what they added, or they see that this task has ended.
        if person is not None and not full and has_unplaced(connection, person):
            raise TryAgain

    body = orjson.dumps({"placed": placed, "version": found.version if found is not None else None})
    return Outcome(body, {"tokens": tokens, "cached_tokens": cached}, also=last_look)

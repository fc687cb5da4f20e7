"""The memories of a task: those it brings, or the user's stored ones at their version."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from reverie.analysis import KnownTexts, RecallIndex
from reverie.contracts import Memory, RecallRequest
from reverie.embedding.base import EmbedKind, OnProgress
from reverie.errors import InvalidInput
from reverie.store.people import PersonAt, read_delta, read_stored
from reverie.worker.cloud import Vectorized, vectorize
from reverie.worker.resources import Resources, Task, WithDatabase
from reverie.worker.stored import KnownIndex, texts_size

__all__ = ["DOCUMENT", "QUERY", "given_or_stored", "keep_texts", "known_texts", "stored_index", "view_key"]

DOCUMENT: EmbedKind = "document"
QUERY: EmbedKind = "query"


def view_key(model_key: str) -> str:
    """Under which key the themes of a user's view are kept, apart from those of calls that bring their memories."""
    return "view:" + model_key


def given_or_stored(
    runtime: Resources, task: Task, memories: Sequence[Memory] | None
) -> tuple[Sequence[Memory], PersonAt | None]:
    """The memories of a request; without any the stored ones, and whose and of which version they are.

    Raises ``InvalidInput`` when nothing is stored either.
    """
    if memories is not None:
        return memories, None
    database = runtime.database
    stored = read_stored(database.store, task.tenant, task.user_id) if database is not None else None
    if stored is None:
        raise _nothing_stored()
    return stored.memories, stored.person


def _nothing_stored() -> InvalidInput:
    message = "Field required: nothing is stored for this user"
    return InvalidInput.at("memories", message)


def stored_index(
    runtime: Resources, task: Task, request: RecallRequest, on_progress: OnProgress
) -> tuple[KnownIndex, PersonAt, Vectorized, NDArray[np.float32]]:
    """``(index, whose and of which version, what was embedded, the query's vector)`` for a question on stored memories.

    What is at hand is brought up to date by what changed since. Raises ``InvalidInput`` for a user who keeps none.
    """

    def embedded(memories: Sequence[Memory], person: PersonAt) -> Vectorized:
        wanted = [([m.text for m in memories], DOCUMENT), ([request.query], QUERY)]
        model = request.options.model
        return vectorize(runtime, task, request.cloud, model, wanted, on_progress=on_progress, person=person.id)

    database = runtime.database
    if database is None:
        raise _nothing_stored()
    known = database.stored.known(task)
    delta = None
    if known is not None:
        delta = read_delta(database.store, task.tenant, task.user_id, known.version)
    if known is not None and delta is not None and delta.person.id == known.person:
        done = embedded(delta.changed, delta.person)
        if done.embedder.model.key == known.value.model_key:
            kept = known.value
            if delta.changed or delta.gone:
                kept = kept.changed(delta.changed, done.sets[0].vectors, delta.gone)
            database.stored.keep(task, delta.person, kept, kept.size)
            return kept, delta.person, done, done.sets[1].vectors[0]
    memories, person = given_or_stored(runtime, task, None)
    assert person is not None
    done = embedded(memories, person)
    prototypes = runtime.anchors.prototypes(done.embedder)
    index = RecallIndex.of(memories, done.sets[0].vectors, done.embedder.model.alphabet, prototypes)
    kept = KnownIndex(done.embedder.model.key, index)
    database.stored.keep(task, person, kept, kept.size)
    return kept, person, done, done.sets[1].vectors[0]


def known_texts(runtime: WithDatabase, task: Task, person: int) -> KnownTexts:
    """What the texts of the task's user were read as before, in this process; empty where that is not at hand."""
    kept = runtime.texts.known(task)
    return kept.value if kept is not None and kept.person == person else KnownTexts()


def keep_texts(
    runtime: WithDatabase, task: Task, person: PersonAt, memories: Sequence[Memory], known: KnownTexts
) -> None:
    """Have the readings of these memories at hand for the next upkeep."""
    known.keep_only(memory.text for memory in memories)
    runtime.texts.keep(task, person, known, texts_size(known))

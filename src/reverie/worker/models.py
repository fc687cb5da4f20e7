"""Which model embeds a user's texts where REVERIE_MODEL is auto: one for each user, and another one only for good.

A user moves when their texts have been embedded, not before: until then they are answered with the model that they
have. What is small is embedded at once. Of a large store upkeep embeds a part a run, so that no question waits for it
and no time limit ends it, and what a killed worker had embedded stays.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from reverie._models import AUTO, ENGLISH, MULTILINGUAL
from reverie.clustering.languages import is_english, mostly_english
from reverie.contracts import Lane
from reverie.embedding import Embedder
from reverie.embedding.base import EmbedKind, OnProgress
from reverie.store.moves import plan_move, texts_without_vector
from reverie.worker.attempt import TryAgain
from reverie.worker.resources import Resources, Task, UserModels, WithDatabase
from reverie.worker.vectors import embed

__all__ = ["Chosen", "embed_part", "model_for", "moved"]

log = logging.getLogger(__name__)

_AT_ONCE = 400
"""Texts that are embedded anew while somebody waits. More of stored ones are left to upkeep."""
_A_RUN = 3000
"""Texts of a large store that one run of upkeep embeds before others have their turn: about a minute."""
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Chosen:
    """A task's model."""

    #: None: the one that the settings name.
    model: str | None
    #: Whether the user has it from now on, once the task's texts are embedded.
    moving: bool = False


def model_for(
    runtime: Resources,
    task: Task,
    asked: str | None,
    sets: Sequence[tuple[Sequence[str], EmbedKind]],
    person: int | None = None,
) -> Chosen:
    """The model for a task's texts. ``asked``: the one that the request names.

    A user stays with the English model until there is a clear share of another language among their memories, or a
    question in one. From then on all of their texts are read by the multilingual model, and answers of the model before
    are forgotten. ``person``: whose stored memories the texts belong to. A person's choice for the user or the tenant
    comes first (``reverie reembed``).
    """
    users = runtime.user_models
    if asked not in (None, AUTO) or users is None:
        return Chosen(None if asked == AUTO else asked)
    row = users.user_model(task)
    if row is not None and (row.pinned or row.moved):
        return Chosen(row.model)
    count = sum(len(texts) for texts, _ in sets)
    if row is None and not _foreign(users, sets, count, person):
        return Chosen(ENGLISH)
    stored = 0 if person is None else users.stored_memories(person)
    in_background = task.operation == "upkeep" if person is not None else task.lane != Lane.FAST
    if in_background or max(count, stored) <= _AT_ONCE:  # all that is stored will be needed
        return Chosen(MULTILINGUAL, moving=True)
    if row is None:
        log.info("task %s: its user writes another language than English and will have the multilingual model", task.id)
        users.set_user_model(task, MULTILINGUAL, moved=False)
    database = runtime.database
    if person is not None and database is not None:
        # Nothing has changed, so upkeep would not be due.
        plan_move(database.store, task.tenant, person, auto=runtime.settings.upkeep.upkeep == "auto")
    return Chosen(ENGLISH)


def _foreign(
    users: UserModels, sets: Sequence[tuple[Sequence[str], EmbedKind]], count: int, person: int | None
) -> bool:
    for texts, kind in sets:
        if kind == "query" and any(is_english(text) is False for text in texts):
            return True
        if kind == "document" and not mostly_english(texts):
            # What was added last is too little to judge all that is stored by; upkeep will see all.
            return person is None or count >= users.stored_memories(person)
    return False


def embed_part(
    runtime: WithDatabase, task: Task, embedder: Embedder, person: int, on_progress: OnProgress
) -> tuple[int, int]:
    """Embed and keep what of a person's stored memories has no vector of the new model yet, the replaced ones as well.

    Returns how many texts and tokens those were. Raises ``TryAgain`` when a run's part is done and more is left.
    """
    done = tokens = 0
    after = ""
    while page := texts_without_vector(runtime.store, task, embedder.model.key, after, _PAGE):
        if done >= _A_RUN:
            raise TryAgain
        part = embed(runtime, task, embedder, [text for _, text in page], on_progress=on_progress, person=person)
        done, tokens = done + part.computed, tokens + part.tokens
        after = page[-1][0]
    return done, tokens


def moved(runtime: Resources, task: Task) -> None:
    """The user has the multilingual model now: their texts are embedded by it."""
    log.info("task %s: its user writes another language than English and has the multilingual model now", task.id)
    if runtime.user_models is not None:
        runtime.user_models.set_user_model(task, MULTILINGUAL, moved=True)
    runtime.vectors.forget_answers(task.tenant, task.user_id)

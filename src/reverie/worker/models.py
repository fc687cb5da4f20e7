"""Which model embeds a user's texts where REVERIE_MODEL is auto: one for each user, and another one only for good."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from reverie._models import AUTO, ENGLISH, MULTILINGUAL
from reverie.clustering.languages import is_english, mostly_english
from reverie.contracts import Lane
from reverie.embedding.base import EmbedKind
from reverie.store import TaskRow
from reverie.worker.runtime import Runtime

__all__ = ["model_for"]

log = logging.getLogger(__name__)

_AT_ONCE = 400
"""Texts that the fast lane embeds anew while somebody waits; more wait for the next task of a heavy lane."""


def model_for(
    runtime: Runtime,
    task: TaskRow,
    wish: str | None,
    sets: Sequence[tuple[Sequence[str], EmbedKind]],
    person: int | None = None,
) -> str | None:
    """The model's name; None for the one that the settings name.

    A user stays with the English model until there is a clear share of another language among their memories, or a
    question in one. From then on all of their texts are read by the multilingual model, and answers of the model before
    are forgotten. ``person``: whose stored memories the texts belong to. A person's choice for the user or the tenant
    comes first (``reverie reembed``).
    """
    if wish not in (None, AUTO) or not runtime.both_models:
        return None if wish == AUTO else wish
    row = runtime.store.user_model(task)
    if row is not None and row.pinned:
        return row.model
    if row is not None and row.moved:
        return row.model
    now = task.lane != Lane.FAST or sum(len(texts) for texts, _ in sets) <= _AT_ONCE
    if now and task.lane == Lane.FAST and person is not None:
        now = runtime.store.stored_memories(person) <= _AT_ONCE  # all of them will be needed
    if row is not None:
        if now:
            _move(runtime, task, moved=True)
        return row.model if now else ENGLISH
    foreign = any(
        not mostly_english(texts) if kind == "document" else any(is_english(text) is False for text in texts)
        for texts, kind in sets
    )
    if not foreign:
        return ENGLISH
    _move(runtime, task, moved=now)
    return MULTILINGUAL if now else ENGLISH


def _move(runtime: Runtime, task: TaskRow, *, moved: bool) -> None:
    log.info("task %s: its user writes another language than English and has the multilingual model now", task.id)
    runtime.store.set_user_model(task, MULTILINGUAL, moved=moved)
    if moved:
        runtime.vectors.forget_answers(task.tenant, task.user_id)

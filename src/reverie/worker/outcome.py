"""What an operation leaves to be stored, and the steps that several operations take."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from reverie.clustering import ClusterOutcome, cluster, load_states, options_of
from reverie.clustering.identity import ThemeState, recentred
from reverie.contracts import CloudPolicy, ClusterOptions, Memory, Theme
from reverie.embedding.base import OnProgress, Vectors
from reverie.worker.cloud import Vectorized
from reverie.worker.llm_labels import labeler_for
from reverie.worker.resources import Resources, Task
from reverie.worker.vectors import Embedded

__all__ = ["Also", "Outcome", "embedding_stats", "themes_of", "themes_seen"]

Also = Callable[[psycopg.Connection[dict[str, Any]], float], None]


@dataclass(slots=True)
class Outcome:
    """What an operation leaves to be stored."""

    #: The result, JSON (or PNG for a chart).
    body: bytes
    cost: dict[str, Any] = field(default_factory=dict)
    #: New theme states: ``(model key, body, count)``.
    themes: tuple[str, bytes, int] | None = None
    #: Writes what else belongs to the task's end, in its transaction; gets the CPU seconds that it took.
    also: Also | None = None
    #: Tells what else happened, once it is written.
    then: Callable[[], None] | None = None


def embedding_stats(embedded: Embedded, seconds: float) -> dict[str, Any]:
    """What a result says of its vectors."""
    return {
        "texts_embedded": embedded.computed,
        "texts_from_cache": embedded.cached,
        "texts_beyond_window": embedded.truncated,
        "embedding_seconds": round(seconds, 4),
    }


def _previous(
    runtime: Resources, task: Task, key: str, memories: Sequence[Memory], vectors: Vectors
) -> list[ThemeState]:
    """The themes of the last run, so that their ids are kept: also after a change of the model."""
    stored = runtime.store.themes(task, key)
    if stored is not None:
        return load_states(stored)
    other = runtime.store.themes_of_another_model(task, key)
    if other is None:
        return []
    return recentred(load_states(other), [m.id for m in memories], vectors)


def themes_of(
    runtime: Resources,
    task: Task,
    memories: Sequence[Memory],
    done: Vectorized,
    options: ClusterOptions,
    key: str,
    on_progress: OnProgress,
    *,
    cloud: CloudPolicy | None,
) -> tuple[ClusterOutcome, float]:
    """Themes that go on from those stored under ``key``, and the seconds it took.

    ``cloud``: the request's own policy, None for upkeep; by it texts may go out for names.
    """
    vectors = done.sets[0].vectors
    previous = _previous(runtime, task, key, memories, vectors)
    started = time.perf_counter()
    outcome = cluster(
        memories,
        vectors,
        options,
        previous=previous,
        on_progress=on_progress,
        steps=runtime.steps,
        scale=done.scale,
        alphabet=done.embedder.model.alphabet,
        labeler=labeler_for(runtime, task, cloud),
        topics=runtime.anchors.topics(done.embedder),
    )
    return outcome, time.perf_counter() - started


def themes_seen(
    runtime: Resources, task: Task, memories: Sequence[Memory], done: Vectorized, key: str, on_progress: OnProgress
) -> list[Theme]:
    """The themes stored under ``key`` with these memories in them, under their ids and names; nothing is stored.

    Grouped by the options that made them, so that an analysis speaks of the themes that the user sees.
    """
    vectors = done.sets[0].vectors
    previous = _previous(runtime, task, key, memories, vectors)
    grouped = cluster(
        memories,
        vectors,
        options_of(previous),
        previous=previous,
        on_progress=on_progress,
        steps=runtime.steps,
        scale=done.scale,
        alphabet=done.embedder.model.alphabet,
        topics=runtime.anchors.topics(done.embedder),
    )
    known = {state.id: state.label for state in previous}
    return [theme.model_copy(update={"label": known.get(theme.id, theme.label)}) for theme in grouped.result.themes]

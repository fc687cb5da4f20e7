"""The operations: load, call the engine, hand the result over. Every one is a translation, not a computation."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable

import numpy as np
import orjson

from reverie.analysis import RecallIndex, analyze, recall_in
from reverie.clustering import dump_states
from reverie.contracts import (
    AnalyzeRequest,
    ClusterRequest,
    EmbedRequest,
    EmbedResult,
    Operation,
    RecallRequest,
)
from reverie.embedding.base import OnProgress
from reverie.embedding.shorten import shorten
from reverie.errors import InvalidInput
from reverie.store import TaskRow
from reverie.worker.cloud import vectorize
from reverie.worker.context import run_context
from reverie.worker.language import insight_for
from reverie.worker.outcome import Outcome, embedding_stats, themes_of, themes_seen
from reverie.worker.place import run_place
from reverie.worker.resources import Resources, Task, WithDatabase
from reverie.worker.stored_inputs import DOCUMENT, QUERY, given_or_stored, stored_index, view_key
from reverie.worker.upkeep import run_upkeep

__all__ = ["RUNNERS", "WITHOUT_DATABASE", "Outcome"]


def run_cluster(runtime: Resources, task: Task, payload: bytes, on_progress: OnProgress) -> Outcome:
    """Group memories into themes that keep the ids of the user's previous run."""
    request = ClusterRequest.model_validate_json(payload)
    memories, person = given_or_stored(runtime, task, request.memories)
    started = time.perf_counter()
    wanted = [([m.text for m in memories], DOCUMENT)]
    owner = person.id if person else None
    done = vectorize(runtime, task, request.cloud, request.options.model, wanted, on_progress=on_progress, person=owner)
    stats = embedding_stats(done.sets[0], time.perf_counter() - started) | done.stats()
    # Stored memories are grouped from where the user's view left them, and leave that as it is.
    key = done.embedder.model.key if person is None else view_key(done.embedder.model.key)
    outcome, seconds = themes_of(runtime, task, memories, done, request.options, key, on_progress, cloud=request.cloud)
    stats["clustering_seconds"] = round(seconds, 4)
    result = outcome.result.model_copy(
        update={
            "model": done.embedder.model.used(),
            "version": person.version if person else None,
            "stats": {**outcome.result.stats, **stats},
        }
    )
    states = None
    # Looking never writes: the next run goes on from the last one that was meant.
    if person is None and not request.options.preview:
        states = (key, dump_states(outcome.states), len(outcome.states))
    return Outcome(result.model_dump_json().encode(), done.cost(), states)


def run_analyze(runtime: Resources, task: Task, payload: bytes, on_progress: OnProgress) -> Outcome:
    """Graph, patterns, importance and duplicates."""
    began = time.monotonic()
    request = AnalyzeRequest.model_validate_json(payload)
    options = request.options
    memories, person = given_or_stored(runtime, task, request.memories)
    started = time.perf_counter()
    wanted = [([m.text for m in memories], DOCUMENT)]
    owner = person.id if person else None
    done = vectorize(runtime, task, request.cloud, options.model, wanted, on_progress=on_progress, person=owner)
    embedder, embedded = done.embedder, done.sets[0]
    stats = embedding_stats(embedded, time.perf_counter() - started) | done.stats()
    key = embedder.model.key if person is None else view_key(embedder.model.key)
    result = analyze(
        memories,
        embedded.vectors,
        options,
        themes=lambda on_grouping: themes_seen(runtime, task, memories, done, key, on_grouping),
        now=options.now or task.created_at,
        on_progress=on_progress,
        deadline=began + options.time_budget if options.time_budget else None,
        insight=insight_for(runtime, task, request.cloud),
        scale=done.scale,
        alphabet=embedder.model.alphabet,
        prototypes=runtime.anchors.prototypes(embedder),
    )
    result = result.model_copy(
        update={
            "model": embedder.model.used(),
            "version": person.version if person else None,
            "stats": {**result.stats, **stats},
        }
    )
    return Outcome(result.model_dump_json().encode(), done.cost())


def run_recall(runtime: Resources, task: Task, payload: bytes, on_progress: OnProgress) -> Outcome:
    """Rank memories for a question."""
    request = RecallRequest.model_validate_json(payload)
    options = request.options
    started = time.perf_counter()
    if request.memories is None:
        kept, person, done, query = stored_index(runtime, task, request, on_progress)
        index = kept.index
        version: int | None = person.version
    else:
        wanted = [([m.text for m in request.memories], DOCUMENT), ([request.query], QUERY)]
        done = vectorize(runtime, task, request.cloud, options.model, wanted, on_progress=on_progress)
        index = RecallIndex.of(
            request.memories,
            done.sets[0].vectors,
            done.embedder.model.alphabet,
            runtime.anchors.prototypes(done.embedder),
        )
        version, query = None, done.sets[1].vectors[0]
    stats = embedding_stats(done.sets[0], time.perf_counter() - started) | done.stats()
    on_progress("ranking", 0, 1)
    result = recall_in(index, request.query, query, options, now=options.now or task.created_at, scale=done.scale)
    result = result.model_copy(
        update={"model": done.embedder.model.used(), "version": version, "stats": {**result.stats, **stats}}
    )
    return Outcome(result.model_dump_json().encode(), done.cost())


def run_embed(runtime: Resources, task: Task, payload: bytes, on_progress: OnProgress) -> Outcome:
    """Vectors of texts, as base64 of little-endian float32."""
    request = EmbedRequest.model_validate_json(payload)
    options = request.options
    kind = QUERY if options.kind == "query" else DOCUMENT
    wanted = [(request.texts, kind)]
    done = vectorize(runtime, task, request.cloud, options.model, wanted, on_progress=on_progress, scaled=False)
    embedder, embedded = done.embedder, done.sets[0]
    vectors = embedded.vectors
    if options.dimensions is not None:
        vectors = shorten(vectors, options.dimensions, embedder.model)
    result = EmbedResult(
        vectors=base64.b64encode(np.ascontiguousarray(vectors, dtype="<f4").tobytes()).decode(),
        count=len(vectors),
        dimensions=vectors.shape[1],
        truncated=embedded.truncated,
        tokens=embedded.tokens + embedded.cached_tokens,
        model=embedder.model.used(),
        stats={"texts_embedded": embedded.computed, "texts_from_cache": embedded.cached, **done.stats()},
    )
    return Outcome(result.model_dump_json().encode(), done.cost())


def run_chart(runtime: WithDatabase, task: Task, payload: bytes, on_progress: OnProgress) -> Outcome:
    """Draw a stored result as PNG. Imported here alone: no other operation needs a drawing library."""
    from reverie.charts import render

    drawing = orjson.loads(payload)
    store, of = runtime.store, (task.tenant, drawing["task_id"])
    stored, source = store.result(*of), store.payload(*of)
    if stored is None or source is None:
        raise InvalidInput("The task to draw has no result.")
    request = orjson.loads(source)
    texts = {
        str(m.get("id", i)) if isinstance(m, dict) else str(i): m["text"] if isinstance(m, dict) else m
        for i, m in enumerate(request.get("memories", []))
    }
    result = orjson.loads(stored)
    dates = {
        str(m.get("id", i)): m["created_at"]
        for i, m in enumerate(request.get("memories", []))
        if isinstance(m, dict) and m.get("created_at")
    }
    png = render(
        drawing["kind"],
        result,
        texts,
        dark=drawing["dark"],
        width=drawing["width"],
        scale=drawing.get("scale", 1.0),
        title=drawing.get("title"),
        dates=dates,
    )
    return Outcome(png)


WITHOUT_DATABASE: dict[str, Callable[[Resources, Task, bytes, OnProgress], Outcome]] = {
    Operation.CLUSTER: run_cluster,
    Operation.ANALYZE: run_analyze,
    Operation.RECALL: run_recall,
    Operation.EMBED: run_embed,
}
"""Those that can work on what a request brings alone."""

RUNNERS: dict[str, Callable[[WithDatabase, TaskRow, bytes, OnProgress], Outcome]] = {
    **WITHOUT_DATABASE,
    Operation.UPKEEP: run_upkeep,
    "place": run_place,
    "context": run_context,
    "chart": run_chart,
}

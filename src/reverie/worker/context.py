"""The context of a stored user: recall, the view's parts that came along, and the block."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from reverie.analysis import RecallIndex, recall_in
from reverie.context import Known, build_context
from reverie.contracts import (
    AnalyzeResult,
    ClusterResult,
    ContextRequest,
    DuplicateGroup,
    Importance,
    Memory,
    Pattern,
    RecalledMemory,
    RecallOptions,
    RecallRequest,
    Theme,
)
from reverie.embedding.base import OnProgress
from reverie.store import TaskRow
from reverie.store.people import PersonAt, read_history, read_person, read_stored
from reverie.tokens import tokenizer_named
from reverie.worker.cloud import vectorize
from reverie.worker.outcome import Outcome
from reverie.worker.resources import WithDatabase
from reverie.worker.stored_inputs import DOCUMENT, QUERY, stored_index

__all__ = ["run_context"]

_MOST_HITS = 400
_TOKENS_A_HIT = 12
"""A line of a memory takes more than this."""


def run_context(runtime: WithDatabase, task: TaskRow, payload: bytes, on_progress: OnProgress) -> Outcome:
    """Choose, date, fence and fit what a language model should know."""
    request = ContextRequest.model_validate_json(payload)
    ask, view = request.ask, request.view
    now = ask.now or task.created_at
    top = min(_MOST_HITS, 5 + ask.max_tokens // _TOKENS_A_HIT)
    options = request.options.model_copy(update={"top": top, "min_relevance": ask.min_relevance})
    cost: dict[str, Any] = {}
    model = None
    person: PersonAt | None = None
    hits: Sequence[RecalledMemory] = ()
    below = 0
    fresh: list[tuple[str, float, str]] = []
    if ask.as_of is not None:
        person = read_person(runtime.store, task.tenant, task.user_id)
        memories, hits, below = _past(runtime, task, request, options, ask.as_of, now, on_progress)
        view = {name: value for name, value in view.items() if name in ("importance", "repeats")}
        present: Container[str] | None = None
    elif ask.query is not None:
        asked = RecallRequest(user_id=request.user_id, query=ask.query, options=options, cloud=request.cloud)
        kept, person, done, query = stored_index(runtime, task, asked, on_progress)
        index = kept.index
        found = recall_in(index, ask.query, query, options, now=now, scale=done.scale)
        hits, below = found.memories, int(found.stats.get("below_floor", 0))
        as_of = view.get("as_of")
        fresh = kept.lasting_since(datetime.fromisoformat(as_of).timestamp() if as_of else -math.inf)
        wanted = {h.memory_id for h in hits} | {entry["memory_id"] for entry in view.get("importance", ())}
        memories, present = _listed(index, wanted | {id_ for id_, _, _ in fresh}), index.rows
        cost, model = done.cost(), done.embedder.model.used()
    else:
        stored = read_stored(runtime.store, task.tenant, task.user_id)
        memories, present = (stored.memories if stored is not None else []), None
        person = stored.person if stored is not None else None
    settings: dict[str, Any] = person.settings if person is not None else {}
    result = build_context(
        ask,
        Known(
            memories=memories,
            present=present,
            hits=hits,
            below_floor=below,
            fresh=fresh,
            themes=_themes(view),
            insights=_insights(view),
            viewed_at=datetime.fromisoformat(view["as_of"]) if view.get("as_of") else None,
            pinned=frozenset(m.id for m in memories if m.metadata.get("pinned")),
            zone=_zone(settings.get("timezone")),
            language=settings.get("language") or "en",
        ),
        tokenizer=tokenizer_named(ask.tokenizer),
        now=now,
    )
    version = person.version if person is not None else 0
    result = result.model_copy(update={"version": version, "stale": view.get("stale"), "model": model})
    return Outcome(result.model_dump_json().encode(), cost)


def _listed(index: RecallIndex, wanted: set[str]) -> list[Memory]:
    """Memories that the block may name, and all pinned ones, out of the index."""
    rows = {index.rows[id_] for id_ in wanted if id_ in index.rows}.union(np.flatnonzero(index.pinned).tolist())
    return [
        Memory.model_construct(
            id=index.ids[i],
            text=index.texts[i],
            created_at=datetime.fromtimestamp(index.created[i], UTC) if index.created[i] == index.created[i] else None,
            last_accessed_at=None,
            access_count=0,
            kind=None,
            source=None,
            speaker=index.speakers[i],
            metadata={"pinned": True} if index.pinned[i] else {},
        )
        for i in sorted(rows)
    ]


def _past(
    runtime: WithDatabase,
    task: TaskRow,
    request: ContextRequest,
    options: RecallOptions,
    moment: datetime,
    now: datetime,
    on_progress: OnProgress,
) -> tuple[list[Memory], Sequence[RecalledMemory], int]:
    """What was known at ``moment``, and held."""
    memories = read_history(runtime.store, task.tenant, task.user_id, moment)
    if request.ask.query is None or not memories:
        return memories, (), 0
    wanted = [([m.text for m in memories], DOCUMENT), ([request.ask.query], QUERY)]
    done = vectorize(runtime, task, request.cloud, options.model, wanted, on_progress=on_progress)
    prototypes = runtime.anchors.prototypes(done.embedder)
    index = RecallIndex.of(memories, done.sets[0].vectors, done.embedder.model.alphabet, prototypes)
    found = recall_in(index, request.ask.query, done.sets[1].vectors[0], options, now=now, scale=done.scale)
    return memories, found.memories, int(found.stats.get("below_floor", 0))


def _zone(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def _themes(view: dict[str, Any]) -> ClusterResult | None:
    if "themes" not in view:
        return None
    themes = [
        Theme(keywords=[], memory_ids=[], representative_ids=[], cohesion=0.0, **theme) for theme in view["themes"]
    ]
    return ClusterResult.model_construct(themes=themes)


def _insights(view: dict[str, Any]) -> AnalyzeResult | None:
    if "importance" not in view:
        return None
    return AnalyzeResult.model_construct(
        importance=[Importance(factors={}, **entry) for entry in view["importance"]],
        patterns=[Pattern(**pattern) for pattern in view.get("patterns", ())],
        duplicates=[DuplicateGroup(memory_ids=ids, similarity=1.0) for ids in view.get("repeats", ())],
    )

"""Upkeep: a user's views brought up to date. What cluster and analyze do, on stored memories, with one grouping."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import psycopg

from reverie.analysis import KnownTexts, analyze
from reverie.clustering import ClusterOutcome, ThemeState, dump_states, load_states
from reverie.contracts import AnalyzeOptions, AnalyzeResult, ClusterOptions, Memory, Pattern
from reverie.embedding.base import OnProgress
from reverie.errors import LeaseLost
from reverie.store import TaskRow
from reverie.store.people import PersonAt, View, put_views, read_stored, read_views
from reverie.worker.cloud import Vectorized, vectorize
from reverie.worker.language import insight_for
from reverie.worker.outcome import Outcome, embedding_stats, themes_of
from reverie.worker.resources import WithDatabase
from reverie.worker.stored_inputs import DOCUMENT, keep_texts, known_texts, view_key
from reverie.worker.supersede import with_what_holds
from reverie.worker.view_side import insights_side, themes_side

__all__ = ["run_upkeep"]

_MOST_EDGES_FROM = 2000
"""Memories above which a view lists no edges of the graph: they would be most of what is read each time."""
_NUMBERS = re.compile(r"\d[\d.,:%-]*")


def run_upkeep(runtime: WithDatabase, task: TaskRow, payload: bytes, on_progress: OnProgress) -> Outcome:
    """Embed what is new, group with the themes carried on, analyse that grouping, and make both the current views."""
    on_progress("reading", 0, task.items)
    stored = read_stored(runtime.store, task.tenant, task.user_id)
    if stored is None:
        raise LeaseLost("the user was erased")
    known = known_texts(runtime, task, stored.person.id)
    stored = with_what_holds(runtime, task, stored, known=known)
    memories, person = stored.memories, stored.person
    on_progress("reading", len(memories), len(memories))
    started = time.perf_counter()
    wanted = [([m.text for m in memories], DOCUMENT)]
    done = vectorize(runtime, task, None, None, wanted, on_progress=on_progress, person=person.id)
    stats = embedding_stats(done.sets[0], time.perf_counter() - started) | done.stats()
    model = done.embedder.model
    key = view_key(model.key)

    before = runtime.store.themes(task, key)
    previous = load_states(before) if before else []
    grouped, seconds = themes_of(runtime, task, memories, done, ClusterOptions(), key, on_progress, cloud=None)
    about = {"model": model.used()}
    themes = grouped.result.model_copy(
        update={**about, "stats": {**grouped.result.stats, **stats, "clustering_seconds": round(seconds, 4)}}
    )
    zone = _zone(person.settings.get("timezone"))
    insights = _insights(runtime, task, memories, done, grouped, person, zone, on_progress, known)
    keep_texts(runtime, task, person, memories, known)
    insights = insights.model_copy(update={**about, "stats": {**insights.stats, **stats}})

    views = [
        View(
            "themes",
            themes.model_dump_json(exclude={"version"}).encode(),
            orjson.dumps(themes_side(themes, memories)),
        ),
        View(
            "insights",
            insights.model_dump_json(exclude={"version"}).encode(),
            orjson.dumps(insights_side(insights, memories, _days(memories, zone))),
        ),
    ]
    happened = _happened(grouped, previous, insights, _earlier(runtime, task, person))
    happenings = [
        {"kind": kind, "key": task.id, "body": orjson.dumps({"version": person.version, **body})}
        for kind, body in happened.items()
    ]
    events: list[dict[str, Any]] = []

    def write(connection: psycopg.Connection[dict[str, Any]], seconds: float) -> None:
        events[:] = put_views(
            connection,
            runtime.store.codec,
            person,
            views,
            happenings,
            task=task,
            cost=seconds,
            pause=runtime.settings.upkeep.upkeep_pause,
        )

    def announce() -> None:
        for event in events:
            runtime.events.publish(task, event)

    body = {
        "version": person.version,
        "as_of": person.now,
        "memories": len(memories),
        "themes": len(themes.themes),
        "patterns": len(insights.patterns),
        "changed": {kind: {"version": person.version, **body} for kind, body in happened.items()},
        "stats": stats,
    }
    states = dump_states(grouped.states)
    return Outcome(orjson.dumps(body), done.cost(), (key, states, len(grouped.states)), also=write, then=announce)


def _zone(name: str | None) -> str:
    try:
        return ZoneInfo(name or "UTC").key
    except (KeyError, ValueError, OSError):
        return "UTC"


def _days(memories: Sequence[Memory], zone: str) -> dict[str, str]:
    """The day on which a timeline counts each dated memory."""
    from reverie.analysis.moments import local_days

    wall, _ = local_days(memories, ZoneInfo(zone))
    known = np.flatnonzero(~np.isnan(wall))
    days = np.floor(wall[known]).astype("datetime64[D]")
    return {memories[i].id: str(day) for i, day in zip(known.tolist(), days, strict=True)}


def _insights(
    runtime: WithDatabase,
    task: TaskRow,
    memories: Sequence[Memory],
    done: Vectorized,
    grouped: ClusterOutcome,
    person: PersonAt,
    zone: str,
    on_progress: OnProgress,
    known: KnownTexts,
) -> AnalyzeResult:
    """The analysis, with patterns that name the themes of this very view."""
    result = analyze(
        memories,
        done.sets[0].vectors,
        AnalyzeOptions(timezone=zone, edges=len(memories) <= _MOST_EDGES_FROM),
        now=person.now.astimezone(UTC),
        on_progress=on_progress,
        insight=insight_for(runtime, task, None),
        scale=done.scale,
        prototypes=runtime.anchors.prototypes(done.embedder),
        alphabet=done.embedder.model.alphabet,
        themes=grouped.result.themes,
        known=known,
    )
    notes = list(result.notes)
    if len(memories) > _MOST_EDGES_FROM:
        notes.append(f"edges are listed for up to {_MOST_EDGES_FROM} memories")
    return result.model_copy(update={"notes": notes})


# -- what changed -----------------------------------------------------------------------------------


def _earlier(runtime: WithDatabase, task: TaskRow, person: PersonAt) -> list[Pattern]:
    """Patterns of the view before this one."""
    stored = read_views(runtime.store, task.tenant, task.user_id, person.id).get("insights")
    if stored is None:
        return []
    return [Pattern.model_validate(pattern) for pattern in orjson.loads(stored)["patterns"]]


def _happened(
    grouped: ClusterOutcome, previous: Sequence[ThemeState], insights: AnalyzeResult, earlier: Sequence[Pattern]
) -> dict[str, dict[str, Any]]:
    """Bodies of the events that are worth one, by kind."""
    out: dict[str, dict[str, Any]] = {}
    result = grouped.result
    labels = {theme.id: theme.label for theme in result.themes} | {
        state.id: state.label for state in previous if state.id not in {theme.id for theme in result.themes}
    }
    sizes = {theme.id: theme.size for theme in result.themes}

    def named(theme: str) -> dict[str, Any]:
        return {"id": theme, "label": labels.get(theme, ""), "size": sizes.get(theme, 0)}

    if result.born or result.gone or result.merged or result.split:
        out["themes.changed"] = {
            "born": [named(theme) for theme in result.born],
            "gone": [named(theme) for theme in result.gone],
            "merged": [
                {"into": named(merge.into), "themes": [named(theme) for theme in merge.themes]}
                for merge in result.merged
            ],
            "split": [
                {"theme": named(split.theme), "into": [named(theme) for theme in split.into]} for split in result.split
            ],
        }
    known = {_same(pattern) for pattern in earlier}
    new = [pattern for pattern in insights.patterns if _same(pattern) not in known]
    if new:
        brief = [{"kind": p.kind, "description": p.description, "details": p.details} for p in new]
        out["insights.changed"] = {
            "patterns": [one for one in brief if one["kind"] != "theme_stopped"],
            "stopped": [one for one in brief if one["kind"] == "theme_stopped"],
        }
    return out


def _same(pattern: Pattern) -> tuple[Any, ...]:
    """What makes a pattern the same one as before, though its numbers have moved on."""
    details = pattern.details
    themes = details.get("theme_id") or tuple(details.get("theme_ids") or ())
    if themes:
        return (pattern.kind, themes, details.get("direction"))
    if pattern.kind == "burst":
        return (pattern.kind, details.get("from"))
    return (pattern.kind, _NUMBERS.sub("#", pattern.description.split(":")[0]))

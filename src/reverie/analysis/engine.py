"""The analysis of one user's memories: sections that share their groundwork, each within the deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any, get_args
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from reverie._garbage import uncollected
from reverie.analysis.advice import advise
from reverie.analysis.budget import OutOfTime, TimeBudget
from reverie.analysis.duplicates import find_duplicates
from reverie.analysis.durable import Durable, Prototypes, read_durable
from reverie.analysis.graph import MemoryGraph, build_graph, describe_graph
from reverie.analysis.importance import Ranked, rank
from reverie.analysis.insight import Insight, LocalInsight, TextInsight
from reverie.analysis.known_texts import KnownTexts
from reverie.analysis.moments import timeline
from reverie.analysis.patterns import find_patterns
from reverie.analysis.shared import SharedNames, find_shared
from reverie.analysis.text_words import TextWords
from reverie.clustering import Topics, cluster
from reverie.clustering.geometry import is_unit, unit
from reverie.clustering.nearest import Neighbours, neighbours
from reverie.contracts import (
    AnalyzeOptions,
    AnalyzeResult,
    ClusterOptions,
    DuplicateGroup,
    Emotion,
    Importance,
    Memory,
    Theme,
)
from reverie.contracts.analyze import Section
from reverie.embedding.alphabet import legible, unread_note
from reverie.embedding.base import OnProgress, Vectors, silent
from reverie.embedding.calibration import REFERENCE, Scale
from reverie.errors import InvalidInput, ProviderError

__all__ = ["Grouping", "analyze"]

Grouping = Callable[[OnProgress], Sequence[Theme]]
"""Answers the user's themes; the progress callback may raise to stop it."""

_NEIGHBOURS = 12
_EXACT = 12_000
"""Memories up to which their neighbours are searched exactly."""
_MANY = 100_000
"""Memories beyond which memory counts more than the last digits: vectors of unit length are not scaled once more, which
would be a copy (1.5 GB of a million). No task of a service has more."""
_MOST_ENTITIES = 200
_SECTIONS: tuple[Section, ...] = ("graph", "importance", "duplicates", "patterns", "emotion", "advice")


def analyze(
    memories: Sequence[Memory],
    vectors: Vectors,
    options: AnalyzeOptions | None = None,
    *,
    now: datetime,
    on_progress: OnProgress = silent,
    deadline: float | None = None,
    insight: TextInsight | None = None,
    scale: Scale = REFERENCE,
    prototypes: Prototypes | None = None,
    alphabet: str | None = None,
    themes: Sequence[Theme] | Grouping | None = None,
    topics: Topics | None = None,
    known: KnownTexts | None = None,
) -> AnalyzeResult:
    """Analyse ``memories`` whose embeddings are ``vectors`` ((n, d), of one model, whose cosines ``scale`` reads).

    Sections (``options.sections``, all by default): importance, graph, patterns, duplicates, advice, emotion. The
    answer is the same for the same input, ``now`` and ``options.seed``. At ``deadline`` (``time.monotonic()``
    seconds) the section under way is dropped and it and the rest are named in ``notes``. ``on_progress`` gets the
    stages graph, importance, duplicates, patterns, emotion, advice, and may raise to cancel. ``insight`` reads
    sentiment and names; the default is local, which also steps in when a service fails. ``prototypes``: sentences that
    tell lasting from passing, in the vectors' model; without them the wording alone tells. ``alphabet``: the
    characters that the model knows (``ModelSpec``); what it cannot read gets vectors from its characters, and a note.
    ``themes``: the user's, as ``cluster`` found them, or what asks it when they are needed, within the deadline;
    without either ``cluster`` is asked here, with ``topics`` for the names. ``known``: what single texts were read as
    before; it saves time and changes nothing.

    Raises ``InvalidInput`` when vectors do not match the memories or a weight names no factor.
    """
    options = options or AnalyzeOptions()
    if len(vectors) != len(memories):
        raise InvalidInput(f"{len(vectors)} vectors for {len(memories)} memories")
    if not np.isfinite(vectors).all():
        raise InvalidInput("vectors hold values that are not finite")
    started = time.perf_counter()
    vectors, lost = legible([m.text for m in memories], vectors, alphabet)
    reader = insight or LocalInsight(known)
    work = _Work(memories, vectors, options, now, TimeBudget(deadline, on_progress), reader, scale, prototypes)
    work.given, work.topics, work.known = themes, topics, known
    if lost.any():
        work.notes.append(unread_note([m.id for m, is_lost in zip(memories, lost, strict=True) if is_lost]))
        work.stats["unread"] = int(lost.sum())
    wanted = set(options.sections or get_args(Section))
    late: list[str] = []
    seconds: dict[str, float] = {}
    with uncollected():
        for section in _SECTIONS:
            if section not in wanted:
                continue
            began = time.perf_counter()
            try:
                work.budget.progress(section, 0, 1)
                _RUN[section](work)
                on_progress(section, 1, 1)
            except OutOfTime:
                late.append(section)
            seconds[f"{section}_seconds"] = round(time.perf_counter() - began, 4)
    if late:
        work.notes.append(f"time budget reached; not finished: {', '.join(late)}")
    result = work.result
    scores = work.scores if "importance" in result else []
    stats = {
        "memories": len(memories),
        **work.stats,
        **seconds,
        "analysis_seconds": round(time.perf_counter() - started, 4),
    }
    return AnalyzeResult(
        importance=_top(scores, options.top),
        graph=result.get("graph"),
        patterns=result.get("patterns", []),
        duplicates=result.get("duplicates", []) if "duplicates" in wanted else [],
        core=[i.memory_id for i in scores if i.core],
        advice=result.get("advice", []),
        emotion=result.get("emotion", []),
        entities=result.get("entities", {}),
        timeline=timeline(memories, work.zone),
        notes=work.notes,
        stats=stats,
    )


def _top(entries: list[Importance], top: int | None) -> list[Importance]:
    return entries if top is None else entries[:top]


class _Work:
    """What sections share, computed when the first of them asks."""

    def __init__(
        self,
        memories: Sequence[Memory],
        vectors: Vectors,
        options: AnalyzeOptions,
        now: datetime,
        budget: TimeBudget,
        reader: TextInsight,
        scale: Scale,
        prototypes: Prototypes | None,
    ) -> None:
        self.memories = memories
        self.options = options
        self.now = now
        self.budget = budget
        self.zone = ZoneInfo(options.timezone)
        self.notes: list[str] = []
        self.stats: dict[str, Any] = {}
        self.result: dict[str, Any] = {}
        self.scale = scale
        self._raw = vectors
        self._reader = reader
        self._prototypes = prototypes
        self.given: Sequence[Theme] | Grouping | None = None
        self.topics: Topics | None = None
        self.known: KnownTexts | None = None

    @cached_property
    def texts(self) -> list[str]:
        return [m.text for m in self.memories]

    @cached_property
    def vectors(self) -> Vectors:
        if len(self._raw) > _MANY and is_unit(self._raw):
            return self._raw
        return unit(self._raw)

    @cached_property
    def near(self) -> Neighbours:
        def pulse(_stage: str, done: int, total: int) -> None:
            self.budget.progress("graph", done, total)

        index, cosines = neighbours(self.vectors, _NEIGHBOURS, pulse, seed=self.options.seed, exact=_EXACT)
        return index, self.scale.read(cosines)

    @cached_property
    def tokens(self) -> TextWords:
        return TextWords.read(self.texts, self.budget)

    @cached_property
    def insights(self) -> list[Insight]:
        reader = self._reader
        try:
            found = reader.read(self.texts, on_progress=self.budget.pulse)
            if len(found) != len(self.memories):
                raise ProviderError(f"{len(found)} answers for {len(self.memories)} texts")
        except ProviderError as error:
            self.notes.append(f"sentiment and names were read locally: {reader.name} failed ({error.message})")
            reader = LocalInsight(self.known)
            found = reader.read(self.texts, on_progress=self.budget.pulse)
        self.stats["insight"] = reader.name
        return found

    @cached_property
    def shared(self) -> SharedNames:
        return find_shared([i.entities + i.phrases for i in self.insights], self.tokens, budget=self.budget)

    @cached_property
    def themes(self) -> Sequence[Theme]:
        """One grouping everywhere: the graph's communities and the subjects of patterns are the user's themes."""

        def pulse(_stage: str, done: int, total: int) -> None:
            self.budget.progress("graph", done, total)

        if callable(self.given):
            return self.given(pulse)
        if self.given is not None:
            return self.given
        options = ClusterOptions(map=False, seed=self.options.seed)
        return cluster(
            self.memories, self._raw, options, on_progress=pulse, scale=self.scale, topics=self.topics
        ).result.themes

    @cached_property
    def theme_of(self) -> NDArray[np.int64]:
        """(n,) index of each memory's theme, -1 for those in none."""
        place = {memory: number for number, theme in enumerate(self.themes) for memory in theme.memory_ids}
        return np.array([place.get(m.id, -1) for m in self.memories], dtype=np.int64)

    def graph(self) -> MemoryGraph:
        theme_of = self.theme_of  # first, since grouping needs the most memory
        return build_graph(
            self.vectors,
            self.near,
            self.shared,
            theme_of,
            budget=self.budget,
            seed=self.options.seed,
            scale=self.scale,
        )

    @cached_property
    def durable(self) -> list[Durable]:
        out: list[Durable] = []
        for start in range(0, len(self.texts), 1024):
            self.budget.check()
            part = slice(start, start + 1024)
            out += read_durable(self.texts[part], self.vectors[part], self._prototypes, self.known)
        return out

    @cached_property
    def ranked(self) -> Ranked:
        return rank(
            self.memories,
            self.vectors,
            self.near,
            self.tokens,
            self.insights,
            now=self.now,
            half_life_days=self.options.half_life_days,
            weights=self.options.weights,
            scale=self.scale,
            durable=self.durable,
        )

    @cached_property
    def scores(self) -> list[Importance]:
        return self.ranked.listed()

    @cached_property
    def duplicates(self) -> list[DuplicateGroup]:
        return find_duplicates(
            self.memories, self.near, budget=self.budget, vectors=self.vectors, scale=self.scale, known=self.known
        )


def _graph(work: _Work) -> None:
    graph = work.graph()
    work.result["graph"] = describe_graph(graph, work.memories, work.shared, work.themes, edges=work.options.edges)
    work.shared = replace(work.shared, weights=sparse.csr_matrix((0, 0)), _known={})  # no section needs them again


def _importance(work: _Work) -> None:
    # The list of a million is not made before the sections that need memory of their own.
    work.result["importance"] = work.scores if len(work.memories) <= _MANY else work.ranked


def _duplicates(work: _Work) -> None:
    work.result["duplicates"] = work.duplicates


def _patterns(work: _Work) -> None:
    names = [(theme.id, theme.label) for theme in work.themes]
    found, notes, counts = find_patterns(
        work.memories, work.theme_of, names, zone=work.zone, budget=work.budget, seed=work.options.seed
    )
    work.result["patterns"] = found
    work.notes += notes
    work.stats |= counts


def _emotion(work: _Work) -> None:
    read = work.insights
    work.result["emotion"] = [
        Emotion.built(memory_id=m.id, sentiment=i.sentiment, language=i.language)
        for m, i in zip(work.memories, read, strict=True)
    ]
    unscored = sum(i.sentiment is None for i in read)
    if unscored:
        whose = f"{unscored} of {len(read)} {'memory' if len(read) == 1 else 'memories'}"
        work.notes.append(f"sentiment was not read in {whose}: there is no word list for the language")
    places = work.shared.places(_MOST_ENTITIES)
    work.result["entities"] = {name: [work.memories[i].id for i in found] for name, found in places.items()}


def _advice(work: _Work) -> None:
    work.result["advice"] = advise(
        work.memories, work.scores, work.duplicates, now=work.now, half_life_days=work.options.half_life_days
    )


_RUN: dict[Section, Callable[[_Work], None]] = {
    "graph": _graph,
    "importance": _importance,
    "duplicates": _duplicates,
    "patterns": _patterns,
    "emotion": _emotion,
    "advice": _advice,
}

"""The whole way from memories and vectors to themes, in steps that can be read one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from reverie.clustering.carrying import carry
from reverie.clustering.duplicates import Copies, collapse, merge_alike
from reverie.clustering.geometry import unit
from reverie.clustering.grouping import SMALL, Labels, Neighbourhood
from reverie.clustering.identity import ThemeState, match_themes
from reverie.clustering.labels import Label, Naming
from reverie.clustering.oneness import joined, repeated
from reverie.clustering.steps import Steps
from reverie.clustering.topics import Topics
from reverie.clustering.words import Phrasebook
from reverie.contracts import ClusterOptions, ClusterResult, MapPoint, Memory, SubTheme, Theme
from reverie.embedding.alphabet import legible, unread_note
from reverie.embedding.base import OnProgress, Vectors, silent
from reverie.embedding.calibration import REFERENCE, Cosine, Scale

__all__ = ["ClusterOutcome", "Labeler", "cluster", "options_of"]

Labeler = Callable[[Sequence[Sequence[str]], Sequence[Label]], Sequence[str | None]]
"""Names groups from their texts and keyword labels; None keeps the keyword label. The most
typical texts of a group come first."""

_NAMED = {"coarse": 0.15, "medium": 0.5, "fine": 0.85}
_SUBTHEMES_FROM = 100
"""Size from which a theme of a large set is divided once more."""
_SUBTHEME_LEAST = 5
_POINTS = TypeAdapter(list[MapPoint])
_PAIR = Cosine(0.5)
"""Similarity from which two lone texts are a theme: with two there is no spread to judge by."""


@dataclass(frozen=True, slots=True)
class ClusterOutcome:
    """The result, and what the next run needs to keep theme ids."""

    result: ClusterResult
    states: list[ThemeState]


def cluster(
    memories: Sequence[Memory],
    vectors: Vectors,
    options: ClusterOptions | None = None,
    *,
    previous: Sequence[ThemeState] = (),
    on_progress: OnProgress = silent,
    labeler: Labeler | None = None,
    steps: Steps | None = None,
    scale: Scale = REFERENCE,
    alphabet: str | None = None,
    topics: Topics | None = None,
) -> ClusterOutcome:
    """Group memories into labelled themes.

    ``vectors``: (n, d) float32, one row a memory, of one model, whose cosines ``scale`` reads. Deterministic for
    ``options.seed``. ``steps``: other ways to do a part of it. ``alphabet``: the characters that the model knows
    (``ModelSpec``); texts that it cannot read are grouped by their characters, and named in a note. ``topics``: what
    themes can be named after, in the vectors' model; without them phrases alone make the names.

    Raises ``ValueError`` when the shapes differ, and whatever ``on_progress`` raises.
    """
    options = options or ClusterOptions()
    steps = steps or Steps()
    if len(memories) != len(vectors):
        raise ValueError(f"{len(memories)} memories, but {len(vectors)} vectors")
    texts = [m.text for m in memories]
    vectors, lost = legible(texts, vectors, alphabet)
    vectors = np.asarray(vectors, dtype=np.float32) if len(memories) else np.empty((0, 1), dtype=np.float32)
    on_progress("clustering", 0, len(memories))

    # Vectors of unit length are made for each step that reads them, and given up with it: of a million each array is
    # 1.5 GB. Grouping has those of distinct texts, naming those of all.
    copies = collapse(texts)
    near = steps.neighbourhood(unit(vectors, _first(copies)), options.seed, on_progress)
    near, copies = merge_alike(
        unit(vectors, _first(copies)), near, copies, options.seed, on_progress, steps.neighbourhood, scale
    )
    if near.centred.base is not None:  # what is left of a larger array
        near = replace(near, centred=near.centred.copy())
    x = unit(vectors, _first(copies))
    made_by = _made_by(options, steps)
    kept = previous if all(state.made_by == made_by for state in previous) else ()
    every = [m.id for m in memories]
    labels, carried = _labels_of(x, near, copies, options, every, kept, steps, on_progress, scale)
    members = _members(labels, copies)
    if options.max_themes is not None:
        members = _largest(members, options.max_themes, vectors)
    parts = _second_level(x, near, copies, members, steps, on_progress, scale)
    drawn = near if options.map else None
    del x, near

    x = unit(vectors)
    centres = np.stack([unit(x[m].mean(axis=0, keepdims=True))[0] for m in members]) if members else x[:0]
    ids, changes = match_themes([[memories[i].id for i in m] for m in members], centres, previous, scale)
    book = Phrasebook(texts, language=options.stopwords_language)
    before = {state.id: state.label for state in previous}
    naming = Naming(topics, [before.get(theme) for theme in ids], scale)
    names = steps.label(texts, x, members, centres, book, on_progress, naming)
    titles: Sequence[str | None] = [None] * len(members)
    if labeler is not None and members:
        typical = [m[np.argsort(-np.round(x[m] @ c, 5), kind="stable")] for m, c in zip(members, centres, strict=True)]
        titles = labeler([[texts[i] for i in m] for m in typical], names)
    shown = _distinct(titles, names)
    moved = carried and kept[0].moved
    second = _named_parts(texts, x, parts, book, steps, on_progress, Naming(topics, scale=scale))
    themes, states = [], []
    for m, centre, name, own, (label, source), theme_id in zip(
        members, centres, names, second, shown, ids, strict=True
    ):
        closeness = x[m] @ centre
        themes.append(_theme(theme_id, label, name, m, closeness, own, memories, source))
        reach = round(_low(closeness), 4)
        states.append(ThemeState(theme_id, label, tuple(memories[i].id for i in m), centre, reach, made_by, moved))
    order = sorted(range(len(themes)), key=lambda t: (-themes[t].size, themes[t].id))
    assignments: dict[str, str | None] = {m.id: None for m in memories}
    for theme in themes:
        assignments.update(dict.fromkeys(theme.memory_ids, theme.id))
    result = ClusterResult(
        themes=[themes[t] for t in order],
        unclustered=[m.id for m in memories if assignments[m.id] is None],
        assignments=assignments,
        map=_map(memories, steps.layout(drawn, options.seed, on_progress), copies) if drawn else None,
        born=changes.born,
        gone=changes.gone,
        merged=changes.merged,
        split=changes.split,
        notes=[unread_note([m.id for m, is_lost in zip(memories, lost, strict=True) if is_lost])] if lost.any() else [],
        stats=_stats(memories, themes, copies, steps),
    )
    return ClusterOutcome(result, [states[t] for t in order])


def _low(values: NDArray[np.float32]) -> float:
    """What all but a fiftieth reach; NumPy's own quantile costs more than all else of a small theme."""
    at, between = divmod(0.02 * (len(values) - 1), 1.0)
    low = np.sort(values)[int(at) : int(at) + 2]
    return float(low[0] + (low[-1] - low[0]) * between)


def _first(copies: Copies) -> NDArray[np.int64]:
    return np.array([c[0] for c in copies], dtype=np.int64)


def _made_by(options: ClusterOptions, steps: Steps) -> str:
    granularity = options.granularity
    at = float(_NAMED[granularity] if isinstance(granularity, str) else granularity)
    made = f"{at:g} {options.min_cluster_size} {options.max_themes} {options.seed}"
    return f"{made} {steps.name}" if steps.name else made


def options_of(states: Sequence[ThemeState]) -> ClusterOptions:
    """The options that made a user's themes, without the map: who looks at them again groups as they were grouped."""
    made = states[0].made_by.split(" ") if states else []
    if len(made) not in (4, 5):
        return ClusterOptions(map=False)
    least, most = (None if part == "None" else int(part) for part in made[1:3])
    return ClusterOptions(
        granularity=float(made[0]), min_cluster_size=least, max_themes=most, seed=int(made[3]), map=False
    )


def _labels_of(
    x: Vectors,
    near: Neighbourhood,
    copies: Copies,
    options: ClusterOptions,
    ids: Sequence[str],
    previous: Sequence[ThemeState],
    steps: Steps,
    on_progress: OnProgress,
    scale: Scale,
) -> tuple[Labels, bool]:
    """Group labels of distinct texts, -1 for what belongs nowhere; and whether they are the previous groups."""
    n = len(x)
    count = sum(len(c) for c in copies)
    if n < 2:
        # Nothing to compare with: copies of one text are one theme, a single memory is none.
        return np.full(n, 0 if count > 1 else -1, dtype=np.int64), False
    least = options.min_cluster_size or (2 if count < 200 else 3 if count < 2000 else 5)
    weights = np.array([len(c) for c in copies], dtype=np.int64)
    if n == 2:
        pair = np.full(2, 0 if float(x[0] @ x[1]) >= scale.own(_PAIR) else -1, dtype=np.int64)
        return repeated(x, pair, weights, least, scale), False
    granularity = options.granularity
    at = float(_NAMED[granularity] if isinstance(granularity, str) else granularity)
    labels = steps.group(x, near, at, on_progress)
    labels, placed = carry(x, near, labels, copies, ids, previous) or (labels, None)
    settled = steps.settle(x, near, joined(x, labels, scale), weights, least, placed, scale)
    return repeated(x, settled, weights, least, scale), placed is not None


def _members(labels: Labels, copies: Copies) -> list[NDArray[np.int64]]:
    """Memory indices of each theme; copies follow the one that speaks for them."""
    found: list[list[int]] = [[] for _ in range(int(labels.max()) + 1 if len(labels) else 0)]
    for label, same in zip(labels.tolist(), copies, strict=True):
        if label >= 0:
            found[label].extend(same)
    return [np.array(sorted(f), dtype=np.int64) for f in found]


def _distinct(titles: Sequence[str | None], names: Sequence[Label]) -> list[tuple[str, Any]]:
    """Each theme's label and where it came from; of two equal ones, the keywords' comes before the language model's."""
    taken = {name.text.casefold() for name, own in zip(names, titles, strict=True) if not own}
    shown: list[tuple[str, Any]] = []
    for name, own in zip(names, titles, strict=True):
        if own and own.casefold() not in taken:
            taken.add(own.casefold())
            shown.append((own, "llm"))
        else:
            shown.append((name.text, "keywords"))
    return shown


def _largest(members: list[NDArray[np.int64]], most: int, vectors: Vectors) -> list[NDArray[np.int64]]:
    """At most ``most`` themes: the smallest joins the theme whose centre is nearest, again and again."""
    members = [m.copy() for m in members]
    means = [unit(vectors, m).mean(axis=0) for m in members]  # of all, once: a join changes one
    while len(members) > most:
        small = min(range(len(members)), key=lambda i: (len(members[i]), i))
        piece, centre = members.pop(small), means.pop(small)
        if not members:
            break
        near = int(np.round(unit(np.stack(means)) @ centre, 6).argmax())
        members[near] = np.sort(np.concatenate([members[near], piece]))
        means[near] = unit(vectors, members[near]).mean(axis=0)
    return members


def _theme(
    theme_id: str,
    label: str,
    name: Label,
    members: NDArray[np.int64],
    closeness: NDArray[np.float32],
    parts: Sequence[tuple[Label, NDArray[np.int64]]],
    memories: Sequence[Memory],
    source: Any,
) -> Theme:
    closeness = np.round(closeness, 5)
    typical = members[np.argsort(-closeness, kind="stable")][:3]
    dates: list[datetime] = [d for i in members if (d := memories[i].created_at) is not None]
    return Theme(
        id=theme_id,
        label=label,
        keywords=name.keywords,
        size=len(members),
        memory_ids=[memories[i].id for i in members],
        representative_ids=[memories[i].id for i in typical],
        cohesion=round(float(closeness.mean()), 4),
        first_at=min(dates) if dates else None,
        last_at=max(dates) if dates else None,
        subthemes=[
            SubTheme(
                id=f"{theme_id}.{rank + 1}",
                label=part.text,
                keywords=part.keywords,
                size=len(inside),
                memory_ids=[memories[i].id for i in inside],
            )
            for rank, (part, inside) in enumerate(parts)
        ],
        label_source=source,
    )


def _second_level(
    x: Vectors,
    near: Neighbourhood,
    copies: Copies,
    members: Sequence[NDArray[np.int64]],
    steps: Steps,
    on_progress: OnProgress,
    scale: Scale,
) -> list[list[NDArray[np.int64]]]:
    """Sub-themes (memory indices, largest first) of each theme of a large set. ``x``: of the distinct texts."""
    if len(copies) <= SMALL:
        return [[] for _ in members]
    count = sum(len(c) for c in copies)
    row_of = np.full(count, -1, dtype=np.int64)
    row_of[_first(copies)] = np.arange(len(copies))
    found: list[list[NDArray[np.int64]]] = []
    for whole in members:
        on_progress("clustering", count, count)
        if len(whole) < _SUBTHEMES_FROM:
            found.append([])
            continue
        rows = row_of[whole]
        rows = rows[rows >= 0]
        labels = joined(x[rows], steps.divide(x, near.graph, rows), scale)
        parts = [
            np.array(sorted(i for row in rows[labels == g] for i in copies[row]), dtype=np.int64)
            for g in range(int(labels.max()) + 1)
            if (labels == g).sum() >= _SUBTHEME_LEAST
        ]
        parts.sort(key=lambda p: (-len(p), int(p[0])))
        found.append(parts if len(parts) > 1 else [])
    return found


def _named_parts(
    texts: Sequence[str],
    x: Vectors,
    divided: Sequence[Sequence[NDArray[np.int64]]],
    book: Phrasebook,
    steps: Steps,
    on_progress: OnProgress,
    naming: Naming,
) -> list[list[tuple[Label, NDArray[np.int64]]]]:
    """A label for each sub-theme. ``x``: of all memories."""
    found: list[list[tuple[Label, NDArray[np.int64]]]] = []
    for number, parts in enumerate(divided):
        on_progress("labelling", number, len(divided))
        if not parts:
            found.append([])
            continue
        centres = np.stack([unit(x[p].mean(axis=0, keepdims=True))[0] for p in parts])
        found.append(list(zip(steps.label(texts, x, parts, centres, book, silent, naming), parts, strict=True)))
    return found


def _map(memories: Sequence[Memory], places: NDArray[np.float32], copies: Copies) -> list[MapPoint]:
    """A place for every memory; copies share theirs."""
    where = {i: place for place, same in zip(places.tolist(), copies, strict=True) for i in same}
    # All in one call: of a thousand points one by one, the calls cost more than the points.
    return _POINTS.validate_python(
        [{"id": m.id, "x": round(where[i][0], 4), "y": round(where[i][1], 4)} for i, m in enumerate(memories)]
    )


def _stats(memories: Sequence[Memory], themes: list[Theme], copies: Copies, steps: Steps) -> dict[str, Any]:
    return {
        "memories": len(memories),
        "distinct": len(copies),
        "themes": len(themes),
        "clustered": sum(t.size for t in themes),
        "method": steps.name or ("average-linkage" if len(copies) <= SMALL else "knn-leiden"),
    }

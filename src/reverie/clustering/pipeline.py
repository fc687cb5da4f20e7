"""The whole way from memories and vectors to themes, in steps that can be read one after the other."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reverie.clustering.geometry import unit
from reverie.clustering.grouping import SMALL, Labels, group
from reverie.clustering.identity import ThemeState, match_themes
from reverie.clustering.labels import Label, label_groups
from reverie.clustering.layout import layout
from reverie.clustering.words import stopwords_for
from reverie.contracts import ClusterOptions, ClusterResult, MapPoint, Memory, SubTheme, Theme
from reverie.embedding.base import OnProgress, Vectors, silent

__all__ = ["ClusterOutcome", "Labeler", "cluster"]

Labeler = Callable[[Sequence[Sequence[str]], Sequence[Label]], Sequence[str | None]]
"""Names groups from their texts and keyword labels; None keeps the keyword label."""

_NAMED = {"coarse": 0.15, "medium": 0.5, "fine": 0.85}
_SUBTHEMES_FROM = 150
"""Size from which a theme of a large set is divided once more."""


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
) -> ClusterOutcome:
    """Group memories into labelled themes.

    ``vectors``: (n, d) float32, one row a memory. Deterministic for ``options.seed``. Raises ``ValueError`` when the
    shapes differ, and whatever ``on_progress`` raises.
    """
    options = options or ClusterOptions()
    if len(memories) != len(vectors):
        raise ValueError(f"{len(memories)} memories, but {len(vectors)} vectors")
    granularity = _NAMED.get(str(options.granularity), options.granularity)
    assert isinstance(granularity, float | int)
    x = unit(np.asarray(vectors, dtype=np.float32)) if len(memories) else np.empty((0, 1), dtype=np.float32)
    texts = [m.text for m in memories]
    on_progress("clustering", 0, len(memories))

    first, copies = collapse(texts)
    labels = themes_of(x[first], float(granularity), options.seed, on_progress)
    labels = drop_strangers(x[first], labels)
    least = options.min_cluster_size or (2 if len(memories) < 200 else 3 if len(memories) <= SMALL else 5)
    members = _members(labels, copies, len(first), least)
    if not members and len(first) == 1 and len(texts) > 1:
        members = [np.arange(len(texts))]
    if options.max_themes is not None:
        members = _largest(members, options.max_themes, x)

    centres = np.stack([unit(x[m].mean(axis=0, keepdims=True))[0] for m in members]) if members else x[:0]
    stops = stopwords_for(options.stopwords_language, texts)
    names = label_groups(texts, x, members, centres, stops, on_progress)
    told = labeler([[texts[i] for i in m] for m in members], names) if labeler and members else [None] * len(members)
    ids, changes = match_themes([[memories[i].id for i in m] for m in members], centres, previous)
    themes, states = [], []
    for m, centre, name, own, theme_id in zip(members, centres, names, told, ids, strict=True):
        label = own or name.text
        theme = _theme(theme_id, label, name, m, centre, memories, x, "llm" if own else "keywords")
        if len(memories) > SMALL and len(m) >= _SUBTHEMES_FROM:
            subthemes = _subthemes(theme_id, m, memories, x, stops, options.seed)
            theme = theme.model_copy(update={"subthemes": subthemes})
        themes.append(theme)
        states.append(ThemeState(theme_id, label, tuple(memories[i].id for i in m), centre.astype(np.float32)))
    order = sorted(range(len(themes)), key=lambda t: (-themes[t].size, themes[t].id))
    assignments: dict[str, str | None] = {m.id: None for m in memories}
    for theme in themes:
        assignments.update(dict.fromkeys(theme.memory_ids, theme.id))
    points = _map(memories, x, options, on_progress)
    result = ClusterResult(
        themes=[themes[t] for t in order],
        unclustered=[m.id for m in memories if assignments[m.id] is None],
        assignments=assignments,
        map=points,
        born=changes.born,
        gone=changes.gone,
        merged=changes.merged,
        split=changes.split,
        stats=_stats(memories, themes, first),
    )
    return ClusterOutcome(result, [states[t] for t in order])


def collapse(texts: Sequence[str]) -> tuple[NDArray[np.int64], list[list[int]]]:
    """Texts that say the same, letter for letter but for case, spaces and punctuation, count once.

    Returns the first index of each distinct text and all indexes of each.
    """
    groups: dict[str, list[int]] = {}
    for index, text in enumerate(texts):
        key = re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", text).casefold()).strip()
        groups.setdefault(key or text.strip(), []).append(index)
    copies = list(groups.values())
    return np.array([c[0] for c in copies], dtype=np.int64), copies


def themes_of(x: Vectors, granularity: float, seed: int, on_progress: OnProgress) -> Labels:
    """Group labels of distinct texts; -1 for all when nothing hangs together."""
    n = len(x)
    if n < 2:
        return np.full(n, -1, dtype=np.int64)
    if n == 2:
        return np.full(2, 0 if float(x[0] @ x[1]) >= 0.5 else -1, dtype=np.int64)
    return group(x, granularity, seed, on_progress)


def drop_strangers(x: Vectors, labels: Labels) -> Labels:
    """-1 for members that are no closer to their theme than to the set as a whole, and for groups of one.

    A member's likeness to the rest of its theme is compared with the spread of that likeness over all members
    (median and median absolute deviation), so that the rule scales with the model and the set.
    """
    out = labels.copy()
    count = int(labels.max()) + 1 if len(labels) else 0
    if count < 1:
        return out
    size = np.bincount(labels, minlength=count)
    total = np.zeros((count, x.shape[1]), dtype=np.float64)
    np.add.at(total, labels, x.astype(np.float64))
    rest = total[labels] - x
    likeness = np.einsum("nd,nd->n", x, rest) / np.maximum(size[labels] - 1, 1)
    background = float((x @ x.mean(axis=0)).mean())
    member = size[labels] > 1
    if member.any():
        middle = float(np.median(likeness[member]))
        spread = 1.4826 * float(np.median(np.abs(likeness[member] - middle))) + 1e-6
        floor = max(middle - 3.0 * spread, background)
        out[likeness < floor] = -1
    out[~member] = -1
    return out


def _members(labels: Labels, copies: list[list[int]], distinct: int, least: int) -> list[NDArray[np.int64]]:
    """Memory indexes of each theme; copies follow their first, and alone make no theme."""
    found = []
    for label in range(int(labels.max()) + 1 if len(labels) else 0):
        ones = np.flatnonzero(labels == label)
        whole = np.array(sorted(i for one in ones for i in copies[one]), dtype=np.int64)
        if len(ones) >= min(2, distinct) and len(whole) >= least:
            found.append(whole)
    return found


def _largest(members: list[NDArray[np.int64]], most: int, x: Vectors) -> list[NDArray[np.int64]]:
    """At most ``most`` themes: the smallest joins the theme whose centre is nearest, again and again."""
    members = [m.copy() for m in members]
    while len(members) > most:
        small = min(range(len(members)), key=lambda i: (len(members[i]), i))
        piece = members.pop(small)
        if not members:
            break
        centre = x[piece].mean(axis=0)
        near = max(
            range(len(members)), key=lambda i: (round(float(unit(x[members[i]].mean(axis=0)[None])[0] @ centre), 6), -i)
        )
        members[near] = np.sort(np.concatenate([members[near], piece]))
    return members


def _theme(
    theme_id: str,
    label: str,
    name: Label,
    members: NDArray[np.int64],
    centre: NDArray[np.float32],
    memories: Sequence[Memory],
    x: Vectors,
    source: Any,
) -> Theme:
    closeness = np.round(x[members] @ centre, 5)
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
        label_source=source,
    )


def _subthemes(
    theme_id: str,
    members: NDArray[np.int64],
    memories: Sequence[Memory],
    x: Vectors,
    stops: frozenset[str],
    seed: int,
) -> list[SubTheme]:
    labels = drop_strangers(x[members], group(x[members], 0.5, seed))
    parts = [members[labels == g] for g in range(int(labels.max()) + 1) if (labels == g).sum() >= 3]
    if len(parts) < 2:
        return []
    centres = np.stack([unit(x[p].mean(axis=0, keepdims=True))[0] for p in parts])
    names = label_groups([m.text for m in memories], x, parts, centres, stops)
    order = sorted(range(len(parts)), key=lambda p: (-len(parts[p]), p))
    return [
        SubTheme(
            id=f"{theme_id}.{rank + 1}",
            label=names[p].text,
            keywords=names[p].keywords,
            size=len(parts[p]),
            memory_ids=[memories[i].id for i in parts[p]],
        )
        for rank, p in enumerate(order)
    ]


def _map(
    memories: Sequence[Memory], x: Vectors, options: ClusterOptions, on_progress: OnProgress
) -> list[MapPoint] | None:
    if not options.map:
        return None
    places = layout(x, options.seed, on_progress)
    return [
        MapPoint(id=m.id, x=round(float(a), 4), y=round(float(b), 4))
        for m, (a, b) in zip(memories, places, strict=True)
    ]


def _stats(memories: Sequence[Memory], themes: list[Theme], first: NDArray[np.int64]) -> dict[str, Any]:
    return {
        "memories": len(memories),
        "distinct": len(first),
        "themes": len(themes),
        "clustered": sum(t.size for t in themes),
        "method": "average-linkage" if len(first) <= SMALL else "knn-leiden",
    }

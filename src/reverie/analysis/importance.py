"""What is worth keeping: a score from 0 to 1 for each memory, and the reasons that add up to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from reverie.analysis.durable import LASTING, Durable, read_durable
from reverie.analysis.insight import Insight
from reverie.analysis.text_words import TextWords
from reverie.clustering.nearest import Neighbours
from reverie.contracts import Factor, Importance, Memory
from reverie.embedding.base import Vectors
from reverie.embedding.calibration import REFERENCE, SAME, Scale
from reverie.errors import InvalidInput

__all__ = [
    "DEFAULT_WEIGHTS",
    "HALF_ACCESSES",
    "Ranked",
    "core_memories",
    "is_pinned",
    "rank",
    "recency",
    "shares",
    "specificity",
]

Values = NDArray[np.float64]

DEFAULT_WEIGHTS: dict[str, float] = {
    "durable": 0.35,
    "specificity": 0.45,
    "novelty": 0.10,
    "information": 0.22,
    "recency": 0.04,
    "access": 0.12,
    "recurrence": 0.04,
    "emotion": 0.03,
    "pinned": 0.50,
}
"""Weights before they are divided by their sum. Round numbers, fitted to no data set."""

_CORE = 12
_CORE_SHARE = 0.05
_CORE_LEAST = 3
_SAME_KIND = 3
"""Core memories of one kind: four pets are not a person."""
HALF_ACCESSES = 5.0
"""Accesses that are half of what accesses can count."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """Scores of memories and what they are made of, in arrays: as a list a million of them is 2 GB."""

    memories: Sequence[Memory]
    #: (n,) of each factor, 0 to 1, and its share of all weights.
    values: Mapping[str, Values]
    weight: Mapping[str, float]
    #: (n,) not above 1 but for the last digits.
    scores: Values
    #: (n,) the indices of memories, best first.
    order: NDArray[np.int64]
    #: (n,) 1 for those that the bot marked to stay.
    pinned: Values
    durable: Sequence[Durable]
    core: frozenset[int]

    def listed(self) -> list[Importance]:
        """All memories with their reasons, best first."""
        if not len(self.order):
            return []
        order, durable, names = self.order, self.durable, list(self.values)
        reasons = zip(*(_reasons(self.values[name][order], self.weight[name]) for name in names), strict=True)
        scores = np.minimum(self.scores[order], 1.0).tolist()
        ordered = zip(order.tolist(), scores, self.pinned[order].tolist(), reasons, strict=True)
        return [
            Importance.built(
                memory_id=self.memories[i].id,
                score=score,
                rank=place,
                factors=dict(zip(names, own, strict=True)),
                core=i in self.core,
                kind=durable[i].kind,
                boundary=durable[i].boundary,
                reason="pinned" if is_kept else durable[i].reason,
            )
            for place, (i, score, is_kept, own) in enumerate(ordered, 1)
        ]


def rank(
    memories: Sequence[Memory],
    vectors: Vectors,
    near: Neighbours,
    tokens: TextWords,
    insights: Sequence[Insight] | None,
    *,
    now: datetime,
    half_life_days: float,
    weights: Mapping[str, float] | None = None,
    scale: Scale = REFERENCE,
    durable: Sequence[Durable] | None = None,
) -> Ranked:
    """Score all memories.

    ``score = sum of contributions``, ``contribution = weight share x value``, every value 0 to 1:

    - ``durable``: whether the text states something lasting of the person, see ``durable`` (read from the wording alone
      when not given).
    - ``specificity``: rank of the distance from the user's mean vector. What is unlike the rest is asked about
      more than what is typical.
    - ``novelty``: rank of the distance from the nearest other memories.
    - ``information``: rank of the summed rarity of words (IDF, Sparck Jones 1972) and rare names.
    - ``recency``: halves every ``half_life_days`` since the later of creation and last access.
    - ``access``: c / (c + 5) for c accesses. ``recurrence``: the same for repeats on other days.
    - ``emotion``: strength of sentiment. ``pinned``: kind or metadata says so.

    Commands, stock phrases, links, code, embeds, mentions and reactions are unlike everything else and yet specific of
    nothing: their first four values are 0. A factor without any evidence in the whole set (no dates, no sentiment,
    nothing pinned) has no part. ``near``: with cosines on the reference's scale; ``scale`` reads those of ``vectors``.
    Raises ``InvalidInput`` for the name of an unknown factor.
    """
    _known(weights)
    n = len(memories)
    if n == 0:
        nothing = np.zeros(0)
        return Ranked(memories, {}, {}, nothing, np.zeros(0, dtype=np.int64), nothing, [], frozenset())
    durable = read_durable([m.text for m in memories]) if durable is None else durable
    says = np.array([d.says for d in durable], dtype=np.float64)
    values: dict[str, Values] = {
        "durable": np.array([d.score for d in durable]),
        "specificity": specificity(vectors) * says,
        "novelty": _novelty(near, n) * says,
        "information": _information(tokens, insights) * says,
        "access": np.array([m.access_count / (m.access_count + HALF_ACCESSES) for m in memories]),
        "recurrence": _recurrence(memories, near),
    }
    if any(m.created_at or m.last_accessed_at for m in memories):
        values["recency"] = recency(memories, now, half_life_days)
    if insights is not None and any(i.sentiment is not None for i in insights):
        values["emotion"] = np.array([abs(i.sentiment or 0.0) for i in insights])
    pinned = np.array([float(is_pinned(m)) for m in memories])
    if pinned.any():
        values["pinned"] = pinned
    weight = shares(values, weights)
    names = list(weight)
    scores = (np.stack([values[name] for name in names], axis=1) * np.array(list(weight.values()))).sum(axis=1)
    order = np.argsort(-np.round(scores, 9), kind="stable")
    core = frozenset(core_memories(pinned, durable, vectors, order, scale))
    return Ranked(memories, {name: values[name] for name in names}, weight, scores, order, pinned, durable, core)


def _reasons(values: Values, weight: float) -> list[Factor]:
    """One factor of each memory. Where most have the same few values (nothing is pinned), they share them."""
    few, which = np.unique(values, return_inverse=True)
    shared = len(few) <= len(values) // 4
    own = few if shared else values
    made = [
        Factor.built(value=v, weight=weight, contribution=c)
        for v, c in zip(own.tolist(), (own * weight).tolist(), strict=True)
    ]
    return [made[n] for n in which.tolist()] if shared else made


def shares(factors: Collection[str], weights: Mapping[str, float] | None = None) -> dict[str, float]:
    """What each of ``factors`` weighs, of 1 in all: ``DEFAULT_WEIGHTS``, some of them replaced by ``weights``.

    The one rule of what is worth keeping, for ``analyze`` and ``recall``. Where nothing weighs anything, all weigh the
    same. Raises ``InvalidInput`` for the name of an unknown factor.
    """
    _known(weights)
    raw = {name: {**DEFAULT_WEIGHTS, **(weights or {})}[name] for name in DEFAULT_WEIGHTS if name in factors}
    total = sum(raw.values())
    return {name: value / total if total > 0 else 1 / len(raw) for name, value in raw.items()}


def _known(weights: Mapping[str, float] | None) -> None:
    if unknown := sorted(set(weights or ()) - set(DEFAULT_WEIGHTS)):
        raise InvalidInput(f"options.weights has no factor {unknown[0]!r}; factors are {', '.join(DEFAULT_WEIGHTS)}")


def core_memories(
    pinned: Values,
    durable: Sequence[Durable],
    vectors: Vectors,
    order: NDArray[np.int64],
    scale: Scale = REFERENCE,
) -> list[int]:
    """Indices of the few memories that define the person: pinned ones, then lasting facts, best first.

    At most a twentieth of all (at least 3, at most 12), no repeats, three of a kind. Where nothing is pinned and no
    lasting fact is stated there is no core: a filler could not be explained.
    """
    wanted = min(_CORE, max(_CORE_LEAST, round(_CORE_SHARE * len(order))))
    same = scale.own(SAME)
    chosen: list[int] = []
    kinds: Counter[str | None] = Counter()
    said = np.zeros(len(order), dtype=bool)
    facts = (i for i in order.tolist() if not pinned[i] and durable[i].score >= LASTING)
    for i in [*(i for i in order.tolist() if pinned[i]), *facts]:
        if len(chosen) == wanted:
            break
        if said[i] or (not pinned[i] and kinds[durable[i].kind] == _SAME_KIND):
            continue
        chosen.append(i)
        kinds[durable[i].kind] += not pinned[i]
        said |= vectors @ vectors[i] >= same
    return chosen


def is_pinned(memory: Memory) -> bool:
    """Whether the bot marked the memory to stay: ``kind`` is "pinned" or ``metadata.pinned`` is true."""
    return memory.kind == "pinned" or memory.metadata.get("pinned") is True


def recency(memories: Sequence[Memory], now: datetime, half_life_days: float) -> Values:
    """(n,) 0 to 1, halved every ``half_life_days``. The future counts as now, an undated memory as one half."""
    return faded(moments(memories), now, half_life_days)


def moments(memories: Sequence[Memory]) -> Values:
    """(n,) when each was made or last used, seconds since 1970; minus infinity where neither is known."""
    return np.array(
        [
            max(
                m.created_at.timestamp() if m.created_at else -np.inf,
                m.last_accessed_at.timestamp() if m.last_accessed_at else -np.inf,
            )
            for m in memories
        ]
    )


def faded(moments: Values, now: datetime, half_life_days: float) -> Values:
    """``recency`` of ``moments``."""
    age = np.maximum(now.timestamp() - moments, 0.0) / 86_400.0
    return np.where(np.isfinite(age), np.exp2(-np.where(np.isfinite(age), age, 0.0) / half_life_days), 0.5)


def specificity(vectors: Vectors) -> Values:
    """(n,) 0 to 1: rank of the distance from the mean direction."""
    mean = vectors.mean(axis=0, dtype=np.float64)
    return _ranked(-(vectors @ mean.astype(np.float32)).astype(np.float64))


def _ranked(x: Values) -> Values:
    """Ranks scaled to 0..1, ties share their mean: no outlier decides the scale."""
    if len(x) < 2:
        return np.full(len(x), 0.5)
    # Equal values share their mean rank. scipy.stats would do it for 20 MB in every worker.
    _, place, many = np.unique(np.round(x, 5), return_inverse=True, return_counts=True)
    rank = (np.cumsum(many) - (many - 1) / 2)[place]
    return np.asarray((rank - 0.5) / len(x))


def _novelty(near: Neighbours, n: int) -> Values:
    if near[1].shape[1] == 0:
        return np.full(n, 0.5)
    return _ranked(-near[1][:, :5].mean(axis=1, dtype=np.float64))


def _information(tokens: TextWords, insights: Sequence[Insight] | None) -> Values:
    n = len(tokens)
    rows, words = tokens.once()
    idf = np.log((n + 1) / (np.bincount(words, minlength=len(tokens.words)) + 0.5))
    rarity = _ranked(np.bincount(rows, idf[words], n).astype(np.float64, copy=False))
    if insights is None:
        return rarity
    seen = Counter(name for i in insights for name in i.entities)
    rare = np.array([sum(seen[name] <= max(2, 0.05 * n) for name in i.entities) for i in insights], dtype=np.float64)
    return np.asarray(0.5 * rarity + 0.5 * _ranked(rare))


def _recurrence(memories: Sequence[Memory], near: Neighbours) -> Values:
    index, value = near
    days = np.array([m.created_at.timestamp() // 86_400 if m.created_at else -1.0 for m in memories])
    if index.shape[1] == 0:
        return np.zeros(len(memories))
    again = (value >= SAME) & (days[index] != days[:, None]) & (days[:, None] >= 0) & (days[index] >= 0)
    count = again.sum(axis=1).astype(np.float64)
    return np.asarray(count / (count + 2.0))

"""Ranking memories for a question: relevance x importance x recency, in the fast lane."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from reverie.analysis.durable import Prototypes
from reverie.analysis.importance import faded
from reverie.analysis.recall_index import RecallIndex
from reverie.analysis.stems import search_terms
from reverie.analysis.texts import STOPWORDS, words
from reverie.contracts import Memory, RecalledMemory, RecallOptions, RecallResult, RecallTerms
from reverie.embedding.alphabet import legible
from reverie.embedding.base import Vectors
from reverie.embedding.calibration import REFERENCE, Scale
from reverie.errors import InvalidInput

__all__ = ["RECALL_WEIGHTS", "recall", "recall_in"]

RECALL_WEIGHTS: dict[str, float] = {"relevance": 1.0, "importance": 0.1, "recency": 0.02}
"""Relevance decides; the others part what is nearly as relevant."""

_LEXICAL = 0.4
_NEIGHBOUR = 0.4
"""Part of its best neighbour's relevance that something said in a conversation gets."""
_NAMED = 0.2
"""Relevance that is added where the question names who said it."""
_CHANCE = 0.25
"""Share of a question's rare words that a memory may hold by chance."""
_POOL = 10
"""Diversity looks at this many times ``top`` candidates."""
_MOST_TERMS = 32
_REST_OF_WORD = re.compile(r"[^\W_]*")

Values = NDArray[np.float64]


def recall(
    query: str,
    query_vector: NDArray[np.floating],
    memories: Sequence[Memory],
    vectors: Vectors,
    options: RecallOptions | None = None,
    *,
    now: datetime,
    scale: Scale = REFERENCE,
    alphabet: str | None = None,
    prototypes: Prototypes | None = None,
) -> RecallResult:
    """Rank ``memories`` for ``query``; ``query_vector`` is (d,) and ``vectors`` (n, d), unit length, of one model,
    whose cosines ``scale`` reads.

    As ``recall_in``, for a list that one question is asked of.
    """
    index = RecallIndex.of(memories, vectors, alphabet, prototypes)
    return recall_in(index, query, query_vector, options, now=now, scale=scale)


def recall_in(
    index: RecallIndex,
    query: str,
    query_vector: NDArray[np.floating],
    options: RecallOptions | None = None,
    *,
    now: datetime,
    scale: Scale = REFERENCE,
) -> RecallResult:
    """Rank the memories of an index for ``query``; ``query_vector`` is (d,), of the model of its vectors,
    whose cosines ``scale`` reads.

    ``score = sum(weight x term) / sum(weights)``, terms 0 to 1 (Park et al. 2023, "Generative agents", with weights):

    - relevance: cosine, blended with the share of the query's rare words that the memory holds. Where memories have a
      ``speaker``, those of whom the query names come first, and an answer also counts by the question before it.
    - importance: how much it is worth keeping, by ``analyze``'s factors durable, specificity, access and pinned.
    - recency: halves every ``half_life_days``.

    Nothing is returned whose ``fit`` is below ``min_relevance``: how surely it has to do with the query, by cosine
    (``Scale.relevance``) or by the words they share.

    A question that the model cannot read is compared by characters, as such memories are. ``diversity`` reorders by
    maximal marginal relevance (Carbonell and Goldstein 1998).

    Raises ``InvalidInput`` for unknown weights or shapes that do not match.
    """
    options = options or RecallOptions()
    weights = _weights(options.weights)
    query_vector = np.asarray(query_vector, dtype=np.float32).reshape(-1)
    if not len(index):
        return RecallResult(memories=[], stats={"memories": 0})
    if index.vectors.shape[1] != len(query_vector):
        raise InvalidInput(f"the query has {len(query_vector)} dimensions, the memories {index.vectors.shape[1]}")
    asked, _ = legible([query], query_vector[None, :], index.alphabet)
    query_vector = asked[0]
    relevance, fit = _relevance(query, query_vector, index, scale)
    recency = faded(index.moments, now, options.half_life_days)
    share = {name: weight / sum(weights.values()) for name, weight in weights.items()}
    above = fit >= options.min_relevance
    left = int(above.sum())
    top = min(options.top, left)
    pool = min(left, top * _POOL if options.diversity else top)
    base = np.where(above, share["relevance"] * relevance + share["recency"] * recency, -1.0)
    importance, scores, read = _with_importance(index, base, share["importance"], pool)
    terms = {"relevance": relevance, "importance": importance, "recency": recency}
    order = [int(read[i]) for i in _best(scores[read], pool)] if pool else []
    if options.diversity and order:
        order = _spread(order, scores, index.vectors, top, options.diversity)
    return RecallResult(
        memories=[
            RecalledMemory.built(
                memory_id=index.ids[i],
                text=index.texts[i],
                score=float(scores[i]),
                rank=rank,
                terms=RecallTerms(**{name: float(value[i]) for name, value in terms.items()}),
                fit=float(fit[i]),
            )
            for rank, i in enumerate(order, 1)
        ],
        notes=[] if left else [f"nothing reaches min_relevance {options.min_relevance:g}; the best is {fit.max():.2f}"],
        stats={
            "memories": len(index),
            **({"below_floor": len(index) - left} if options.min_relevance else {}),
            **({"unread": int(index.lost.sum())} if index.lost.any() else {}),
        },
    )


def _weights(given: Mapping[str, float] | None) -> dict[str, float]:
    if unknown := sorted(set(given or ()) - set(RECALL_WEIGHTS)):
        raise InvalidInput(f"options.weights has no term {unknown[0]!r}; terms are {', '.join(RECALL_WEIGHTS)}")
    weights = {**RECALL_WEIGHTS, **(given or {})}
    return weights if sum(weights.values()) > 0 else dict(RECALL_WEIGHTS)


def _with_importance(
    index: RecallIndex, base: Values, share: float, pool: int
) -> tuple[Values, Values, NDArray[np.intp]]:
    """(n,) importance, (n,) scores, and whose are right, the ``pool`` best among them: the others are not read.

    Who could not be among the best even as the most important of all is left out.
    """
    importance = np.zeros(len(index))
    if not pool:
        return importance, base, np.empty(0, dtype=np.intp)
    most = np.where(base < 0, -1.0, base + share * index.most_importance)
    first = np.array(_best(most, pool), dtype=np.intp)
    importance[first] = index.importance(first)
    least = float((base[first] + share * importance[first]).min()) - 1e-6
    rest = np.setdiff1d(np.flatnonzero((most >= least) & (base >= 0)), first)
    importance[rest] = index.importance(rest)
    scores = np.full(len(index), -1.0)
    read = np.sort(np.concatenate([first, rest]))
    scores[read] = base[read] + share * importance[read]
    return importance, scores, read


def _relevance(
    query: str, query_vector: NDArray[np.float32], index: RecallIndex, scale: Scale
) -> tuple[Values, Values]:
    """(n,) relevance, by which memories are ranked, and (n,) fit, on which the floor is."""
    length = float(np.linalg.norm(query_vector))
    cosine = (index.vectors @ query_vector).astype(np.float64) / max(length, 1e-12)
    close = np.clip(scale.read(cosine), 0.0, 1.0)
    names, said_by = _speakers(query, index)
    lexical = _lexical(query, index, names)
    fit = scale.relevance(cosine)
    if lexical is not None:
        close = (1 - _LEXICAL) * close + _LEXICAL * lexical
        fit = np.maximum(fit, np.clip((lexical - _CHANCE) / (1 - _CHANCE), 0.0, 1.0))
    if said_by is not None:
        pairs = index.conversations
        close = (close + _NEIGHBOUR * _nearest(close, pairs) + _NAMED * said_by) / (1 + _NEIGHBOUR + _NAMED)
        fit = np.maximum(fit, _NEIGHBOUR * _nearest(fit, pairs))
    return close, fit


def _speakers(query: str, index: RecallIndex) -> tuple[set[str], Values | None]:
    """Words of the query that name speakers, and (n,) 1 where the query names who said it; None without speakers.

    A query that names everybody, or nobody, tells nothing.
    """
    speakers = index.known_speakers
    if not speakers:
        return set(), None
    asked = {word.removesuffix("'s") for word in words(query)}
    # "Ben" is a stop word of another language.
    parts = {speaker: set(words(speaker)) - STOPWORDS or set(words(speaker)) for speaker in speakers}
    named = {speaker for speaker, names in parts.items() if not names.isdisjoint(asked)}
    found = {word for speaker in named for word in parts[speaker]}
    if not named or named == speakers:
        return found, np.zeros(len(index))
    return found, np.array([float(speaker in named) for speaker in index.speakers])


def _nearest(values: Values, pairs: NDArray[np.intp]) -> Values:
    """(n,) the higher value of the two neighbours in ``pairs``, 0 without any."""
    out = np.zeros_like(values)
    np.maximum.at(out, pairs[:, 0], values[pairs[:, 1]])
    np.maximum.at(out, pairs[:, 1], values[pairs[:, 0]])
    return out


def _lexical(query: str, index: RecallIndex, names: Collection[str] = ()) -> Values | None:
    """(n,) share of the query's words that a text holds, weighted by rarity (IDF); None when the query has none.

    Words are compared by their stem: inflections must not hide a match. ``names`` are left out: they tell who spoke.
    """
    terms = dict(islice(search_terms(query, names).items(), _MOST_TERMS))
    if not terms:
        return None
    found = np.zeros((len(index), len(terms)), dtype=np.float32)
    joined, ends = index.joined
    for column, (stem, spaced) in enumerate(terms.items()):
        at = joined.find(stem)
        while at >= 0:
            # In scripts with spaces a stem begins a word. What follows in this word, or in a text that has the stem,
            # is not looked at: no text is read twice.
            if not spaced or at == 0 or not joined[at - 1].isalnum():
                text = bisect_right(ends, at)
                found[text, column] = 1.0
                at = joined.find(stem, ends[text])
            else:
                at = joined.find(stem, _REST_OF_WORD.match(joined, at).end())  # type: ignore[union-attr]
    df = found.sum(axis=0)
    idf = np.log1p((len(index) - df + 0.5) / (df + 0.5)).astype(np.float64)
    return np.asarray(found @ idf / max(float(idf.sum()), 1e-12), dtype=np.float64)


def _best(scores: Values, count: int) -> list[int]:
    rounded = np.round(scores, 9)
    if count < len(scores):
        edge = np.partition(rounded, len(scores) - count)[len(scores) - count]
        pool = np.flatnonzero(rounded >= edge)
    else:
        pool = np.arange(len(scores))
    return [int(i) for i in pool[np.argsort(-rounded[pool], kind="stable")][:count]]


def _spread(order: list[int], scores: Values, vectors: Vectors, top: int, diversity: float) -> list[int]:
    pool = np.array(order)
    part = vectors[pool]
    similar = np.clip(part @ part.T, 0.0, 1.0).astype(np.float64)
    worth = scores[pool]
    nearest = np.zeros(len(pool))
    left = np.ones(len(pool), dtype=bool)
    chosen: list[int] = []
    for _ in range(top):
        value = np.where(left, (1 - diversity) * worth - diversity * nearest, -np.inf)
        best = int(np.argmax(np.round(value, 9)))
        chosen.append(int(pool[best]))
        left[best] = False
        nearest = np.maximum(nearest, similar[best])
    return chosen

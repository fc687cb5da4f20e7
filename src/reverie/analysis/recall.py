"""Ranking memories for a question: relevance x importance x recency, in the fast lane."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from reverie.analysis.importance import is_pinned, recency, specificity
from reverie.analysis.texts import STOPWORDS, words
from reverie.contracts import Memory, RecalledMemory, RecallOptions, RecallResult, RecallTerms
from reverie.embedding.alphabet import legible
from reverie.embedding.base import Vectors
from reverie.embedding.calibration import REFERENCE, Scale
from reverie.errors import InvalidInput

__all__ = ["RECALL_WEIGHTS", "recall"]

RECALL_WEIGHTS: dict[str, float] = {"relevance": 1.0, "importance": 0.06, "recency": 0.02}
"""Relevance decides; the others part what is nearly as relevant."""

_LEXICAL = 0.25
_POOL = 10
"""Diversity looks at this many times ``top`` candidates."""
_HALF_ACCESSES = 5.0
_MOST_TERMS = 32
_LONGEST_STEM = 40
"""Characters of a word that are looked for; of a longer one the beginning."""
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
) -> RecallResult:
    """Rank ``memories`` for ``query``; ``query_vector`` is (d,) and ``vectors`` (n, d), unit length, of one model,
    whose cosines ``scale`` reads.

    ``score = sum(weight x term) / sum(weights)``, terms 0 to 1 (Park et al. 2023, "Generative agents", with weights):

    - relevance: cosine, blended with the share of the query's rare words that the memory holds.
    - importance: distance from the user's mean, access count, pinned. A cheap form of ``analyze``'s.
    - recency: halves every ``half_life_days``.

    ``alphabet``: the characters that the model knows (``ModelSpec``). What it cannot read, memory or question, is
    compared by characters. ``diversity`` reorders by maximal marginal relevance (Carbonell and Goldstein 1998).

    Raises ``InvalidInput`` for unknown weights or shapes that do not match.
    """
    options = options or RecallOptions()
    weights = _weights(options.weights)
    vectors = np.asarray(vectors, dtype=np.float32)
    query_vector = np.asarray(query_vector, dtype=np.float32).reshape(-1)
    if len(vectors) != len(memories):
        raise InvalidInput(f"{len(vectors)} vectors for {len(memories)} memories")
    if not len(memories):
        return RecallResult(memories=[], stats={"memories": 0})
    if vectors.shape[1] != len(query_vector):
        raise InvalidInput(f"the query has {len(query_vector)} dimensions, the memories {vectors.shape[1]}")
    vectors, lost = legible([m.text for m in memories], vectors, alphabet)
    asked, _ = legible([query], query_vector[None, :], alphabet)
    query_vector = asked[0]
    terms = {
        "relevance": _relevance(query, query_vector, memories, vectors, scale),
        "importance": _importance(memories, vectors),
        "recency": recency(memories, now, options.half_life_days),
    }
    total = sum(weights.values())
    scores = np.asarray(sum(weights[name] / total * value for name, value in terms.items()), dtype=np.float64)
    top = min(options.top, len(memories))
    order = _best(scores, min(len(memories), top * _POOL if options.diversity else top))
    if options.diversity:
        order = _spread(order, scores, vectors, top, options.diversity)
    return RecallResult(
        memories=[
            RecalledMemory.built(
                memory_id=memories[i].id,
                text=memories[i].text,
                score=float(scores[i]),
                rank=rank,
                terms=RecallTerms(**{name: float(value[i]) for name, value in terms.items()}),
            )
            for rank, i in enumerate(order, 1)
        ],
        stats={"memories": len(memories), **({"unread": int(lost.sum())} if lost.any() else {})},
    )


def _weights(given: Mapping[str, float] | None) -> dict[str, float]:
    if unknown := sorted(set(given or ()) - set(RECALL_WEIGHTS)):
        raise InvalidInput(f"options.weights has no term {unknown[0]!r}; terms are {', '.join(RECALL_WEIGHTS)}")
    weights = {**RECALL_WEIGHTS, **(given or {})}
    return weights if sum(weights.values()) > 0 else dict(RECALL_WEIGHTS)


def _relevance(
    query: str, query_vector: NDArray[np.float32], memories: Sequence[Memory], vectors: Vectors, scale: Scale
) -> Values:
    length = float(np.linalg.norm(query_vector))
    cosine = np.clip(scale.read((vectors @ query_vector).astype(np.float64) / max(length, 1e-12)), 0.0, 1.0)
    lexical = _lexical(query, memories)
    return cosine if lexical is None else (1 - _LEXICAL) * cosine + _LEXICAL * lexical


def _lexical(query: str, memories: Sequence[Memory]) -> Values | None:
    """(n,) share of the query's words that a text holds, weighted by rarity (IDF); None when the query has none.

    Words are compared by their stem: inflections must not hide a match.
    """
    named = (_stem(w)[:_LONGEST_STEM] for w in words(query) if w not in STOPWORDS and len(w) > 1)
    stems = list(dict.fromkeys(named))[:_MOST_TERMS]
    if not stems:
        return None
    number = {stem: i for i, stem in enumerate(stems)}
    texts = [memory.text.lower() for memory in memories]
    spaced = all(stem.isascii() for stem in stems)
    found = np.zeros((len(memories), len(stems)), dtype=np.float32)
    # One search of all texts end to end: a search of each costs more than what it finds.
    ends = list(accumulate(len(text) + 1 for text in texts))
    joined = "\n".join(texts)
    for stem, column in number.items():
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
    idf = np.log1p((len(memories) - df + 0.5) / (df + 0.5)).astype(np.float64)
    return np.asarray(found @ idf / max(float(idf.sum()), 1e-12), dtype=np.float64)


def _stem(word: str) -> str:
    """Word without its English inflection; a prefix of all its forms, since texts are searched by prefix."""
    for ending in ("ings", "ing", "ies", "ied", "ed", "es", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 4 and not word.endswith("ss"):
            return word[: -len(ending)]
    return word


def _importance(memories: Sequence[Memory], vectors: Vectors) -> Values:
    used = np.array([m.access_count / (m.access_count + _HALF_ACCESSES) for m in memories])
    pinned = np.array([float(is_pinned(m)) for m in memories])
    return np.asarray(0.6 * specificity(vectors) + 0.25 * used + 0.15 * pinned)


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

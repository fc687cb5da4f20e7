"""Ranking memories for a question: relevance x importance x recency, in the fast lane."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate, pairwise

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

_LEXICAL = 0.4
_NEIGHBOUR = 0.4
"""Part of its best neighbour's relevance that something said in a conversation gets."""
_CONVERSATION = timedelta(minutes=10)
"""Pause after which a conversation is another one."""
_NAMED = 0.2
"""Relevance that is added where the question names who said it."""
_CHANCE = 0.25
"""Share of a question's rare words that a memory may hold by chance."""
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

    - relevance: cosine, blended with the share of the query's rare words that the memory holds. Where memories have a
      ``speaker``, those of whom the query names come first, and an answer also counts by the question before it.
    - importance: distance from the user's mean, access count, pinned. A cheap form of ``analyze``'s.
    - recency: halves every ``half_life_days``.

    Nothing is returned whose ``fit`` is below ``min_relevance``: how surely it has to do with the query, by cosine
    (``Scale.relevance``) or by the words they share.

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
    relevance, fit = _relevance(query, query_vector, memories, vectors, scale)
    terms = {
        "relevance": relevance,
        "importance": _importance(memories, vectors),
        "recency": recency(memories, now, options.half_life_days),
    }
    total = sum(weights.values())
    scores = np.asarray(sum(weights[name] / total * value for name, value in terms.items()), dtype=np.float64)
    above = fit >= options.min_relevance
    left = int(above.sum())
    top = min(options.top, left)
    pool = min(left, top * _POOL if options.diversity else top)
    order = _best(np.where(above, scores, -1.0), pool) if pool else []
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
                fit=float(fit[i]),
            )
            for rank, i in enumerate(order, 1)
        ],
        notes=[] if left else [f"nothing reaches min_relevance {options.min_relevance:g}; the best is {fit.max():.2f}"],
        stats={
            "memories": len(memories),
            **({"below_floor": len(memories) - left} if options.min_relevance else {}),
            **({"unread": int(lost.sum())} if lost.any() else {}),
        },
    )


def _weights(given: Mapping[str, float] | None) -> dict[str, float]:
    if unknown := sorted(set(given or ()) - set(RECALL_WEIGHTS)):
        raise InvalidInput(f"options.weights has no term {unknown[0]!r}; terms are {', '.join(RECALL_WEIGHTS)}")
    weights = {**RECALL_WEIGHTS, **(given or {})}
    return weights if sum(weights.values()) > 0 else dict(RECALL_WEIGHTS)


def _relevance(
    query: str, query_vector: NDArray[np.float32], memories: Sequence[Memory], vectors: Vectors, scale: Scale
) -> tuple[Values, Values]:
    """(n,) relevance, by which memories are ranked, and (n,) fit, on which the floor is."""
    length = float(np.linalg.norm(query_vector))
    cosine = (vectors @ query_vector).astype(np.float64) / max(length, 1e-12)
    close = np.clip(scale.read(cosine), 0.0, 1.0)
    names, said_by = _speakers(query, memories)
    lexical = _lexical(query, memories, names)
    fit = scale.relevance(cosine)
    if lexical is not None:
        close = (1 - _LEXICAL) * close + _LEXICAL * lexical
        fit = np.maximum(fit, np.clip((lexical - _CHANCE) / (1 - _CHANCE), 0.0, 1.0))
    if said_by is not None:
        pairs = _conversations(memories)
        close = (close + _NEIGHBOUR * _nearest(close, pairs) + _NAMED * said_by) / (1 + _NEIGHBOUR + _NAMED)
        fit = np.maximum(fit, _NEIGHBOUR * _nearest(fit, pairs))
    return close, fit


def _speakers(query: str, memories: Sequence[Memory]) -> tuple[set[str], Values | None]:
    """Words of the query that name speakers, and (n,) 1 where the query names who said it; None without speakers.

    A query that names everybody, or nobody, tells nothing.
    """
    speakers = {memory.speaker for memory in memories if memory.speaker}
    if not speakers:
        return set(), None
    asked = {word.removesuffix("'s") for word in words(query)}
    # "Ben" is a stop word of another language.
    parts = {speaker: set(words(speaker)) - STOPWORDS or set(words(speaker)) for speaker in speakers}
    named = {speaker for speaker, names in parts.items() if not names.isdisjoint(asked)}
    found = {word for speaker in named for word in parts[speaker]}
    if not named or named == speakers:
        return found, np.zeros(len(memories))
    return found, np.array([float(memory.speaker in named) for memory in memories])


def _conversations(memories: Sequence[Memory]) -> NDArray[np.intp]:
    """(k, 2) memories that were said one right after the other."""
    told = [i for i, m in enumerate(memories) if m.speaker and m.created_at is not None]
    told.sort(key=lambda i: (memories[i].created_at, i))
    pairs = [
        (a, b)
        for a, b in pairwise(told)
        if memories[b].created_at - memories[a].created_at <= _CONVERSATION  # type: ignore[operator]
    ]
    return np.array(pairs, dtype=np.intp).reshape(-1, 2)


def _nearest(values: Values, pairs: NDArray[np.intp]) -> Values:
    """(n,) the higher value of the two neighbours in ``pairs``, 0 without any."""
    out = np.zeros_like(values)
    np.maximum.at(out, pairs[:, 0], values[pairs[:, 1]])
    np.maximum.at(out, pairs[:, 1], values[pairs[:, 0]])
    return out


def _lexical(query: str, memories: Sequence[Memory], names: Collection[str] = ()) -> Values | None:
    """(n,) share of the query's words that a text holds, weighted by rarity (IDF); None when the query has none.

    Words are compared by their stem: inflections must not hide a match. ``names`` are left out: they tell who spoke.
    """
    said = (word for word in words(query) if word.removesuffix("'s") not in names)
    asked = (_stem(w)[:_LONGEST_STEM] for w in said if w not in STOPWORDS and len(w) > 1)
    stems = list(dict.fromkeys(asked))[:_MOST_TERMS]
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

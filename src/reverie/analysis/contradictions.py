"""Pairs of memories that may contradict each other: candidates for a person or a language model to judge."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from reverie.analysis.budget import TimeBudget
from reverie.analysis.texts import NEGATIONS, STOPWORDS, words
from reverie.clustering.nearest import Neighbours
from reverie.contracts import DuplicateGroup, Memory
from reverie.embedding.calibration import NEAR

__all__ = ["SUBJECT", "find_contradictions"]

SUBJECT = NEAR
"""Cosine from which two memories are taken to be on one subject."""
_EVERY = 512
_MOST = 200
_READ = 2000
"""Characters of a text that are read."""

_OPPOSITES: dict[str, frozenset[str]] = {}
for _pair in """love hate|like hate|like dislike|love dislike|enjoy hate|enjoy dislike|adore hate|married single
married divorced|alive dead|vegetarian meat|vegan meat|always never|start stop|started stopped|employed unemployed
before after|early late|morning night|hot cold|rich poor|introvert extrovert|win lose|won lost|buy sell|bought sold
joined left|single girlfriend|single boyfriend|single wife|single husband|loves hates|likes hates|likes dislikes
loves dislikes|enjoys hates|favorite worst|best worst|easy hard|happy sad|tall short|young old|remote office""".replace(
    "\n", "|"
).split("|"):
    _one, _two = _pair.split()
    _OPPOSITES[_one] = _OPPOSITES.get(_one, frozenset()) | {_two}
    _OPPOSITES[_two] = _OPPOSITES.get(_two, frozenset()) | {_one}

# Attributes of which a person has one value at a time; the value follows.
_SINGLE = re.compile(
    r"\b(?P<key>favou?rite(?: \w+){1,2} (?:is|was)|names? is|live[sd]? in|born (?:in|on)|birthday is(?: on)?"
    r"|years old|work(?:s|ed)? (?:as|at|for)|moved to|from|job is|has|have)\b(?P<value>.*)"
)
_AGE = re.compile(r"\b(?P<age>\d{1,3}) years old\b")


def find_contradictions(
    memories: Sequence[Memory], near: Neighbours, skip: set[int], *, budget: TimeBudget
) -> list[DuplicateGroup]:
    """Pairs on one subject (cosine at least .55) of which one negates the other, uses the opposite word, or gives
    another value for what has one value at a time (home, age, favourite). Never more than candidates."""
    rows, columns = np.nonzero(near[1] >= SUBJECT)
    others, cosines = near[0][rows, columns], near[1][rows, columns]
    # Each pair once, at the first of its cosines.
    pairs = np.stack([np.minimum(rows, others), np.maximum(rows, others)], axis=1)
    first = np.sort(np.unique(pairs @ np.array([len(memories), 1]), return_index=True)[1])
    left = ~np.isin(pairs[first], list(skip)).any(axis=1)
    pairs, cosines = pairs[first[left]], cosines[first[left]]
    claims: dict[int, _Claim] = {}
    for done, k in enumerate(np.unique(pairs).tolist()):
        if done % _EVERY == 0:
            budget.check()
        claims[k] = _Claim(memories[k].text)
    found: dict[tuple[int, int], tuple[float, str]] = {}
    for done, ((i, j), cosine) in enumerate(zip(pairs.tolist(), cosines.tolist(), strict=True)):
        if done % _EVERY == 0:
            budget.check()
        a, b = claims[i], claims[j]
        # Most pairs have no sign of a contradiction, and none of what follows is cheap.
        sign = a.negated != b.negated or (a.age and b.age) or (a.key and a.key == b.key)
        if (sign or not a.against.isdisjoint(b.content)) and (reason := _opposed(a, b)):
            found[i, j] = (cosine, reason)
    ranked = sorted(found.items(), key=lambda p: (-round(p[1][0], 5), p[0]))[:_MOST]
    return [
        DuplicateGroup(
            memory_ids=[memories[i].id for i in pair],
            similarity=round(min(1.0, cosine), 4),
            kind="contradiction",
            keep=None,
            reason=f"candidate: {reason}",
        )
        for pair, (cosine, reason) in ranked
    ]


class _Claim:
    """The parts of a text that a contradiction is read from."""

    __slots__ = ("against", "age", "content", "key", "negated", "value")

    def __init__(self, text: str) -> None:
        tokens = words(text[:_READ])[:60]
        self.negated = sum(t in NEGATIONS for t in tokens) % 2
        self.content = frozenset(_stem(t) for t in tokens if t not in STOPWORDS and t not in NEGATIONS)
        #: Opposites of its words.
        self.against = frozenset(o for t in self.content if t in _OPPOSITES for o in _OPPOSITES[t])
        joined = " ".join(tokens)
        match = _SINGLE.search(joined)
        weak = match is None or match["key"] in ("has", "have", "from")
        self.key = "" if weak or match is None else re.sub(r"favour", "favor", match["key"])
        self.value = frozenset() if weak or match is None else frozenset(match["value"].split()) - STOPWORDS
        found = _AGE.search(joined) if "years old" in joined else None
        self.age = found["age"] if found else ""


def _opposed(a: _Claim, b: _Claim) -> str | None:
    both = a.content & b.content
    union = len(a.content) + len(b.content) - len(both)
    if not union:
        return None
    if a.age and b.age and a.age != b.age and _before(a) == _before(b):
        return f"two ages, {a.age} and {b.age}"
    if a.negated == b.negated and both and not a.against.isdisjoint(b.content):
        only_a, only_b = a.content - b.content, b.content - a.content
        for word in sorted(only_a):
            if other := sorted(_OPPOSITES.get(word, frozenset()) & only_b):
                rest = len((only_a | only_b) - {word, other[0]})
                if rest <= len(both):
                    return f"“{word}” against “{other[0]}”"
    if a.negated != b.negated and len(both) >= 0.5 * union:
        return "one says not"
    if a.key and a.key == b.key and a.negated == b.negated and a.value and b.value and not a.value & b.value:
        return f"two values for “{a.key}”"
    return None


def _before(claim: _Claim) -> frozenset[str]:
    return claim.content - {claim.age}


def _stem(word: str) -> str:
    if len(word) > 4 and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word

"""Pairs of memories that may contradict each other: candidates for a person or a language model to judge."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

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
_BLOCK = 16_384
_READ = 2000
"""Characters of a text that are read."""

_EMPTY = STOPWORDS | NEGATIONS
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
_SINGLE_WORDS = ("favo", "name", "live", "born", "birthday", "years old", "work", "moved to", "job is")
"""One of them is in every text that names such an attribute."""
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
    signed = _Signs([m.text for m in memories], np.unique(pairs), budget).told(pairs, budget)
    pairs, cosines = pairs[signed], cosines[signed]
    claims: dict[int, _Claim] = {}
    found: dict[tuple[int, int], tuple[float, str]] = {}
    for done, ((i, j), cosine) in enumerate(zip(pairs.tolist(), cosines.tolist(), strict=True)):
        if done % _EVERY == 0:
            budget.check()
        for k in (i, j):
            if k not in claims:
                claims[k] = _Claim(memories[k].text)
        if reason := _opposed(claims[i], claims[j]):
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
        self.content = frozenset([_stem(t) for t in tokens if t not in _EMPTY])
        #: Opposites of its words.
        self.against: frozenset[str] = frozenset()
        if not _OPPOSITES.keys().isdisjoint(self.content):
            self.against = frozenset(o for t in self.content if t in _OPPOSITES for o in _OPPOSITES[t])
        joined = " ".join(tokens)
        match = _SINGLE.search(joined) if any(word in joined for word in _SINGLE_WORDS) else None
        weak = match is None or match["key"] in ("has", "have", "from")
        self.key = "" if weak or match is None else re.sub(r"favour", "favor", match["key"])
        self.value = frozenset() if weak or match is None else frozenset(match["value"].split()) - STOPWORDS
        found = _AGE.search(joined) if "years old" in joined else None
        self.age = found["age"] if found else ""


class _Signs:
    """What of many claims tells in which pairs a contradiction can be: most have no sign of one."""

    def __init__(self, texts: Sequence[str], which: NDArray[np.int64], budget: TimeBudget) -> None:
        """``which``: the texts that are in a pair."""
        n = len(texts)
        self._negated = np.zeros(n, dtype=np.bool_)
        self._aged = np.zeros(n, dtype=np.bool_)
        #: (n,) number of what the claim gives a value for, 0 for nothing.
        self._key = np.zeros(n, dtype=np.int32)
        keys: dict[str, int] = {"": 0}
        words_of: dict[str, int] = {}
        opposed: list[tuple[int, int]] = []
        count = np.zeros(n + 1, dtype=np.int64)
        parts: list[NDArray[np.int32]] = [np.zeros(0, dtype=np.int32)]
        for start in range(0, len(which), _EVERY):
            budget.check()
            numbers: list[int] = []
            for i in which[start : start + _EVERY].tolist():
                claim = _Claim(texts[i])
                self._negated[i] = claim.negated
                self._aged[i] = bool(claim.age)
                self._key[i] = keys.setdefault(claim.key, len(keys))
                count[i + 1] = len(claim.content)
                numbers += [words_of.setdefault(word, len(words_of)) for word in claim.content]
                opposed += [(i, words_of.setdefault(word, len(words_of))) for word in claim.against]
            parts.append(np.array(numbers, dtype=np.int32))
        self._size = count[1:].copy()
        columns = np.concatenate(parts)
        shape = (n, max(1, len(words_of)))
        self._content = sparse.csr_matrix((np.ones(len(columns), dtype=np.int8), columns, np.cumsum(count)), shape)
        rows, others = np.array(opposed, dtype=np.int64).reshape(-1, 2).T
        self._against = sparse.csr_matrix((np.ones(len(rows), dtype=np.int8), (rows, others)), shape)

    def told(self, pairs: NDArray[np.int64], budget: TimeBudget) -> NDArray[np.bool_]:
        """(m,) the pairs in which there may be a contradiction."""
        one, two = pairs[:, 0], pairs[:, 1]
        out: NDArray[np.bool_] = (self._aged[one] & self._aged[two]) | (
            (self._key[one] == self._key[two]) & (self._key[one] > 0)
        )
        # "One says not" needs half of all words in common.
        least, most = (f(self._size[one], self._size[two]) for f in (np.minimum, np.maximum))
        turned = np.flatnonzero((self._negated[one] != self._negated[two]) & ~out & (3 * least >= least + most))
        both = _overlap(self._content, self._content, one[turned], two[turned], budget)
        out[turned] = 3 * both >= self._size[one[turned]] + self._size[two[turned]]
        opposite = np.diff(self._against.indptr) > 0
        for a, b in ((one, two), (two, one)):
            at = np.flatnonzero(opposite[a] & ~out)
            out[at] = _overlap(self._against, self._content, a[at], b[at], budget) > 0
        return out


def _overlap(
    some: sparse.csr_matrix,
    others: sparse.csr_matrix,
    one: NDArray[np.int64],
    two: NDArray[np.int64],
    budget: TimeBudget,
) -> NDArray[np.int64]:
    """(m,) columns that row ``one`` of ``some`` and row ``two`` of ``others`` have in common, pair by pair."""
    out = np.zeros(len(one), dtype=np.int64)
    for start in range(0, len(one), _BLOCK):
        budget.check()
        part = slice(start, start + _BLOCK)
        out[part] = np.asarray(some[one[part]].multiply(others[two[part]]).sum(axis=1)).ravel()
    return out


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

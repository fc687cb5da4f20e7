"""Names and key phrases that memories have in common: the second kind of edge."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from reverie.analysis.budget import TimeBudget
from reverie.analysis.text_words import TextWords, first_places

__all__ = ["SharedNames", "find_shared"]

_CLIQUE = 8
"""Up to this many memories with a name are all joined; beyond, each is joined to the next ones in the list."""
_REACH = 3
_MOST_SHARE = 0.2
"""A name in more than a fifth of all memories (the user's own, say) joins nothing."""


Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SharedNames:
    """Who shares what."""

    #: Names and phrases as they were first written, and in small letters.
    written: list[str]
    keys: list[str]
    #: The memories of each, one after the other, and where each begins.
    members: Index
    at: Index
    #: (n, n) symmetric, 0 to 1: rarer names weigh more.
    weights: sparse.csr_matrix
    #: The names of each memory that join it to others, and where each memory's begin.
    _names: NDArray[np.int32]
    _names_at: Index
    _known: dict[int, frozenset[int]] = field(default_factory=dict)

    def common(self, one: int, two: int) -> list[str]:
        """The names and phrases that two memories share."""
        both = self._of(one) & self._of(two)
        return sorted([self.written[name] for name in both]) if both else []

    def _of(self, memory: int) -> frozenset[int]:
        found = self._known.get(memory)
        if found is None:
            start, end = self._names_at[memory : memory + 2].tolist()
            found = self._known[memory] = frozenset(self._names[start:end].tolist())
        return found

    def places(self, most: int) -> dict[str, list[int]]:
        """Name or phrase to the indices of its memories, most memories first; the first ``most`` of them."""
        size = np.diff(self.at)
        # More than are wanted only where several have the same number of memories.
        least = -np.partition(-size, most - 1)[most - 1] if len(size) > most else 0
        ordered = sorted(np.flatnonzero(size >= least).tolist(), key=lambda name: (-size[name], self.keys[name]))
        return {self.written[name]: self.members[self.at[name] : self.at[name + 1]].tolist() for name in ordered[:most]}


def find_shared(entities: Sequence[Sequence[str]], tokens: TextWords, *, budget: TimeBudget) -> SharedNames:
    """Join memories that share a name (from ``entities``) or a phrase of two content words (from ``tokens``)."""
    n = len(tokens)
    places: dict[str, list[int]] = defaultdict(list)
    written: dict[str, str] = {}
    for number, found in enumerate(entities):
        for name in found:
            key = name.casefold()
            written.setdefault(key, name)
            if not places[key] or places[key][-1] != number:
                places[key].append(number)
    budget.check()
    most = max(3, _MOST_SHARE * n)
    phrases, rows, at = _phrases(tokens, most)
    budget.check()
    # A phrase that is also a name is one thing with it.
    known = [number for number, phrase in enumerate(phrases) if phrase in places]
    for number in known:
        mine = places[phrases[number]]
        said = rows[at[number] : at[number + 1]].tolist()
        mine += said[1:] if mine[-1] == said[0] else said
    new = np.ones(len(phrases), dtype=np.bool_)
    new[known] = False
    keys = [*places, *(phrase for phrase, is_new in zip(phrases, new.tolist(), strict=True) if is_new)]
    sizes = np.concatenate([np.array([len(mine) for mine in places.values()], dtype=np.int64), np.diff(at)[new]])
    named = np.fromiter((i for mine in places.values() for i in mine), dtype=np.int64)
    members = np.concatenate([named, rows[np.repeat(new, np.diff(at))]])
    at = np.append(0, np.cumsum(sizes))
    joins = (sizes >= 2) & (sizes <= most)
    budget.check()
    weights = _weights(members[np.repeat(joins, sizes)], sizes[joins], n)
    joined = np.repeat(joins, sizes)
    order = np.argsort(members[joined], kind="stable")
    names = np.repeat(np.arange(len(keys), dtype=np.int32), sizes)[joined][order]
    names_at = np.append(0, np.cumsum(np.bincount(members[joined], minlength=n)))
    return SharedNames([written.get(key, key) for key in keys], keys, members, at, weights, names, names_at)


def _phrases(tokens: TextWords, most: float) -> tuple[list[str], Index, Index]:
    """Phrases that three memories use, their memories one after the other, and where each phrase's begin."""
    rows, numbers, count = tokens.rows, tokens.numbers, len(tokens.words)
    usual = np.bincount(tokens.once()[1], minlength=count) > most
    one, two = numbers[:-1], numbers[1:]
    kept = (rows[:-1] == rows[1:]) & (one != two) & ~usual[one] & ~usual[two]
    rows = rows[:-1][kept]
    codes, pair = np.unique(one[kept].astype(np.int64) * count + two[kept], return_inverse=True)
    first = first_places(rows, pair, len(codes))
    rows, pair = rows[first], pair[first]
    # A bare pair of neighbours in the text is a phrase once three memories use it.
    common = (np.bincount(pair, minlength=len(codes)) >= 3)[pair]
    rows, pair = rows[common], pair[common]
    # In the order in which they come up.
    found, where, number, size = np.unique(pair, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(where)
    place = np.empty(len(found), dtype=np.int64)
    place[order] = np.arange(len(found))
    words, (first, second) = tokens.words, divmod(codes[found[order]], max(1, count))
    phrases = [f"{words[a]} {words[b]}" for a, b in zip(first.tolist(), second.tolist(), strict=True)]
    return phrases, rows[np.argsort(place[number], kind="stable")], np.append(0, np.cumsum(size[order]))


def _weights(members: Index, sizes: Index, n: int) -> sparse.csr_matrix:
    """(n, n) how much two memories share, from the memories of each name one after the other."""
    weight = 1 - np.log(sizes) / np.log(n + 1)
    size, place = np.repeat(sizes, sizes), np.arange(len(members)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    ties = np.minimum(size - 1 - place, np.where(size <= _CLIQUE, size, _REACH))
    start = np.repeat(np.arange(len(members)), ties)
    step = np.arange(len(start)) - np.repeat(np.cumsum(ties) - ties, ties) + 1
    where = members[start].astype(np.int32), members[start + step].astype(np.int32)
    upper = sparse.csr_matrix((np.repeat(weight, sizes)[start], where), shape=(n, n), dtype=np.float64)
    upper.data = 1 - np.exp(-upper.data)
    return (upper + upper.T).tocsr()

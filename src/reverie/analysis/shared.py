"""Names and key phrases that memories have in common: the second kind of edge."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import sparse

from reverie.analysis.budget import TimeBudget

__all__ = ["SharedNames", "find_shared"]

_CLIQUE = 8
"""Up to this many memories with a name are all joined; beyond, each is joined to the next ones in the list."""
_REACH = 3
_MOST_SHARE = 0.2
"""A name in more than a fifth of all memories (the user's own, say) joins nothing."""


@dataclass(frozen=True, slots=True)
class SharedNames:
    """Who shares what."""

    #: The names and phrases of each memory that at least one other has.
    names: list[frozenset[str]]
    #: (n, n) symmetric, 0 to 1: rarer names weigh more.
    weights: sparse.csr_matrix
    #: Name or phrase to the indices of its memories, most memories first.
    places: dict[str, list[int]]


def find_shared(entities: Sequence[Sequence[str]], tokens: Sequence[list[str]], *, budget: TimeBudget) -> SharedNames:
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
    # A bare pair of neighbours in the text is a phrase once three memories use it.
    pairs = Counter(p for text in tokens for p in dict.fromkeys(pairwise(text)))
    df = Counter(word for text in tokens for word in dict.fromkeys(text))
    usual = {word for word, count in df.items() if count > max(3, _MOST_SHARE * n)}
    common = {p: " ".join(p) for p, c in pairs.items() if c >= 3 and p[0] != p[1] and usual.isdisjoint(p)}
    budget.check()
    for number, text in enumerate(tokens):
        for pair in dict.fromkeys(pairwise(text)):
            key = common.get(pair, "")
            if key:
                written.setdefault(key, key)
                if not places[key] or places[key][-1] != number:
                    places[key].append(number)
    budget.check()
    mine: list[set[str]] = [set() for _ in range(n)]
    rows: list[int] = []
    columns: list[int] = []
    data: list[float] = []
    for key, members in places.items():
        if len(members) < 2:
            continue
        if len(members) > max(3, _MOST_SHARE * n):
            continue
        for number in members:
            mine[number].add(written[key])
        weight = float(1 - np.log(len(members)) / np.log(n + 1))
        reach = len(members) if len(members) <= _CLIQUE else _REACH
        for at, i in enumerate(members):
            for j in members[at + 1 : at + 1 + reach]:
                rows.append(i)
                columns.append(j)
                data.append(weight)
    upper = sparse.csr_matrix((data, (rows, columns)), shape=(n, n), dtype=np.float64)
    upper.data = 1 - np.exp(-upper.data)
    weights = (upper + upper.T).tocsr()
    ordered = sorted(places, key=lambda key: (-len(places[key]), key))
    return SharedNames([frozenset(m) for m in mine], weights, {written[key]: places[key] for key in ordered})

"""The phrases that could name a group, and how well each sets it apart."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reverie.clustering.words import Phrasebook, word_count
from reverie.embedding.base import OnProgress, Vectors

__all__ = ["Scored", "scored"]

_CANDIDATES = 40
_GROUPS = 256
"""Groups whose phrases are weighed at once."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Candidates of one group."""

    #: ``(score, key)``, best first.
    ranked: Sequence[tuple[float, str]]
    #: In how many members each is used.
    used: dict[str, int] = field(default_factory=dict)

    def often(self, key: str, size: int) -> bool:
        """Whether enough members use it to speak for all: two at least, and a tenth of a larger group."""
        return self.used.get(key, 0) >= (1 if size < 2 else max(2, round(0.1 * size)))


def scored(
    x: Vectors,
    groups: Sequence[NDArray[np.int64]],
    centres: NDArray[np.float32],
    book: Phrasebook,
    on_progress: OnProgress,
) -> Iterator[Scored]:
    """The best candidates of each group with their scores, best first."""
    number_of: dict[str, int] = {}
    phrase: list[int] = []
    many: list[int] = []
    for number, members in enumerate(groups):
        on_progress("labelling", number, len(groups))
        bare = not any(book[i] for i in members.tolist())
        for i in members.tolist():
            own = book.plain(i) if bare else book[i]
            phrase += [number_of.setdefault(key, len(number_of)) for key in own]
            many.append(len(own))
    keys = list(number_of)
    sizes = np.array([len(members) for members in groups], dtype=np.int64)
    closeness = np.concatenate([x[m] @ c for m, c in zip(groups, centres, strict=True)]) if len(groups) else x[:0, 0]
    # One entry for each phrase of each group: the texts that use it, and how near these are to the centre.
    pair, where, count = np.unique(
        np.repeat(np.repeat(np.arange(len(groups)), sizes), many) * len(keys) + np.array(phrase, dtype=np.int64),
        return_inverse=True,
        return_counts=True,
    )
    near = np.bincount(where, np.repeat(closeness, many), len(pair)) / count
    group, key = np.divmod(pair, max(1, len(keys)))
    everywhere = np.bincount(phrase, minlength=len(keys))
    # Two words name a thing better than one, if they are used together nearly as often.
    longer = np.array([(1.0, 1.35, 1.4)[min(word_count(k), 3) - 1] for k in keys])
    # Of phrases used equally the longest is whole, the others its parts.
    rank = np.empty(len(keys), dtype=np.int64)
    short = [-len(k) for k in keys]
    rank[sorted(sorted(range(len(keys)), key=keys.__getitem__), key=short.__getitem__)] = np.arange(len(keys))
    ends = np.searchsorted(group, np.arange(len(groups) + 1))
    usual = sizes.mean() if len(sizes) else 0.0
    for first in range(0, len(groups), _GROUPS):
        last = min(first + _GROUPS, len(groups))
        part = slice(ends[first], ends[last])
        phrases = _Phrases(group[part] - first, key[part], count[part], near[part])
        weight = _weights(phrases, sizes[first:last], usual, everywhere, longer)
        for ranked, used in _best(phrases, weight, rank, last - first):
            yield Scored([(score, keys[k]) for score, k in ranked], {keys[k]: many for k, many in used})


class _Phrases(NamedTuple):
    """Phrases of some groups, one entry for each phrase of each group; all (n,)."""

    group: NDArray[np.int64]
    key: NDArray[np.int64]
    #: Members that use it, and how near these are to the centre, on average.
    users: NDArray[np.int64]
    near: NDArray[np.float64]


def _weights(
    phrases: _Phrases,
    sizes: NDArray[np.int64],
    usual: float,
    everywhere: NDArray[np.int64],
    longer: NDArray[np.float64],
) -> NDArray[np.float64]:
    """How well each phrase sets its group apart; 0 for what too few members use where others are used by more."""
    group, key, count, _ = phrases
    fewest = np.where((sizes >= 4) & (np.bincount(group, minlength=len(sizes)) > 3), 2, 1)
    often = count >= fewest[group]
    # The root: themes of one subject share its word, and must not all be denied it.
    rare = np.sqrt(np.log(1.0 + usual / everywhere[key]))
    weight = count / sizes[group] * rare * longer[key]
    some = np.bincount(group[often], minlength=len(sizes)) > 0
    return np.where(some[group], np.where(often, weight, 0.0), count)


def _best(
    phrases: _Phrases, weight: NDArray[np.float64], rank: NDArray[np.int64], groups: int
) -> Iterator[tuple[list[tuple[float, int]], list[tuple[int, int]]]]:
    """Of each group ``(score, key)`` and ``(key, count)`` of its best candidates, each best first."""
    rows = np.flatnonzero(weight > 0.0)
    group, key, weight = phrases.group[rows], phrases.key[rows], weight[rows]
    rank = rank[key]
    order = np.lexsort((rank, -np.round(weight, 9), group))
    starts = np.searchsorted(group, np.arange(groups + 1))  # the same in order
    order = order[np.arange(len(order)) - starts[group[order]] < _CANDIDATES]
    rows, group, key, rank = rows[order], group[order], key[order], rank[order]
    score = np.round(weight[order] * np.maximum(phrases.near[rows], 0.05), 9)
    again = np.lexsort((rank, -score, group))
    ranked = list(zip(score[again].tolist(), key[again].tolist(), strict=True))
    used = list(zip(key.tolist(), phrases.users[rows].tolist(), strict=True))
    bounds = np.searchsorted(group, np.arange(groups + 1)).tolist()
    for start, end in itertools.pairwise(bounds):
        yield ranked[start:end], used[start:end]

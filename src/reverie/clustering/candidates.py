"""The phrases that could name a group, and how well each sets it apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from reverie.clustering.words import Phrasebook, word_count
from reverie.embedding.base import OnProgress, Vectors

__all__ = ["Scored", "scored"]

_CANDIDATES = 40


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
    for number, size in enumerate(sizes.tolist()):
        here = np.arange(ends[number], ends[number + 1])
        often = here[count[here] >= (2 if size >= 4 and len(here) > 3 else 1)]
        if len(often):
            here = often
            # The root: themes of one subject share its word, and must not all be denied it.
            rare = np.sqrt(np.log(1.0 + sizes.mean() / everywhere[key[here]]))
            weight = count[here] / size * rare * longer[key[here]]
        else:
            weight = count[here].astype(np.float64)
        best = np.lexsort((rank[key[here]], -np.round(weight, 9)))[:_CANDIDATES]
        score = np.round(weight[best] * np.maximum(near[here[best]], 0.05), 9)
        order = np.lexsort((rank[key[here[best]]], -score))
        ranked = [(float(score[o]), keys[key[here[best[o]]]]) for o in order]
        yield Scored(ranked, {keys[key[here[b]]]: int(count[here[b]]) for b in best.tolist()})

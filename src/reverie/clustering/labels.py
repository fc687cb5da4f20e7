"""Labels people understand: phrases that set a theme apart, close to its centre, unlike each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reverie.clustering.words import Phrasebook, word_count
from reverie.embedding.base import OnProgress, Vectors, silent

__all__ = ["Label", "label_groups"]

_CANDIDATES = 40
_KEYWORDS = 6


@dataclass(frozen=True, slots=True)
class Label:
    """A theme's name and its keywords, best first."""

    text: str
    keywords: list[str]


def label_groups(
    texts: Sequence[str],
    x: Vectors,
    groups: Sequence[NDArray[np.int64]],
    centres: NDArray[np.float32],
    book: Phrasebook,
    on_progress: OnProgress = silent,
) -> list[Label]:
    """One label a group; no two are alike.

    Candidates are scored by class-based TF-IDF (Grootendorst 2022), with document instead of term counts, times the
    closeness of the texts that use them to the group's centre (KeyBERT's idea without embedding the phrases), and
    chosen by maximal marginal relevance (Carbonell and Goldstein 1998).
    """
    chosen = [_diverse(scored) for scored in _scored(x, groups, centres, book, on_progress)]
    labels = _name(chosen, _surfaces(chosen, groups, book), texts, groups)
    on_progress("labelling", len(groups), len(groups))
    return labels


def _scored(
    x: Vectors,
    groups: Sequence[NDArray[np.int64]],
    centres: NDArray[np.float32],
    book: Phrasebook,
    on_progress: OnProgress,
) -> Iterator[list[tuple[float, str]]]:
    """The best candidates of each group with their scores, best first."""
    number_of: dict[str, int] = {}
    phrase: list[int] = []
    many: list[int] = []
    for number, members in enumerate(groups):
        on_progress("labelling", number, len(groups))
        for i in members.tolist():
            own = book[i]
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
    rank[sorted(range(len(keys)), key=lambda k: (-len(keys[k]), keys[k]))] = np.arange(len(keys))
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
        yield [(float(score[o]), keys[key[here[best[o]]]]) for o in order]


def _surfaces(
    chosen: Sequence[Sequence[str]], groups: Sequence[NDArray[np.int64]], book: Phrasebook
) -> dict[str, Counter[str]]:
    """How often each spelling of the chosen phrases is used in the groups."""
    surfaces: dict[str, Counter[str]] = {key: Counter() for keys in chosen for key in keys}
    for members in groups:
        for i in members.tolist():
            for key, surface in book[i].items():
                if key in surfaces:
                    surfaces[key][surface] += 1
    return surfaces


def _diverse(scored: list[tuple[float, str]]) -> list[str]:
    """Up to six phrases: each the best by score, less what it shares with those before it."""
    chosen: list[str] = []
    stems = {key: _stems(key) for _, key in scored}
    # What each shares with the chosen ones, kept up to date: the largest part of common words (or characters,
    # without spaces); word stems count.
    shared = dict.fromkeys(stems, 0.0)
    rest = list(scored)
    while rest and len(chosen) < _KEYWORDS:
        top = max(rest[0][0], 1e-12)
        best, worth = rest[0], -1.0
        for pair in rest:
            if 0.7 * pair[0] / top <= worth:
                break  # the rest score less than this even if they share nothing
            value = 0.7 * pair[0] / top - 0.6 * shared[pair[1]]
            if value > worth:
                best, worth = pair, value
        rest.remove(best)
        if chosen and shared[best[1]] >= 0.99:
            continue
        chosen.append(best[1])
        its = stems[best[1]]
        for _, key in rest:
            mine = stems[key]
            shared[key] = max(shared[key], len(mine & its) / max(1, min(len(mine), len(its))))
    return chosen


def _stems(phrase: str) -> set[str]:
    if phrase.isascii() or " " in phrase or (phrase[0].isalpha() and ord(phrase[0]) < 0x2E80):
        return {word[: max(4, len(word) - 3)] for word in phrase.split()}
    return {phrase[i : i + 2] for i in range(max(1, len(phrase) - 1))}


def _name(
    chosen: list[list[str]],
    surfaces: dict[str, Counter[str]],
    texts: Sequence[str],
    groups: Sequence[NDArray[np.int64]],
) -> list[Label]:
    taken: set[str] = set()
    labels = []
    for number, keys in enumerate(chosen):
        written = [_as_written(surfaces[key]) for key in keys]
        if not written:  # nothing but punctuation or stop words: the shortest text speaks for itself
            written = [min((texts[i].strip()[:40] for i in groups[number]), key=lambda t: (len(t), t))]
        options = [written[0]] if " " in written[0] or len(written) == 1 else []
        options += [f"{written[0]} · {other}" for other in written[1:]]
        options += [*written, " · ".join(written[:3])]
        text = next((o for o in options if o.casefold() not in taken), "")
        serial = 2
        while not text or text.casefold() in taken:
            text = f"{options[0]} ({serial})"
            serial += 1
        taken.add(text.casefold())
        labels.append(Label(text, written))
    return labels


def _as_written(forms: Counter[str]) -> str:
    """The commonest spelling; a capital that only starts sentences gives way to the small letter."""
    best = max(forms.items(), key=lambda item: (item[1], item[0].islower(), item[0]))[0]
    small = best[:1].lower() + best[1:]
    if best != small and forms[small] * 2 >= forms[best]:
        return small
    return best

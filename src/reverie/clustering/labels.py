"""Labels people understand: phrases that set a theme apart, close to its centre, unlike each other."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
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
    counts: list[Counter[str]] = []
    surfaces: dict[str, Counter[str]] = defaultdict(Counter)
    users: list[dict[str, list[int]]] = []
    everywhere: Counter[str] = Counter()
    for number, members in enumerate(groups):
        on_progress("labelling", number, len(groups))
        here: Counter[str] = Counter()
        by: dict[str, list[int]] = defaultdict(list)
        for i in members:
            for key, surface in book[int(i)].items():
                here[key] += 1
                by[key].append(int(i))
                surfaces[key][surface] += 1
        counts.append(here)
        users.append(by)
        everywhere.update(here)
    mean_size = sum(len(g) for g in groups) / max(1, len(groups))
    chosen: list[list[str]] = []
    for number, members in enumerate(groups):
        scored = _score(counts[number], users[number], everywhere, mean_size, len(members), x, centres[number])
        chosen.append(_diverse(scored))
    labels = _name(chosen, surfaces, texts, groups)
    on_progress("labelling", len(groups), len(groups))
    return labels


def _score(
    here: Counter[str],
    by: dict[str, list[int]],
    everywhere: Counter[str],
    mean_size: float,
    size: int,
    x: Vectors,
    centre: NDArray[np.float32],
) -> list[tuple[float, str]]:
    least = 2 if size >= 4 else 1
    rough = []
    for key, n in here.items():
        if n < least and len(here) > 3:
            continue
        weight = n / size * math.log(1.0 + mean_size / everywhere[key])
        length = word_count(key)
        # Two words name a thing better than one, if they are used together nearly as often.
        rough.append((weight * (1.0, 1.35, 1.4)[min(length, 3) - 1], key))
    if not rough:
        rough = [(float(n), key) for key, n in here.items()]
    # Of phrases used equally the longest is whole, the others its parts.
    rough.sort(key=lambda pair: (-pair[0], -len(pair[1]), pair[1]))
    out = []
    for weight, key in rough[:_CANDIDATES]:
        closeness = float(np.mean(x[by[key]] @ centre))
        out.append((weight * max(closeness, 0.05), key))
    out.sort(key=lambda pair: (-round(pair[0], 9), -len(pair[1]), pair[1]))
    return out


def _diverse(scored: list[tuple[float, str]]) -> list[str]:
    """Up to six phrases: each the best by score, less what it shares with those before it."""
    chosen: list[str] = []
    stems = {key: _stems(key) for _, key in scored}
    # What each shares with the chosen ones, kept up to date: the largest part of common words (or characters,
    # without spaces); word stems count.
    shared = dict.fromkeys(stems, 0.0)
    rest = list(scored)
    while rest and len(chosen) < _KEYWORDS:
        top = max(max(score for score, _ in rest), 1e-12)
        best = max(rest, key=lambda p: (0.7 * p[0] / top - 0.6 * shared[p[1]], p[1] == "", p[0]))
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

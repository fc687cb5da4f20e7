"""Names of themes: a broad topic where it is sure, and the phrase that sets the theme apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from reverie._graphemes import beginning
from reverie.clustering.candidates import Scored, scored
from reverie.clustering.graphemes import syllabic
from reverie.clustering.tongues import NAMES, language_name, language_of
from reverie.clustering.topics import Fit, Topics, stem, stems_of
from reverie.clustering.words import Phrasebook
from reverie.embedding.base import OnProgress, Vectors, silent
from reverie.embedding.calibration import REFERENCE, Scale

__all__ = ["Label", "Naming", "label_groups"]

_KEYWORDS = 6
_JOIN = " · "
_KEPT_TOPIC = 0.05
"""How far behind the best the topic of the earlier name may be and still stay."""
_KEPT_PHRASE = 0.6
"""Part of the best phrase's score that the phrase of the earlier name must reach to stay."""
_SPOKEN, _SPOKEN_KEPT = 0.25, 0.35
"""Share of members from which a phrase speaks for a group better than its members' language does; the second for a
group that was named by its language."""
_USUAL, _ASKED = 0.7, 250
"""Share of texts from which a language is the usual one, and texts of a large set whose language is looked at."""
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Label:
    """A theme's name and its keywords, best first."""

    text: str
    keywords: list[str]


@dataclass(frozen=True, slots=True)
class Naming:
    """What a name can be made of beyond the texts."""

    #: None where the model's topics are not loaded: names are then made of phrases alone.
    topics: Topics | None = None
    #: The name that each group had before, None for a new one. Empty: all are new.
    earlier: Sequence[str | None] = field(default=())
    #: What the cosines of the vectors mean.
    scale: Scale = REFERENCE


def label_groups(
    texts: Sequence[str],
    x: Vectors,
    groups: Sequence[NDArray[np.int64]],
    centres: NDArray[np.float32],
    book: Phrasebook,
    on_progress: OnProgress = silent,
    naming: Naming | None = None,
) -> list[Label]:
    """One label a group; no two are alike.

    The specific part: phrases scored by class-based TF-IDF (Grootendorst 2022), with document instead of term counts,
    times the closeness of the texts that use them to the group's centre (KeyBERT's idea without embedding the
    phrases), and chosen by maximal marginal relevance (Carbonell and Goldstein 1998). Before it stands a topic from
    the list, where one passes the gate of ``Topics``.

    A name stays while its theme stays: the earlier topic is kept unless another is ahead by more than .05, the earlier
    phrase unless it scores below .6 of the best one.
    """
    naming = naming or Naming()
    earlier = list(naming.earlier) or [None] * len(groups)
    found = [Scored(())] * len(groups)
    for number, own in enumerate(scored(x, groups, centres, book, on_progress)):
        found[number] = own
    chosen = [_diverse(own.ranked) for own in found]
    surfaces = _surfaces(chosen, earlier, found, groups, book)
    topics = _topics(naming, texts, x, groups, centres, book, earlier)
    topics = _by_language(topics, found, earlier, texts, groups, book)
    labels = _name(chosen, found, surfaces, topics, earlier, texts, groups, book)
    on_progress("labelling", len(groups), len(groups))
    return labels


# Topics -------------------------------------------------------------------------------------------------------------


def _topics(
    naming: Naming,
    texts: Sequence[str],
    x: Vectors,
    groups: Sequence[NDArray[np.int64]],
    centres: NDArray[np.float32],
    book: Phrasebook,
    earlier: Sequence[str | None],
) -> list[str | None]:
    """A topic for each group that one fits surely; each topic once, to the group that it fits best."""
    topics = naming.topics
    if topics is None or not len(groups) or centres.shape[1] != topics.dimensions:
        return [None] * len(groups)
    stems: list[frozenset[str]] = [frozenset()] * len(texts)
    for members in groups:
        for i in members.tolist():
            stems[i] = stems_of(texts[i][:2000])
    english = [sum(book.languages[i] == "en" for i in members.tolist()) / len(members) for members in groups]
    before = [topics.index(name.split(_JOIN)[0]) if name else None for name in earlier]
    fits = topics.fits(centres, groups, stems, english, before, naming.scale, x)
    chosen: list[str | None] = [None] * len(groups)
    taken: set[int] = set()

    def give(group: int, fit: Fit) -> None:
        chosen[group] = topics.names[fit.topic]
        taken.add(fit.topic)

    for group, own in enumerate(fits):
        kept = next((f for f in own if f.topic == before[group]), None)
        if kept is not None and kept.topic not in taken and kept.score >= own[0].score - _KEPT_TOPIC:
            give(group, kept)
    offers = sorted(((fit, group) for group, own in enumerate(fits) for fit in own), key=lambda o: (-o[0].score, o[1]))
    for fit, group in offers:
        if chosen[group] is None and fit.topic not in taken:
            give(group, fit)
    return chosen


def _by_language(
    topics: Sequence[str | None],
    found: Sequence[Scored],
    earlier: Sequence[str | None],
    texts: Sequence[str],
    groups: Sequence[NDArray[np.int64]],
    book: Phrasebook,
) -> list[str | None]:
    """The topics, and languages in the place of those that are missing where no phrase speaks for the members either.

    A model that does not know some of a person's languages groups their texts by language, and a name made of a word
    that two of them share would be wrong.
    """
    usual, count = book.usual
    plain = usual if count >= _USUAL * len(texts) else None
    everywhere: list[str | None] = []
    out = list(topics)
    for number, members in enumerate(groups):
        kept = (earlier[number] or "").split(_JOIN)[0] in NAMES.values()
        enough = max(3.0, (_SPOKEN_KEPT if kept else _SPOKEN) * len(members))
        # A piece of a text without spaces is used by more than a word is.
        said = any(used >= enough * (1 + syllabic(key)) for key, used in found[number].used.items())
        if out[number] or len(members) < 3 or said:
            continue
        spoken = [language_of(texts[i]) for i in members.tolist()]
        if plain and spoken.count(plain) + spoken.count(None) >= _USUAL * len(spoken):
            continue  # what nearly all texts are in is no name, and need not be counted
        if not everywhere:
            every = [i for own in groups for i in own.tolist()]
            everywhere = [language_of(texts[i]) for i in every[:: max(1, len(every) // _ASKED)]]
        out[number] = language_name(spoken, everywhere)
    return out


# Phrases ------------------------------------------------------------------------------------------------------------


def _surfaces(
    chosen: Sequence[Sequence[str]],
    earlier: Sequence[str | None],
    found: Sequence[Scored],
    groups: Sequence[NDArray[np.int64]],
    book: Phrasebook,
) -> dict[str, Counter[str]]:
    """How often each spelling of the chosen phrases, and of those of earlier names, is used in the groups."""
    surfaces: dict[str, Counter[str]] = {key: Counter() for keys in chosen for key in keys}
    for name, own in zip(earlier, found, strict=True):
        if name:
            surfaces.update({key: Counter() for _, key in own.ranked if key not in surfaces})
    for members in groups:
        for i in members.tolist():
            for read in (book.plain(i),) if not book[i] else (book[i],):
                for key in read.keys() & surfaces.keys():
                    surfaces[key][read[key]] += 1
    return surfaces


def _diverse(ranked: Sequence[tuple[float, str]]) -> list[str]:
    """Up to six phrases: each the best by score, less what it shares with those before it."""
    chosen: list[str] = []
    stems = {key: _stems(key) for _, key in ranked}
    # What each shares with the chosen ones, kept up to date: the largest part of common words (or characters,
    # without spaces); word stems count.
    shared = dict.fromkeys(stems, 0.0)
    rest = list(ranked)
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


_MOTHER = "mum mom mama mamma mommy mummy mutter mutti madre mamá maman mère mãe mamãe moeder мама мать"
_FATHER = "dad papa daddy vater papi padre papá père pai papai vader папа отец"
_PARENTS = dict.fromkeys(_MOTHER.split(), "mother") | dict.fromkeys(_FATHER.split(), "father")
"""Words for the same person: a name of both says one thing twice."""


def _stems(phrase: str) -> set[str]:
    if phrase.isascii() or " " in phrase or (phrase[0].isalpha() and ord(phrase[0]) < 0x2E80 and not _asian(phrase)):
        return {_PARENTS.get(word, word)[: max(4, len(word) - 3)] for word in phrase.split()}
    return {phrase[i : i + 2] for i in range(max(1, len(phrase) - 1))}


def _asian(phrase: str) -> bool:
    return "\u0e00" <= phrase[0] <= "\u0eff" or "\u1000" <= phrase[0] <= "\u109f" or "\u1780" <= phrase[0] <= "\u17ff"


# Names --------------------------------------------------------------------------------------------------------------


def _name(
    chosen: Sequence[Sequence[str]],
    found: Sequence[Scored],
    surfaces: dict[str, Counter[str]],
    topics: Sequence[str | None],
    earlier: Sequence[str | None],
    texts: Sequence[str],
    groups: Sequence[NDArray[np.int64]],
    book: Phrasebook,
) -> list[Label]:
    written: list[list[str]] = []
    choices: list[list[str]] = []
    for number, keys in enumerate(chosen):
        own = [_as_written(surfaces[key]) for key in keys]
        if not own:  # nothing but punctuation or stop words: the shortest text speaks for itself
            own = [min((beginning(texts[i].strip(), 40) for i in groups[number]), key=lambda t: (len(t), t))]
        written.append(own)
        wide = own if topics[number] else _covering(own, keys, groups[number], book)
        often = {s for s, key in zip(own, keys, strict=False) if found[number].often(key, len(groups[number]))}
        choices.append(_choices(topics[number], wide, [s for s in wide if s in often]))
    kept = [
        name if name and _still(name, topics[number], found[number], surfaces) else None
        for number, name in enumerate(earlier)
    ]
    taken: set[str] = set()
    out: list[str] = [""] * len(chosen)
    for number, name in enumerate(kept):
        if name and name.casefold() not in taken:
            out[number] = name
            taken.add(name.casefold())
    for number, options in enumerate(choices):
        if out[number]:
            continue
        text = next((o for o in options if o.casefold() not in taken), "")
        serial = 2
        while not text or text.casefold() in taken:
            text = f"{options[0]} ({serial})"
            serial += 1
        taken.add(text.casefold())
        out[number] = text
    return [Label(text, own) for text, own in zip(out, written, strict=True)]


def _covering(written: Sequence[str], keys: Sequence[str], members: NDArray[np.int64], book: Phrasebook) -> list[str]:
    """The phrases with those first, after the best, that members use who do not use the best: two halves of a group."""
    if len(keys) < 3:
        return list(written)
    best = keys[0]
    left = [read for i in members.tolist() if best not in (read := book[i] or book.plain(i))]
    more = {key: sum(key in read for read in left) / max(1, len(left)) for key in keys}
    order = sorted(range(1, len(keys)), key=lambda at: (-round(more[keys[at]], 1), at))
    return [written[at] for at in (0, *order)]


def _choices(topic: str | None, written: Sequence[str], shown: Sequence[str]) -> list[str]:
    """Possible names, the best first."""
    if topic is None:
        best = list(shown) or list(written)
        # What one member alone says is no more than half a name.
        options = [best[0]] if shown and (" " in best[0] or len(best) == 1) else []
        options += [f"{best[0]}{_JOIN}{other}" for other in best[1:]]
        options += [*best, *(f"{best[0]}{_JOIN}{other}" for other in written if other != best[0])]
        options.append(_JOIN.join(best[:3]))
        return list(dict.fromkeys(map(_opened, options)))
    said = {stem(word) for word in _WORD.findall(topic.lower())}
    specific = [rest for p in shown if (rest := _beyond(p, said))]
    # A phrase that holds the topic's own words and more says both at once: "tenants association".
    both = [p for p in shown[:2] if len(own := set(map(stem, _WORD.findall(p.lower())))) > len(said) and said <= own]
    if topic.split(_JOIN)[0] in NAMES.values():
        # What only a few say must not speak for those who have the language alone in common.
        both, specific = [], []
    options = [*both, *(f"{topic}{_JOIN}{p}" for p in specific), topic, *(f"{topic}{_JOIN}{p}" for p in written)]
    return list(dict.fromkeys(map(_opened, options)))


def _beyond(phrase: str, said: set[str]) -> str:
    """What a phrase adds to the topic's words: the whole, or its end (to a bank account "account balance" adds one)."""
    words = phrase.split(" ")
    known = [at for at, word in enumerate(words) if any(stem(part) in said for part in _WORD.findall(word.lower()))]
    return " ".join(words[known[-1] + 1 :] if known else words)


def _still(name: str, topic: str | None, own: Scored, surfaces: dict[str, Counter[str]]) -> bool:
    """Whether an earlier name is still nearly as good as a new one."""
    parts = name.split(_JOIN)
    if topic is not None:
        if parts[0].casefold() != topic.casefold():
            return False
        parts = parts[1:]
    best = own.ranked[0][0] if own.ranked else 0.0
    score = {s.casefold(): value for value, key in own.ranked for s in surfaces.get(key, ())}
    return bool(own.ranked) and all(score.get(part.casefold(), -1.0) >= _KEPT_PHRASE * best for part in parts[:1])


def _opened(name: str) -> str:
    """With a capital at the start, where the script has them."""
    return name[:1].upper() + name[1:] if len(name[:1].upper()) == 1 else name


def _as_written(forms: Counter[str]) -> str:
    """The commonest spelling; a capital that only starts sentences gives way to the small letter."""
    if not forms:
        return ""
    best = max(forms.items(), key=lambda item: (item[1], item[0].islower(), item[0]))[0]
    small = best[:1].lower() + best[1:]
    if best != small and forms[small] * 2 >= forms[best]:
        return small
    return best

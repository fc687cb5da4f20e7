"""What a text says of feelings and names: one seam, and the local method behind it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from sys import intern
from typing import Protocol

from reverie.analysis.feelings import feelings
from reverie.analysis.known_texts import KnownTexts, read_once
from reverie.analysis.texts import STOPWORDS, detect_languages
from reverie.embedding.base import OnProgress, silent

__all__ = ["Insight", "LocalInsight", "TextInsight"]

_EVERY = 256


@dataclass(frozen=True, slots=True)
class Insight:
    """What was read in one text."""

    #: -1 to 1; None where the method does not know the language.
    sentiment: float | None = None
    #: ISO 639-1, None when nothing tells.
    language: str | None = None
    #: Names, mentions, tags and titles as written, without repeats.
    entities: tuple[str, ...] = ()
    #: Key phrases beyond names; the local method leaves them to ``shared``, which needs all texts at once.
    phrases: tuple[str, ...] = ()


class TextInsight(Protocol):
    """The one seam for sentiment, language, names and key phrases: local by default, or a language service.

    Synchronous, since it runs in workers. A service's adapter lives with the other providers and is handed to
    ``analyze(..., insight=...)``; the engine imports none.
    """

    @property
    def name(self) -> str:
        """Who read, for ``stats["insight"]`` and notes: "local", "azure-language"."""

    def read(self, texts: Sequence[str], *, on_progress: OnProgress = silent) -> list[Insight]:
        """One ``Insight`` for each text, in order.

        ``on_progress`` gets the stage "emotion" between batches and may raise (deadline, cancellation), which must
        pass through. Raises ``ProviderError`` when the service fails for good: the engine then reads locally and
        says so in ``notes``. A text the service cannot read is an ``Insight()``, not an error.
        """


class LocalInsight:
    """VADER for English (Hutto and Gilbert 2014); names by their capitals, mentions, tags and quoted titles."""

    def __init__(self, known: KnownTexts | None = None) -> None:
        """``known``: what was read before."""
        self._known = known

    @property
    def name(self) -> str:
        """ "local"."""
        return "local"

    def read(self, texts: Sequence[str], *, on_progress: OnProgress = silent) -> list[Insight]:
        """One ``Insight`` for each text. Sentiment is None for languages other than English."""
        languages = detect_languages(texts)
        names = _names(texts)
        out: list[Insight] = []
        for number, (text, language, found) in enumerate(zip(texts, languages, names, strict=True)):
            if number % _EVERY == 0:
                on_progress("emotion", number, len(texts))
            feeling = read_once(self._known, "sentiment", text, _sentiment) if language == "en" else None
            out.append(Insight(feeling, language, found))
        on_progress("emotion", len(texts), len(texts))
        return out


_LONGEST = 2000
"""Characters of a text that VADER reads: it compares every word with every other in places."""

_PLAIN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


def _sentiment(text: str) -> float:
    vader = feelings()
    text = text[:_LONGEST]
    # Most memories hold no word of feeling; for those the answer is 0 and the rules need not run.
    if text.isascii():
        lexicon = vader.lexicon.keys()
        if lexicon.isdisjoint(_PLAIN.findall(text.lower())) and lexicon.isdisjoint(text.split()):
            return 0.0
    return vader.score(text)


_MENTION = re.compile(r"(?<![\w@])@[\w.]{2,32}\b|<@!?\d+>")
_TAG = re.compile(r"(?<![\w#&])#[^\W\d_]\w{1,40}")
_QUOTED = re.compile(r"[\"“«「『]([^\"“”«»「」『』\n]{2,60})[\"”»」』]")
_OPENING = ('"', "“", "«", "「", "『")
_TOKEN = re.compile(r"[^\W_]+(?:['’\-][^\W_]+)*|[.!?:;\n]")
_JOINERS = frozenset("of the de la van von der del da di and &".split())  # noqa: SIM905
_CALENDAR = frozenset(
    """monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
    september october november december mon tue wed thu fri sat sun jan feb mar apr jun jul aug sep sept oct nov dec
    i i'm i've i'll i'd ok okay lol""".split()  # noqa: SIM905
)


def _names(texts: Sequence[str]) -> list[tuple[str, ...]]:
    """Names in each text. A capital at the start of a sentence counts only if the word is capital elsewhere too."""
    inside: Counter[str] = Counter()
    lower: Counter[str] = Counter()
    plain: list[str] = []
    parts: list[_Words] = []
    for number, text in enumerate(texts):
        if number % _COUNTED == 0:
            lower.update(plain)
            plain = []
        tokens = _TOKEN.findall(text[:_LONGEST])
        if text.islower():  # no capital, so no name
            plain += [token for token in tokens if token[0].isalnum()]
            parts.append(_NO_WORDS)
            continue
        words: list[str] = []
        starts = 0
        start, capitals = True, False
        for token in tokens:
            if not (token[0].isalnum()):
                start = True
                continue
            if token[0].isupper() and token.casefold().replace("’", "'") not in _CALENDAR:
                capitals = True
                if start:
                    starts |= 1 << len(words)
                else:
                    inside[_bare(token)] += 1
            else:
                plain.append(token)
            words.append(intern(token))
            start = False
        parts.append((words, starts) if capitals else _NO_WORDS)
    lower.update(plain)
    return [_entities(text, *own, inside, lower) for text, own in zip(texts, parts, strict=True)]


_COUNTED = 1024
"""Texts whose words are counted at a time: those of a million are 1 GB."""
_Words = tuple[Sequence[str], int]
"""Words, equal ones one string, and a bit for each capital one that starts a sentence."""
_NO_WORDS: _Words = ((), 0)


def _entities(
    text: str, words: Sequence[str], starts: int, inside: Counter[str], lower: Counter[str]
) -> tuple[str, ...]:
    found: dict[str, None] = {}
    # Few texts have any of these signs; looking for one is much faster than a search.
    if "@" in text or "#" in text:
        for pattern in (_MENTION, _TAG):
            for match in pattern.findall(text):
                found[match] = None
    if any(mark in text for mark in _OPENING):
        for title in _QUOTED.findall(text):
            if len(title.split()) <= 8:
                found[title.strip()] = None
    run: list[str] = []
    # All words capital (a title, shouting) tells nothing about names.
    capitals = sum(word[0].isupper() for word in words)
    if capitals > 3 and capitals >= 0.8 * len(words):
        return tuple(found)
    for at, token in enumerate(words):
        capital = token[0].isupper() and token.casefold().replace("’", "'") not in _CALENDAR
        if capital and starts >> at & 1:
            word = _bare(token)
            _end(run, found)
            run = []
            known = word.casefold() not in STOPWORDS and inside[word] > 0 and inside[word] >= lower[word.lower()]
            if known:
                run = [token]
        elif capital or (run and token in _JOINERS):
            run.append(token)
        else:
            _end(run, found)
            run = []
    _end(run, found)
    return tuple(found)


def _end(run: list[str], found: dict[str, None]) -> None:
    while run and run[-1] in _JOINERS:
        run.pop()
    if not run:
        return
    # "Anna and Tom" are two names, "Lord of the Rings" is one.
    name: list[str] = []
    for word in [*run, "and"]:
        if word in ("and", "&"):
            joined = " ".join([*name[:-1], _bare(name[-1])]) if name else ""
            if len(joined) > 1 and joined.casefold() not in STOPWORDS:
                found[joined] = None
            name = []
        else:
            name.append(word)


def _bare(word: str) -> str:
    return word[:-2] if word.endswith(("'s", "’s")) else word

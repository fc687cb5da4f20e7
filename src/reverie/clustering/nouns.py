"""English noun phrases of one to three words, found by a list of words that are no nouns and by their neighbours."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from itertools import chain
from typing import NamedTuple

__all__ = ["BREAK", "Word", "noun_phrases", "word_of"]

_DETERMINERS = frozenset(
    """a an the my your his her its our their this that these those some any no every each another first second last
    next whose mum's dad's""".split()  # noqa: SIM905
)
# After these a word that could be a noun is a verb: "I walk", "to work", "didn't rate".
_BEFORE_VERBS = frozenset(
    """i we you they he she it who to will would can could should shall must may might don't didn't doesn't won't can't
    couldn't wouldn't shouldn't i'll we'll you'll they'll he'll she'll i'd we'd let's not never always just also
    cannot gonna please""".split()  # noqa: SIM905
)
_BE = frozenset(
    """am is are was were been be being i'm you're we're they're he's she's it's keep kept keeps start started stop
    stopped""".split()  # noqa: SIM905
)
_PARTICLES = frozenset(("up", "out", "off", "down", "back", "away"))
# Nouns that name nothing by themselves.
_LIGHT = frozenset(
    """thing things stuff way ways lot lots bit bits kind sort part parts piece half side end start time times moment
    moments second seconds minute minutes hour hours day days week weeks weekend weekends month months year years
    morning mornings afternoon afternoons evening evenings night nights today tomorrow yesterday noon midnight people
    person man woman guy guys girl boy kids one ones number numbers amount list lists pair couple bunch group set
    place places point case fact idea reason question answer word words name names stop top bottom middle rest front
    back home something anything everything nothing someone everyone anyone nobody everybody somebody monday tuesday
    wednesday thursday friday saturday sunday mondays tuesdays wednesdays thursdays fridays saturdays sundays january
    february march april june july august september october november december euro euros dollar dollars pound pounds
    cent cents percent km kg cm mm ml pm am grams gram metres metre meters meter kilometres miles mile litres link
    links http https www lol haha okay yeah wow omg ok hi hello thanks pace far plan plans mum's dad's use try look
    feeling sense chance luck fun life world deal matter turn round step level version type example problem problems
    issue issues help change changes difference result results three four five six seven eight nine ten eleven twelve
    twenty thirty forty fifty hundred thousand million right yeap yep yup yeah nope ya ahoy sorry hey hiya bye doubt
    favour case sake""".split()  # noqa: SIM905
)
# Nor may these stand before a noun.
_NEVER = frozenset(
    """thing things stuff lot lots bit bits kind sort today tomorrow yesterday something anything everything nothing
    someone everyone one ones three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred
    thousand million http https www lol haha okay yeah wow omg ok hi hello thanks euro euros dollar dollars pound
    pounds cents percent km kg cm mm ml pm am minutes hours days weeks months years time times mum's dad's""".split()  # noqa: SIM905
)


class Word(NamedTuple):
    """What is known of a word by itself, however often it comes again."""

    #: Folded; empty for a break.
    folded: str
    #: Whether it says nothing: a stop word, a number, a break.
    empty: bool
    #: As written.
    surface: str
    #: "n" noun, "a" adjective, "p" participle, "g" gerund, "o" verb, adverb or other; "-" where ``empty``.
    kind: str = "-"
    #: Whether it is written as a name is.
    name: bool = False
    #: The singular.
    key: str = ""
    #: Whether it names nothing by itself, and whether it may not stand before a noun.
    light: bool = False
    never: bool = False


BREAK = Word("", True, "")
"""Punctuation between two stretches of words."""


def word_of(folded: str, empty: bool, surface: str) -> Word:
    """A word with all that is known of it."""
    if empty:
        return Word(folded, empty, surface)
    name = surface[0].isupper() and surface[1:].islower()
    return Word(folded, empty, surface, _kind(folded), name, _singular(folded), folded in _LIGHT, folded in _NEVER)


@lru_cache(maxsize=1)
def _kinds() -> dict[str, str]:
    """ "a" adjective, "p" participle, "o" verb, adverb or other, by word; all others are nouns."""
    kind, found = "", {}
    for line in (files("reverie.clustering") / "english.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            kind = line[1]
        elif not line.startswith("#"):
            found.update(dict.fromkeys(line.split(), kind))
    return found


def _kind(word: str) -> str:
    found = _kinds().get(word)
    if found is None:
        if word.endswith("ly") and len(word) > 4:
            return "o"
        # "Jule's", "3rd", "10-minute" come before nouns
        return "a" if word.endswith("'s") or not word[0].isalpha() else "n"
    return "g" if found == "p" and word.endswith("ing") else found


def noun_phrases(words: Iterable[Word], found: dict[str, str]) -> None:
    """Adds the surface by key of each noun phrase in ``words``, where ``BREAK`` stands for punctuation.

    The last word is a noun; before it stand nouns, adjectives and participles, or a noun and "of". The key of a plural
    is that of its singular. Of several spellings the first stays.
    """
    add = found.setdefault
    # The two words before and their roles: "n" where one stands as a noun, "a" where it can stand before one.
    two = one = BREAK
    twos = ones = "-"
    following = iter(words)
    word = next(following, BREAK)
    for after in chain(following, (BREAK,)):
        role = "-" if word.empty else _role(one, word, after)
        if role == "n" and not word.light:
            key, surface = word.key, word.surface
            add(key, surface)
            if ones != "-" and not one.never:
                add(f"{one.folded} {key}", f"{one.surface} {surface}")
                if twos != "-" and not two.never:
                    add(f"{two.folded} {one.folded} {key}", f"{two.surface} {one.surface} {surface}")
            elif one.folded == "of" and twos == "n" and not two.light:
                add(f"{two.folded} of {key}", f"{two.surface} of {surface}")
        two, twos, one, ones, word = one, ones, word, role, after


def _role(one: Word, word: Word, after: Word) -> str:
    """ "n" where the word stands as a noun, "a" where it can stand before one, "-" otherwise."""
    if word.name and one is not BREAK:
        return "n"  # a name, wherever it stands
    kind, before = word.kind, one.folded
    if kind == "n":
        # "allergic to hazelnuts": no verb after "to" ends in s.
        return "-" if before in _BEFORE_VERBS and not (before == "to" and word.key != word.folded) else "n"
    if kind == "g":
        verb = after.folded in _PARTICLES  # "topping up"
        return "-" if verb or before in _BE or before in _BEFORE_VERBS else "n"
    if kind == "a":
        if before not in _DETERMINERS or after.kind in ("n", "g"):
            return "a"
        return "n" if word.folded[0].isalpha() and "'" not in word.folded else "a"
    if kind == "p":
        return "a"
    # A verb after "the" or "my" is a noun: "a run", "the climb".
    return "n" if before in _DETERMINERS and not word.folded.endswith(("ly", "ed")) else "-"


def _singular(word: str) -> str:
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is", "'s")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes", "sses")):
        return word[:-2]
    return word[:-1]

"""English noun phrases of one to three words, found by a list of words that are no nouns and by their neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.resources import files

__all__ = ["noun_phrases"]

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

Token = tuple[str, bool, str]
"""Folded word, whether it is a stop word, the word as written."""


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


class _Known(dict[str, str]):
    """Of each folded word: "n" noun, "a", "p", "g" gerund, "o". Remembered: most words come again."""

    def __missing__(self, word: str) -> str:
        found = _kinds().get(word)
        if found is None:
            if word.endswith("ly") and len(word) > 4:
                found = "o"
            elif word.endswith("'s") or not word[0].isalpha():
                found = "a"  # "Jule's", "3rd", "10-minute" come before nouns
            else:
                found = "n"
        elif found == "p" and word.endswith("ing"):
            found = "g"
        self[word] = found
        return found


_known = _Known()


def noun_phrases(part: Sequence[Token]) -> Iterator[tuple[str, str]]:
    """``(key, surface)`` of the noun phrases in one stretch of words without punctuation between them.

    The last word is a noun; before it stand nouns, adjectives and participles, or a noun and "of". The key of a plural
    is that of its singular.
    """
    if len(_known) > 50_000:
        _known.clear()
    roles = [_role(part, at) for at in range(len(part))]
    for at, (word, _, surface) in enumerate(part):
        if roles[at] != "n" or word in _LIGHT:
            continue
        key = _singular(word)
        yield key, surface
        if at >= 1 and roles[at - 1] in "nag" and part[at - 1][0] not in _NEVER:
            one = part[at - 1]
            yield f"{one[0]} {key}", f"{one[2]} {surface}"
            if at >= 2 and roles[at - 2] in "nag" and part[at - 2][0] not in _NEVER:
                two = part[at - 2]
                yield f"{two[0]} {one[0]} {key}", f"{two[2]} {one[2]} {surface}"
        elif at >= 2 and part[at - 1][0] == "of" and roles[at - 2] == "n" and part[at - 2][0] not in _LIGHT:
            two = part[at - 2]
            yield f"{two[0]} of {key}", f"{two[2]} of {surface}"


def _role(part: Sequence[Token], at: int) -> str:
    """ "n" where the word stands as a noun, "a" or "g" where it can stand before one, "-" otherwise."""
    word, stop, surface = part[at]
    if stop:
        return "-"
    before = part[at - 1][0] if at else ""
    if at and surface[0].isupper() and surface[1:].islower():
        return "n"  # a name, wherever it stands
    kind = _known[word]
    if kind == "n":
        # "allergic to hazelnuts": no verb after "to" ends in s.
        plural = before == "to" and _singular(word) != word
        return "-" if before in _BEFORE_VERBS and not plural else "n"
    if kind == "g":
        verb = at + 1 < len(part) and part[at + 1][0] in _PARTICLES  # "topping up"
        return "-" if verb or before in _BE or before in _BEFORE_VERBS else "n"
    if kind == "a":
        noun_follows = at + 1 < len(part) and not part[at + 1][1] and _known[part[at + 1][0]] in "ng"
        return "n" if before in _DETERMINERS and not noun_follows and word[0].isalpha() and "'" not in word else "a"
    if kind == "p":
        return "a"
    # A verb after "the" or "my" is a noun: "a run", "the climb".
    return "n" if before in _DETERMINERS and not word.endswith(("ly", "ed")) else "-"


def _singular(word: str) -> str:
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is", "'s")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes", "sses")):
        return word[:-2]
    return word[:-1]

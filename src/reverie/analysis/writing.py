"""How people write one and the same word: short forms, two spellings, numbers in words, signs of laughter."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["ADDED", "CONTRACTED", "SHORT_FORMS", "SMILES", "as_number", "decorates", "spelled"]

_NOT = "do does did is are was were have has had would could should must need".split()  # noqa: SIM905
CONTRACTED: dict[str, tuple[str, ...]] = {
    **{f"{verb}nt": (verb, "not") for verb in _NOT},
    **{f"{who}'s": (who, "is") for who in "he she it that there what who where here how this".split()},  # noqa: SIM905
    **{f"{who}ve": (who, "have") for who in ("i", "you", "we", "they")},
    **{f"{who}re": (who, "are") for who in ("you", "they")},
    **{f"{who}s": (who, "is") for who in ("he", "she", "that", "there", "what")},
    "cant": ("can", "not"),
    "can't": ("can", "not"),
    "cannot": ("can", "not"),
    "wont": ("will", "not"),
    "won't": ("will", "not"),
    "im": ("i", "am"),
    "i'm": ("i", "am"),
    "let's": ("let", "us"),
    "gibt's": ("gibt", "es"),
    "geht's": ("geht", "es"),
    "hab's": ("hab", "es"),
}
"""Short forms, with their apostrophe or without it where that makes no other word ("were", "hell", "its")."""

SHORT_FORMS: dict[str, tuple[str, ...]] = {
    "u": ("you",),
    "thx": ("thanks",),
    "pls": ("please",),
    "plz": ("please",),
    "cuz": ("because",),
    "tmrw": ("tomorrow",),
    "ppl": ("people",),
    "gonna": ("going", "to"),
    "wanna": ("want", "to"),
    "kinda": ("kind", "of"),
    "teh": ("the",),
    "adn": ("and",),
    "yuo": ("you",),
}
"""What chats shorten. Only in small letters."""

SMILES = {":)": ":)", "=)": ":)", ":D": ":D", "=D": ":D", ";)": ";)", ":(": ":(", "=(": ":("}

ADDED = frozenset(
    """lol haha hahaha hahahaha hehe hehehe jaja jajaja xd lmao btw oh well hey also actually please honestly
    yeah""".split()  # noqa: SIM905
)
"""Words that a claim may have or not."""

_NUMBERS = {
    word: str(value)
    for words in (
        "two three four five six seven eight nine ten eleven twelve",
        "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
        "dos tres cuatro cinco seis siete ocho nueve diez",
        "deux trois quatre cinq six sept huit neuf dix",
        "два три четыре пять шесть семь восемь девять десять",
    )
    for value, word in enumerate(words.split(), 2)
}
_OUR = re.compile(r"our(?=(?:s|ed|ing|ite|ites|ful|hood|able|less)?$)")
_TRE = ("centre", "theatre", "metre", "litre")
_ISE = re.compile(r"is(?=(?:e|es|ed|ing|er|ers|ation|ations)$)")


def as_number(word: str) -> str | None:
    """The digits of a number in words, 2 to 12. Not 1, whose word is an article or a pronoun."""
    return _NUMBERS.get(word)


def spelled(word: str) -> str:
    """One spelling for those of Britain and America, and for ё; no two words of one language become one."""
    if word.isascii():
        if len(word) < 5:
            return word
        if len(word) >= 6 and "our" in word[2:]:
            word = _OUR.sub("or", word)
        if len(word) >= 7 and "is" in word[3:]:
            word = _ISE.sub("iz", word)
        return word[:-2] + "er" if word.endswith(_TRE) else word
    if "ё" in word and word != "всё":
        return word.replace("ё", "е")
    return word


_HAPPY = ("GRINNING", "SMILING", "JOY", "PARTY", "BEAMING", "LAUGHING", "HEART", "SPARKLE", "CONFETTI", "CLAPPING")
_NOT_HAPPY = ("BROKEN", "TEAR", "CAT", "SUIT")


def decorates(sign: str) -> bool:
    """Whether a sign behind a sentence leaves its claim as it is: joy, hearts, food, animals, plants, sport, music.

    Faces of other moods, hands, ticks and crosses, flags, arrows, stars and numbers do not.
    """
    if sign in (":)", ":D", ";)", "<3", "^^", "^_^"):
        return True
    code = ord(sign) if len(sign) == 1 else 0
    name = unicodedata.name(sign, "") if code else ""
    if any(word in name for word in _HAPPY):
        return not any(word in name for word in _NOT_HAPPY)
    # Weather and plants, food, celebrations, sport and music, animals; food and animals of later years.
    return (
        0x1F30C <= code <= 0x1F37F
        or 0x1F380 <= code <= 0x1F393
        or 0x1F3A4 <= code <= 0x1F3C6
        or 0x1F400 <= code <= 0x1F43F
        or 0x1F950 <= code <= 0x1F96F
        or 0x1F980 <= code <= 0x1F9AE
    )

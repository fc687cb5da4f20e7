"""What is searched for in memories for a question: the beginnings of its words, by the question's language."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from functools import cache, lru_cache
from typing import Any

from reverie.analysis.texts import STOPWORDS, detect_language, has_spaces, words

__all__ = ["search_terms"]

_LONGEST = 40
"""Characters of a word that are looked for; of a longer one the beginning."""
_SHORTEST = 3
"""Letters that must be left of a word: less is the beginning of everything."""

# Snowball's stemmers (Porter 2001) of languages whose words change at their ends.
_SNOWBALL = {
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "hi": "hindi",
    "hu": "hungarian",
    "id": "indonesian",
    "it": "italian",
    "nl": "dutch",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
    "tr": "turkish",
    "uk": "russian",
}


def search_terms(query: str, names: Collection[str] = ()) -> dict[str, bool]:
    """Distinct terms of ``query`` in order, and of each whether it begins a word; stop words and ``names`` left out.

    Texts are searched for them as they are, so a term is a beginning that all forms of its word share. In scripts
    without spaces terms are pairs of characters.
    """
    language = detect_language(query)
    found: dict[str, bool] = {}
    said = _words(query)
    for number, word in enumerate(said):
        if not has_spaces(word):
            if number + 1 < len(said) and len(word) == 1 and not has_spaces(said[number + 1]):
                found.setdefault(word + said[number + 1], False)
            continue
        if word.removesuffix("'s") in names or word in STOPWORDS or len(word) < 2:
            continue
        found.setdefault(_stem(word, language)[:_LONGEST], True)
    return found


def _stem(word: str, language: str | None) -> str:
    if language not in _SNOWBALL:
        return _english(word)
    stem = str(_stemmer(_SNOWBALL[language]).stemWord(word))
    # Stemmers change letters too ("häuser", "haus"): what both share, accents aside, is how most forms begin.
    pairs = enumerate(zip(_plain(word), _plain(stem), strict=False))
    same = next((i for i, (a, b) in pairs if a != b), min(len(word), len(stem)))
    return word[:same] if same >= _SHORTEST else word


def _plain(word: str) -> list[str]:
    return [unicodedata.normalize("NFD", letter)[0] for letter in word]


def _english(word: str) -> str:
    """Word without its English inflection; a prefix of all its forms, since texts are searched by prefix."""
    for ending in ("ings", "ing", "ies", "ied", "ed", "es", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 4 and not word.endswith("ss"):
            return word[: -len(ending)]
    return word


def _words(query: str) -> list[str]:
    """``words``, but with the marks that Indic vowels are written with."""
    if not _marked().search(query):
        return words(query)
    return re.findall(rf"[^\W_](?:[^\W_]|{_marked().pattern})*", unicodedata.normalize("NFKC", query).lower())


@cache
def _marked() -> re.Pattern[str]:
    """Combining marks beyond those that compose with Latin letters."""
    marks = (chr(c) for c in range(0x0900, 0x1100) if unicodedata.category(chr(c)) in ("Mn", "Mc"))
    return re.compile("[" + "".join(marks) + "]")


@lru_cache(maxsize=32)
def _stemmer(algorithm: str) -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer(algorithm)

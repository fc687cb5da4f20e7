"""The language of a text, and what a group is called whose members share a language and nothing else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache

from reverie.clustering.languages import small_words
from reverie.clustering.stopwords import FUNCTION_WORDS

__all__ = ["NAMES", "language_name", "language_of"]

NAMES = {
    "ar": "العربية", "bg": "Български", "cs": "Čeština", "da": "Dansk", "de": "Deutsch", "el": "Ελληνικά",
    "en": "English", "es": "Español", "fi": "Suomi", "fr": "Français", "he": "עברית", "hi": "हिन्दी", "hu": "Magyar",
    "id": "Bahasa Indonesia", "it": "Italiano", "ja": "日本語", "ko": "한국어", "nl": "Nederlands", "no": "Norsk",
    "pl": "Polski", "pt": "Português", "ro": "Română", "ru": "Русский", "sv": "Svenska", "th": "ไทย", "tr": "Türkçe",
    "uk": "Українська", "vi": "Tiếng Việt", "zh": "中文",
}  # fmt: skip
"""Languages in their own words, by ISO 639-1 code."""

_JOIN = " · "
_LONG = 400
"""Characters of a text that are read."""
_SCRIPTS = (
    ("th", re.compile("[\u0e01-\u0e4f]")),
    ("ko", re.compile("[\uac00-\ud7a3\u1100-\u11ff]")),
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("zh", re.compile("[\u4e00-\u9fff]")),
    ("el", re.compile("[\u0370-\u03ff\u1f00-\u1fff]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("hi", re.compile("[\u0900-\u097f]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
)
_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[^\W\d_]+")
# Letters that one language has and its neighbours lack; each counts as half a small word.
_LETTERS = {
    "es": "ñ¿¡", "pt": "ãõ", "fr": "œèêëû", "de": "ß", "sv": "äå", "da": "æø", "no": "æø", "fi": "ä", "pl": "łąęśźżć",
    "cs": "řůěťď", "ro": "șțăşţ", "hu": "őű", "tr": "ışğ", "vi": "ơưạảấầẩậắặẹẻẽếềểệịọốồổộớờởợụủứừửữự",
}  # fmt: skip
# What parts the Scandinavian languages from each other.
_APART = {
    "sv": "och att är inte som på för från till jag av också efter mycket",
    "da": "af ikke også efter mig dig sig meget hvad nogle uden blev kunne op",
    "no": "av ikke også etter meg deg seg veldig hva noen uten ble kunne opp",
}
_MOST = 4
"""Languages in one name."""
_EACH, _TOGETHER, _AHEAD = 0.15, 0.6, 0.4
"""Least share of a language that is named (and two members), and of all those named; how much larger that is than in
the whole set."""


def language_of(text: str) -> str | None:
    """ISO 639-1 code of a text's language by its letters and small words, one of ``NAMES``; None where unclear."""
    text = text[:_LONG].casefold()
    plain = text.isascii()
    letters = 0 if plain else len(_LETTER.findall(text))
    for code, letter in () if plain else _SCRIPTS:
        # Japanese is known by its kana, however few; other texts quote a foreign word.
        if (found := len(letter.findall(text))) and found >= (0.1 if code == "ja" else 0.5) * letters:
            return _cyrillic(text) if code == "ru" else code
    votes = Counter(code for word in _WORD.findall(text) for code in _told().get(word, ()))
    score = {code: float(count) for code, count in votes.items()}
    for code, own in () if plain else _LETTERS.items():
        if code in score:
            score[code] += 0.5 * sum(text.count(letter) for letter in own)
    if not score:
        return None
    first, second, *_ = sorted([*score.values(), 0.0], reverse=True)
    return max(score, key=lambda code: (score[code], code)) if first >= 2 and first > second else None


def language_name(members: Sequence[str | None], all_texts: Sequence[str | None]) -> str | None:
    """What a group is called by its languages: up to four that most of its members are written in.

    None where they are unclear, or not clearly more common here than in the whole set: of one who writes Greek alone
    "Greek" says nothing.
    """
    known = Counter(code for code in members if code)
    total = known.total()
    if 2 * total < len(members):
        return None
    named = [code for code, count in known.most_common(_MOST) if count >= max(2.0, _EACH * total)]
    here = sum(known[code] for code in named) / total
    everywhere = Counter(code for code in all_texts if code)
    usual = sum(everywhere[code] for code in named) / max(1, everywhere.total())
    return _JOIN.join(NAMES[code] for code in named) if here >= _TOGETHER and here - usual >= _AHEAD else None


def _cyrillic(text: str) -> str:
    if any(letter in text for letter in "іїєґ"):
        return "uk"
    return "bg" if "ъ" in text and not any(letter in text for letter in "ыэё") else "ru"


@cache
def _told() -> dict[str, tuple[str, ...]]:
    """The languages that have a word among their small words."""
    found: dict[str, tuple[str, ...]] = {}
    lists = {code: set(words) for code, words in small_words().items()}
    for code, words in FUNCTION_WORDS.items():
        if code != "sv":
            lists.setdefault(code, set()).update(words)
    for code, apart in _APART.items():
        lists[code] |= set(apart.split())
    for code, own in lists.items():
        for word in own:
            if code in NAMES:
                found[word] = (*found.get(word, ()), code)
    return found

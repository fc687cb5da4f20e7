"""Whether texts are in English: by their script, and by the small words that every sentence has.

Only clear cases count. A language model of its own would tell more of them, but a wrong answer here costs a user the
better English model for good, and a missed one costs nothing: more texts will come.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

from reverie.clustering.stopwords import STOPWORDS

__all__ = ["is_english", "mostly_english", "small_words"]

_WORD = re.compile(r"[^\W\d_]+")
_ADDRESS = re.compile(r"https?://\S+")
_LONG = 600
"""Characters of a text that are looked at."""
_SAMPLE = 500
"""Texts that are looked at, evenly spread."""
_FEWEST, _SHARE = 3, 0.1
"""Fewest texts in another language, and their least share of those whose language is clear, for a user to count as one
who writes more than English."""
_SURE = 2.0
"""Lead in small words of one language over another from which a text is in it."""

# Languages in Latin letters beside those with stop words: what their sentences can hardly do without.
_SMALL = {
    "pl": "nie się na jest że to do jak ale co mnie mam mój moja był była już bardzo dla czy tylko kiedy jestem po",
    "tr": "bir ve bu çok için ben ama değil var mi mı ne daha gibi sonra kadar bana beni benim her şey olarak ile",
    "vi": "tôi là và của không có những một được cho người này trong khi rất đã đang với các anh chị mình ở",
    "sv": "och att det är jag inte en som på för med har mig min till den av så vi om mycket när ett",
    "da": "og at det er jeg ikke en som på for med har mig min til den af så vi om meget når et",
    "no": "og at det er jeg ikke en som på for med har meg min til den av så vi om veldig når et",
    "fi": "ja on ei se että minä olen mutta niin kun hän minun oli mitä vain myös kuin tämä joka mikä",
    "cs": "je se na že to jsem ale jak co mě můj moje byl byla už jen tak když pro není který mám",
    "ro": "și nu este că în la cu pe am mai dar sunt pentru mi meu mea foarte când din ca",
    "hu": "és nem hogy egy az van én de is meg már csak mint nagyon volt ez azt mert mikor",
    "id": "yang dan di ini itu saya tidak untuk dengan dari aku ada akan sudah bisa kami pada juga ke adalah",
}


def is_english(text: str) -> bool | None:
    """Whether a text is in English; ``None`` where that is not clear (too short, names, emoji)."""
    words = [word.casefold() for word in _WORD.findall(_ADDRESS.sub(" ", text[:_LONG]))]
    letters = sum(map(len, words))
    if not letters:
        return None
    foreign = sum(len(word) for word in words if not word.isascii() and not _latin(word))
    if 2 * foreign >= letters:
        return False
    lists = small_words()
    english = float(sum(word in lists["en"] for word in words))
    other = max(sum(word in own for word in words) for code, own in lists.items() if code != "en")
    marked = sum(not word.isascii() for word in words)
    # A letter with a mark is half a small word; "café" and "naïve" alone make no French.
    lead = other + 0.5 * marked + ("¿" in text or "¡" in text) - english
    return False if lead >= _SURE else True if lead <= -_SURE else None


def mostly_english(texts: Sequence[str]) -> bool:
    """Whether there is no clear share of another language among ``texts``."""
    step = max(1, -(-len(texts) // _SAMPLE))
    judged = [one for text in texts[::step] if (one := is_english(text)) is not None]
    foreign = judged.count(False)
    return foreign < _FEWEST or foreign < _SHARE * len(judged)


@cache
def small_words() -> dict[str, frozenset[str]]:
    """Small words by ISO 639-1 code, less those that tell English from nothing."""
    lists = {code: frozenset(text.split()) for code, text in _SMALL.items()}
    lists |= {code: words for code, words in STOPWORDS.items() if code not in lists}
    english = lists["en"]
    # "in", "so" and "me" are small words of many languages, and tell nothing; single letters are left of "I'm".
    shared = frozenset(word for word in english if sum(word in own for own in lists.values()) > 1)
    marking = {code: own - (shared if code == "en" else english) for code, own in lists.items()}
    return {code: frozenset(w for w in own if len(w) > 1 or code == "en") for code, own in marking.items()}


@cache
def _latin(word: str) -> bool:
    letters = [letter for letter in word if letter.isalpha()]
    return bool(letters) and all("LATIN" in unicodedata.name(letter, "") for letter in letters)

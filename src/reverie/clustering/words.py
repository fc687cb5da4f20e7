"""Words and phrases of any script: what a label can be made of."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

from reverie.clustering.stopwords import STOPWORDS

__all__ = ["Phrasebook", "detect_language", "phrases", "stopwords_for", "word_count", "words"]

_SAMPLE = 300
"""Texts, and characters of each, that are read to tell the language."""

_LONG_TEXT = 2000
"""Characters of a text that are read for labels."""

# A word: letters, marks and digits of one script, with inner apostrophes and hyphens. Marks matter for Indic scripts.
_WORD = re.compile(r"[^\W_]+(?:[\u0300-\u036f\u0900-\u0dff\u0e00-\u0eff\u200d]*[^\W_]*)*(?:['’\-][^\W_]+)*")
_NO_SPACES = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff]+"
)
_HIRAGANA = re.compile("[\u3040-\u309f]")
_KATAKANA = re.compile("[\u30a0-\u30ff]+")
_HAN_OR_KATAKANA = re.compile("[\u30a0-\u30ff]+|[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3005]+")
_BREAK = re.compile(r"[.!?;:,()\[\]{}\"“”«»…|/\\\n\r\t。！？、，；：（）「」]+")
_URL = re.compile(r"(?:https?://|www\.)\S+|<a?:\w+:\d+>|<[@#][!&]?\d+>")
_EMOJI = re.compile(
    "[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff](?:\ufe0f|\u200d[\U0001f000-\U0001faff\u2600-\u27bf]|[\U0001f3fb-\U0001f3ff])*"
)


def words(text: str) -> list[str]:
    """The words of a text as written."""
    return _WORD.findall(unicodedata.normalize("NFC", text))


def phrases(text: str, stopwords: frozenset[str]) -> Iterator[tuple[str, str]]:
    """``(key, surface)`` of every phrase of one to three words that neither starts nor ends with a stop word.

    Scripts without spaces give pieces of up to four characters; a text of emoji alone gives its emoji.
    """
    yield from _phrases(text, _Words(stopwords))


class _Words(dict[str, tuple[str, bool]]):
    """Of each word as written: folded, and whether it says nothing. Remembered: most words come again."""

    def __init__(self, stopwords: frozenset[str]) -> None:
        self.stopwords = stopwords

    def __missing__(self, word: str) -> tuple[str, bool]:
        folded = word.casefold()
        self[word] = known = (folded.replace("’", "'"), _empty(folded, self.stopwords))
        return known


def _phrases(text: str, known: _Words) -> Iterator[tuple[str, str]]:
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    text = _URL.sub(" ", text)
    spaced = text.isascii()
    found = False
    for part in _BREAK.split(text):
        # The two words before, each as (folded, empty, surface).
        one = two = None
        for piece in _WORD.findall(part) if spaced else _pieces(part):
            if not spaced and _NO_SPACES.match(piece):
                yield from ((gram, gram) for gram in _grams(piece) if gram not in known.stopwords)
                found = True
                one = two = None
                continue
            key, empty = known[piece]
            if not empty:
                found = True
                yield key, piece
                if one is not None:
                    if not one[1]:
                        yield f"{one[0]} {key}", f"{one[2]} {piece}"
                    if two is not None and not two[1]:
                        yield f"{two[0]} {one[0]} {key}", f"{two[2]} {one[2]} {piece}"
            one, two = (key, empty, piece), one
    if not found:
        for emoji in _EMOJI.findall(text):
            yield emoji, emoji


class Phrasebook:
    """The phrases of each text, read once however many groups ask for them."""

    def __init__(self, texts: Sequence[str], stopwords: frozenset[str]) -> None:
        self._texts = texts
        self._words = _Words(stopwords)
        self._read: dict[int, dict[str, str]] = {}

    def __getitem__(self, index: int) -> dict[str, str]:
        """Surface by key; of a long text only the beginning, lest one novel names the theme by itself."""
        found = self._read.get(index)
        if found is None:
            found = {}
            for key, surface in _phrases(self._texts[index][:_LONG_TEXT], self._words):
                found.setdefault(key, surface)
            self._read[index] = found
        return found


def _pieces(part: str) -> Iterator[str]:
    if part.isascii():
        yield from _WORD.findall(part)
        return
    for word in _WORD.findall(part):
        at = 0
        for match in _NO_SPACES.finditer(word):
            if match.start() > at:
                yield word[at : match.start()]
            yield match.group()
            at = match.end()
        if at < len(word):
            yield word[at:]


def word_count(key: str) -> int:
    """Words in a phrase, guessed at two characters each where the script has no spaces."""
    return max(1, (len(key) + 1) // 2) if _NO_SPACES.fullmatch(key) else key.count(" ") + 1


def _grams(run: str) -> Iterator[str]:
    """Candidates in a run without spaces. In Japanese the script changes where words do, and hiragana is grammar."""
    parts = [m.group() for m in _HAN_OR_KATAKANA.finditer(run)] if _HIRAGANA.search(run) else [run]
    for part in parts or [run]:
        if len(part) <= 2 or _KATAKANA.fullmatch(part):
            yield part
            continue
        for size in (2, 3, 4):
            for start in range(len(part) - size + 1):
                yield part[start : start + size]


def _empty(word: str, stopwords: frozenset[str]) -> bool:
    # Contractions count by their parts ("I've", "don't"), bare numbers and single letters say nothing.
    plain = word.replace("’", "'")
    if plain in stopwords or plain.isdigit() or len(plain) < 2:
        return True
    return "'" in plain and plain.split("'")[0] in stopwords


def detect_language(texts: list[str]) -> str | None:
    """ISO 639-1 code of the stop-word list that covers most words, None when none covers a tenth."""
    used = Counter(word.casefold() for text in texts[:_SAMPLE] for word in words(text[:_SAMPLE]))
    if not used:
        return None
    covered = {language: sum(used[word] for word in stops) for language, stops in STOPWORDS.items()}
    best = max(covered, key=lambda language: (covered[language], language == "en"))
    return best if covered[best] >= used.total() / 10 else None


def stopwords_for(language: str | None, texts: list[str]) -> frozenset[str]:
    """Stop words of the given or detected language, and English ones, which chats in every language use."""
    chosen = language or detect_language(texts)
    extra = STOPWORDS.get(chosen, frozenset()) if chosen else frozenset()
    return STOPWORDS["en"] | extra

"""Words and phrases of any script: what a label can be made of."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import chain

from reverie.clustering.graphemes import MARKS, NO_SPACES, clusters, syllabic
from reverie.clustering.nouns import BREAK, Word, noun_phrases, word_of
from reverie.clustering.remembered import Remembered
from reverie.clustering.stopwords import ANY_TEXT, FUNCTION_WORDS, LIGHT, STOPWORDS

__all__ = ["Phrasebook", "detect_language", "phrases", "stopwords_for", "text_languages", "word_count", "words"]

_SAMPLE = 300
"""Texts, and characters of each, that are read to tell the language."""

_LONG_TEXT = 2000
"""Characters of a text that are read for labels."""

# A word: letters, their marks and digits, with inner apostrophes and hyphens.
_WORD = re.compile(rf"[^\W_][\w{MARKS}]*(?:['’\-][^\W_][\w{MARKS}]*)*")
_NO_SPACES = re.compile(f"[{NO_SPACES}]+")
_SYLLABLES = 6
"""Most syllables of a piece of a script without spaces."""
_HIRAGANA = re.compile("[\u3040-\u309f]")
_KATAKANA = re.compile("[\u30a0-\u30ff]+")
_HAN_OR_KATAKANA = re.compile("[\u30a0-\u30ff]+|[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3005]+")
_BREAKS = '.!?;:,()[]{}"“”«»…|/\\\n\r\t。！？、，；：（）「」।॥؟،؛'
_BREAK = re.compile(f"[{re.escape(_BREAKS)}]+")
_ASCII_WORD = re.compile(r"[^\W_]\w*(?:['\-][^\W_]\w*)*", re.ASCII)
# The words of a plain ASCII text, and the breaks between them.
_PLAIN = re.compile(f"{_ASCII_WORD.pattern}|[{re.escape(''.join(c for c in _BREAKS if c.isascii()))}]+", re.ASCII)
_LINES = {ord(c): " . " for c in "\n\r\t"}
_URL = re.compile(r"(?:https?://|www\.)\S+|<a?:\w+:\d+>|<[@#][!&]?\d+>")
_EMOJI = re.compile(
    "[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff](?:\ufe0f|\u200d[\U0001f000-\U0001faff\u2600-\u27bf]|[\U0001f3fb-\U0001f3ff])*"
)


def words(text: str) -> list[str]:
    """The words of a text as written."""
    return _WORD.findall(unicodedata.normalize("NFC", text))


def phrases(text: str, stopwords: frozenset[str], language: str | None = None) -> Iterator[tuple[str, str]]:
    """``(key, surface)`` of every phrase of one to three words that neither starts nor ends with a stop word.

    Of English only noun phrases; of German those that end in a capital, as its nouns do. Scripts without spaces give
    pieces of up to four characters or six syllables; a text of emoji alone gives its emoji.
    """
    yield from _phrases(text, _Words(stopwords), language)


class _Words(Remembered[Word]):
    """Of each word as written what is known of it. Remembered: most words come again, also in the next set."""

    def __init__(self, stopwords: frozenset[str]) -> None:
        super().__init__(self._known)
        self.stopwords = stopwords
        #: Of each piece of ASCII text between spaces its words and breaks, for no word reaches across a space.
        self.pieces = Remembered(self._parts)

    def _known(self, word: str) -> Word:
        folded = word.casefold()
        return word_of(folded.replace("’", "'"), _empty(folded, self.stopwords), word)

    def _parts(self, piece: str) -> tuple[Word, ...]:
        return tuple(BREAK if part[0] in _BREAKS else self[part] for part in _PLAIN.findall(piece))


# What is remembered of English is 7 MB at most, of another language 1 to 2 MB.
@lru_cache(maxsize=4)
def _words_in(language: str | None) -> _Words:
    return _Words(_stops(language))


def _read(text: str, known: _Words, language: str | None) -> dict[str, str]:
    """Surface by key of the phrases of a text."""
    found: dict[str, str] = {}
    if language == "en" and text.isascii():
        if "<" in text or "://" in text or "www." in text:
            text = _URL.sub(" ", text)
        # A new line is a break as well as a space.
        spaced = text.translate(_LINES).split() if "\n" in text or "\r" in text or "\t" in text else text.split()
        noun_phrases(chain.from_iterable(map(known.pieces.__getitem__, spaced)), found)
        return found
    for key, surface in _phrases(text, known, language):
        found.setdefault(key, surface)
    return found


def _phrases(text: str, known: _Words, language: str | None) -> Iterator[tuple[str, str]]:
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    text = _URL.sub(" ", text)
    spaced = text.isascii()
    found = False
    for part in _BREAK.split(text):
        if language == "en" and (spaced or not _NO_SPACES.search(part)):
            nouns: dict[str, str] = {}
            noun_phrases(map(known.__getitem__, _WORD.findall(part)), nouns)
            found = found or bool(nouns)
            yield from nouns.items()
            continue
        # The two words before.
        one = two = None
        for piece in _WORD.findall(part) if spaced else _pieces(part):
            if not spaced and _NO_SPACES.match(piece):
                yield from ((gram, gram) for gram in _grams(piece) if gram not in known.stopwords)
                found = True
                one = two = None
                continue
            word = known[piece]
            if not word.empty and (language != "de" or piece[0].isupper()):
                found = True
                key = word.folded
                yield key, piece
                if one is not None:
                    if not one.empty:
                        yield f"{one.folded} {key}", f"{one.surface} {piece}"
                    if two is not None and not two.empty:
                        yield f"{two.folded} {one.folded} {key}", f"{two.surface} {one.surface} {piece}"
            one, two = word, one
    if not found:
        for emoji in _EMOJI.findall(text):
            yield emoji, emoji


class Phrasebook:
    """The phrases of each text, read once however many groups ask for them."""

    def __init__(
        self, texts: Sequence[str], stopwords: frozenset[str] | None = None, *, language: str | None = None
    ) -> None:
        """``language``: of all texts; without it each text's own is detected. ``stopwords`` replace its list."""
        self._texts = texts
        self.languages = [language] * len(texts) if language or stopwords is not None else text_languages(texts)
        codes = set(self.languages)
        known = {code: _words_in(code) if stopwords is None else _Words(stopwords) for code in codes}
        self._words = [known[code] for code in self.languages]
        self._read: dict[int, dict[str, str]] = {}
        # Each phrase once, however many texts use it: the phrases of a million texts are their largest part.
        self._once: dict[str, str] = {}
        self._plain: dict[int, dict[str, str]] = {}

    @cached_property
    def usual(self) -> tuple[str | None, int]:
        """The most common language of the texts in plain letters, and how many of them are in it."""
        plain = (code for code, text in zip(self.languages, self._texts, strict=True) if code and text.isascii())
        return next(iter(Counter(plain).most_common(1)), (None, 0))

    def plain(self, index: int) -> dict[str, str]:
        """Surface by key of all phrases, nouns or not: for groups whose texts hold no noun phrase."""
        found = self._plain.get(index)
        if found is None:
            self._plain[index] = found = self._phrases_of(index, None)
        return found

    def __getitem__(self, index: int) -> dict[str, str]:
        """Surface by key; of a long text only the beginning, lest one novel names the theme by itself."""
        found = self._read.get(index)
        if found is None:
            self._read[index] = found = self._phrases_of(index, self.languages[index])
        return found

    def _phrases_of(self, index: int, language: str | None) -> dict[str, str]:
        once = self._once.setdefault
        found = _read(self._texts[index][:_LONG_TEXT], self._words[index], language)
        return {once(key, key): once(surface, surface) for key, surface in found.items()}


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
    """Words in a phrase, guessed at two characters (or syllables) each where the script has no spaces."""
    if key.isascii() or not _NO_SPACES.fullmatch(key):
        return key.count(" ") + 1
    return max(1, (len(clusters(key) if syllabic(key) else key) + 1) // 2)


def _grams(run: str) -> Iterator[str]:
    """Candidates in a run without spaces. In Japanese the script changes where words do, and hiragana is grammar."""
    parts = [m.group() for m in _HAN_OR_KATAKANA.finditer(run)] if _HIRAGANA.search(run) else [run]
    if syllabic(run):
        whole = clusters(run)
        if len(whole) <= 3:
            yield run
            return
        for size in range(2, _SYLLABLES + 1):
            for start in range(len(whole) - size + 1):
                yield "".join(whole[start : start + size])
        return
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


def _stops(language: str | None) -> frozenset[str]:
    """Stop words of a text: its language's, and English ones, which chats in every language use, unless they clash."""
    own = STOPWORDS.get(language or "en") or FUNCTION_WORDS.get(language or "en", frozenset())
    return STOPWORDS["en"] | own | LIGHT.get(language or "en", frozenset()) | ANY_TEXT


@lru_cache(maxsize=1)
def _languages_of() -> dict[str, tuple[str, ...]]:
    """The languages that have a word among their stop words."""
    found: dict[str, tuple[str, ...]] = {}
    for language, stops in STOPWORDS.items():
        for word in stops:
            found[word] = (*found.get(word, ()), language)
    # What they share with those above tells nothing: a short text in one of those must not be a draw.
    known = frozenset(found)
    for language, stops in FUNCTION_WORDS.items():
        for word in stops - known:
            found[word] = (*found.get(word, ()), language)
    return found


def _told_by(word: str) -> tuple[str, ...]:
    return _languages_of().get(word, ())


def _told_in(piece: str) -> tuple[str, ...]:
    return tuple(chain.from_iterable(map(_told_by, _ASCII_WORD.findall(piece))))


_told = Remembered(_told_in)
"""The languages that the words of a piece of ASCII text, in small letters and without a space, speak for."""


def text_languages(texts: Sequence[str]) -> list[str | None]:
    """The language of each text by its stop words; where they do not tell, the most common one of all texts.

    None for all where no text tells.
    """
    own: list[str | None] = []
    for text in texts:
        beginning = text[:_SAMPLE].lower()
        if beginning.isascii():
            told = map(_told.__getitem__, beginning.split())
        else:
            told = map(_told_by, _WORD.findall(beginning.replace("’", "'")))
        votes = Counter(chain.from_iterable(told))
        most = max(votes.values(), default=0)
        leaders = [language for language, count in votes.items() if count == most]
        # One word of a language that few write tells nothing: "pot" is Romanian, too.
        enough = len(leaders) == 1 and most >= (2 if leaders[0] in FUNCTION_WORDS else 1)
        own.append(leaders[0] if enough else None)
    counts = Counter(language for language in own if language)
    usual = max(counts, key=lambda language: (counts[language], language)) if counts else None
    return [
        (language or usual) if text.isascii() or not _NO_SPACES.search(text) else None
        for language, text in zip(own, texts, strict=True)
    ]


def stopwords_for(language: str | None, texts: list[str]) -> frozenset[str]:
    """Stop words of the given or detected language, and English ones, which chats in every language use."""
    chosen = language or detect_language(texts)
    extra = STOPWORDS.get(chosen, frozenset()) if chosen else frozenset()
    return STOPWORDS["en"] | extra

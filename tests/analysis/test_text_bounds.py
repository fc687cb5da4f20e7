"""No text holds a step for long: time grows with its length, whatever piece is repeated in it.

CPU time, since others use the machine. The bound that counts is 1 s for 1 MB; here texts are shorter, and a step that
is four times as slow for each character of a text four times as long fails.
"""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest

from reverie.analysis import LocalInsight, analyze, recall
from reverie.analysis.budget import TimeBudget
from reverie.analysis.contradictions import find_contradictions
from reverie.analysis.cues import read_cues
from reverie.analysis.junk import is_junk, noise
from reverie.analysis.sameness import compare
from reverie.analysis.texts import content_words, detect_language, detect_languages, normalized, words
from reverie.analysis.wording import read
from reverie.bot.safe import clip, escape, one_line
from reverie.charts.text import drawable, shorten
from reverie.clustering import cluster
from reverie.clustering.duplicates import collapse
from reverie.clustering.words import Phrasebook, phrases, stopwords_for
from reverie.clustering.words import detect_language as language_of_all
from reverie.clustering.words import words as words_as_written
from reverie.contracts import AnalyzeOptions, Memory
from reverie.embedding import HashEmbedder
from reverie.embedding.batching import excerpts
from reverie.errors import ReverieError
from reverie.readers import read_memories

NOW = datetime(2026, 6, 1, tzinfo=UTC)

PIECES = [
    "<@", "<", "<#", "<:", "<a:a", "<@1", "(", ")", "[", "]", "{", "}", "`", "```", "*", "**", "*a", "_", "__a",
    "~~", "||", "a", "a ", "aA", "A", "ab", "i ", "the ", "not ", "no, ", "a'", "'", "''a", "’a", "a-", "-",
    "--", "- ", "a.", ".", "..a", ",", "?", "!", "!=", ":", ":)", ":P", ":-", "::a", ";", "@", "@a", "@a.",
    "@@", "#", "#a", "##", "&", "%", "$", "/", "\\", "//", "http://", "https://a ", "www.", "1", "1,", "1.",
    "1:", "1 ", "-1", "12:", "1/", "\n", "\r\n", " ", "\t", " \n", "\u3000", "\u00a0", "\u200d", "\ufe0f",
    "\u0301", "a\u0301", "e\u0301\u0302", "\u064b", "\u0e31", "\u093e", "क\u093e", "ก\u0e31", "က", "ខ", "你",
    "あ", "ア", "한", "ß", "ſ", "İ", "ﬃ", "ﷺ", "½", "²", "Ⅷ", "א", "ع", "\u202e", "\u2066", "🎉", "👩\u200d", "👍🏽",
    "🇩", "🇩🇪", "1\ufe0f\u20e3", "🏴\U000e0067", "\U000e0020", "\x00", "\x1b[", '"', '"a', "“a", "a”", "„", "« ",
    "「", "''", "lol ", "haha", "ha", "xd ", "oooo", "I am ", "I don't ", "never ", "days old ", "my favourite ",
    "favourite a is ", "every ", "a\n", "a,b", '"a","b"\n', "{}", '{"a":', "[[", "\ud7ff", "\ufffd", "|", "=",
    "==", "=>", "a(", "def ", "$a ", "> ", ">a\n", "# a\n", "+", "+1", "C++ ", "a=b ", "\u2028", "\x85", "ё",
    "ä", "ae", "İi",
]  # fmt: skip


def _memory(text: str) -> list[Memory]:
    # Two texts, so that they are compared; the contract's longest is 100,000 characters.
    parts = [text[at : at + 99_000] for at in range(0, len(text), 99_000)]
    return [Memory(id=str(i), text="." + part.replace("\x00", "?")) for i, part in enumerate([*parts, parts[0] + "!"])]


def _recalled(text: str) -> None:
    found = _memory(text)
    vectors = np.ones((len(found), 4), dtype=np.float32) / 2
    recall(text[:8000], vectors[0], found, vectors, now=NOW)
    recall("a i 1 the never favourite", vectors[0], found, vectors, now=NOW)


def _analyzed(text: str) -> None:
    found = _memory(text)
    vectors = np.ones((len(found), 4), dtype=np.float32) / 2
    analyze(found, vectors, AnalyzeOptions(), now=NOW)


def _clustered(text: str) -> None:
    found = _memory(text)
    rng = np.random.default_rng(0)
    cluster(found, rng.normal(size=(len(found), 4)).astype(np.float32))


def _contradicted(text: str) -> None:
    near = (np.array([[1], [0]]), np.array([[0.7], [0.7]], dtype=np.float32))
    find_contradictions(_memory(text[:99_000]), near, set(), budget=TimeBudget())


def _read(data: bytes, name: str) -> None:
    with contextlib.suppress(ReverieError):  # not JSON at all, say
        read_memories(data, name=name, author="Ada" if name == "a.txt" else None)


def _drawn(text: str) -> None:
    drawable(text)
    shorten(text, 60)


CHAT = b"[01.05.26, 10:00:00] Ada: hello\n[01.05.26, 10:01:00] Ben: hi\n"

STEPS: dict[str, Callable[[str], object]] = {
    "words": words,
    "content words": content_words,
    "normal form": normalized,
    "language": detect_language,
    "languages": lambda text: detect_languages([text]),
    "junk": lambda text: (is_junk(text), noise(text)),
    "cues": read_cues,
    "insight": lambda text: LocalInsight().read([text]),
    "reading": read,
    "sameness": lambda text: compare(read(text), read(text[:-1] + "x")),
    "contradictions": _contradicted,
    "words of labels": words_as_written,
    "phrases": lambda text: sum(1 for _ in phrases(text, stopwords_for(None, [text]))),
    "phrasebook": lambda text: Phrasebook([text], frozenset())[0],
    "language of all": lambda text: language_of_all([text]),
    "copies": lambda text: collapse([text, text + "."]),
    "excerpts": lambda text: excerpts(text, 256),
    "fake embedder": lambda text: HashEmbedder(8).embed([text]),
    "chart text": _drawn,
    "bot: escape": escape,
    "bot: clip": lambda text: clip(text, 1000),
    "bot: one line": one_line,
    "reader: txt": lambda text: read_memories(text.encode("utf-8", "replace"), name="a.txt"),
    "reader: csv": lambda text: read_memories(b"text\n" + text.encode("utf-8", "replace"), name="a.csv"),
    "reader: jsonl": lambda text: read_memories(text.encode("utf-8", "replace"), name="a.jsonl"),
    "reader: json": lambda text: _read(b"[" + text.encode("utf-8", "replace") + b"0]", "a.json"),
    "reader: chat": lambda text: _read(CHAT + text.encode("utf-8", "replace"), "a.txt"),
    "recall": _recalled,
    "analysis": _analyzed,
    "themes": _clustered,
}
SIZE = 5_000
RATIO = 10.0
"""Allowed growth for four times the length: 4 is linear, 16 quadratic."""
SLOW = 0.06
"""CPU seconds of the longer text below which no more is asked: 1 MB in 1 s would be .02 on an idle machine."""


def seconds(step: Callable[[str], object], text: str) -> float:
    # A collection walks all that earlier tests left in memory, which no step answers for.
    gc.disable()
    try:
        began = time.process_time()
        with contextlib.suppress(ReverieError):  # a reader that refuses the text
            step(text)
        return time.process_time() - began
    finally:
        gc.enable()


def repeated(piece: str, size: int) -> str:
    return (piece * (size // len(piece) + 1))[:size]


@pytest.mark.parametrize("name", STEPS)
def test_time_grows_no_faster_than_the_text(name: str) -> None:
    step = STEPS[name]
    step("a text to load what is loaded once")
    slow = []
    for piece in PIECES:
        long = seconds(step, repeated(piece, 4 * SIZE))
        if long > SLOW and long > RATIO * seconds(step, repeated(piece, SIZE)):
            # Confirmed at four times the length: a busy machine and a collection of garbage are no growth.
            long, longer = (min(seconds(step, repeated(piece, n * SIZE)) for _ in range(3)) for n in (4, 16))
            if longer > RATIO * long:
                slow.append((piece, round(long, 2), round(longer, 2)))
        if long >= 1.0:  # measured again: one slow moment of the machine is no slow step
            long = min(seconds(step, repeated(piece, 4 * SIZE)) for _ in range(3))
        assert long < 1.0, (piece, long)
    assert slow == []

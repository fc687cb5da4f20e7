"""Texts are read by pieces that are remembered; what is found is what reading each text by itself finds."""

from __future__ import annotations

import random
import re
import unicodedata
from collections import Counter

import numpy as np
import pytest

from reverie.clustering import candidates, remembered, topics, words
from reverie.clustering.duplicates import collapse
from reverie.clustering.geometry import unit
from reverie.clustering.topics import stem, stems_of
from reverie.clustering.words import Phrasebook, text_languages
from reverie.embedding.base import silent

_SAID = (
    "the my a of to Anna running climbing up 10-minute don't kids' house Houses red tired www.x.com https://a.b/c "
    "<@123> <:wave:123> / | _x_ x_y O'Neil things cooked nicely fishes it's mum's rock-'n'-roll a--b (well) 3rd. "
    "tea,cake end... ich und der die nicht el la que"
)
_LETTERS = "aA bB zZ0-9_'.,;|/\\\n\t\r\x0b\x1c<>:@#!?()[]{}\"of the I a ß é ’ 東京カタ 😀"


def _texts() -> list[str]:
    rng = random.Random(3)
    told = [rng.choice((" ", ", ", "\n")).join(rng.choices(_SAID.split(), k=rng.randrange(1, 14))) for _ in range(400)]
    return told + ["".join(rng.choices(_LETTERS, k=rng.randrange(1, 60))) for _ in range(400)]


def test_phrases_of_a_plain_text_are_those_of_its_stretches() -> None:
    texts = [text for text in _texts() if text.isascii()]
    known = words._words_in("en")
    for text in texts * 2:  # the second time from memory
        one_by_one: dict[str, str] = {}
        for key, surface in words._phrases(text, known, "en"):
            one_by_one.setdefault(key, surface)
        assert list(words._read(text, known, "en").items()) == list(one_by_one.items()), text


def test_languages_are_those_that_each_word_speaks_for() -> None:
    texts = _texts()
    spoken = words._languages_of()
    own: list[str | None] = []
    for text in texts:
        found = words._WORD.findall(text[:300].lower().replace("’", "'"))
        votes = Counter(language for word in found for language in spoken.get(word, ()))
        leaders = [language for language, count in votes.items() if count == max(votes.values())]
        sure = len(leaders) == 1 and votes[leaders[0]] >= (2 if leaders[0] in words.FUNCTION_WORDS else 1)
        own.append(leaders[0] if sure else None)
    assert {"en", "de", "es"} <= set(own)
    for language, text, seen in zip(own, texts, text_languages(texts), strict=True):
        if language and not words._NO_SPACES.search(text):
            assert seen == language


def test_stems_are_those_of_each_word() -> None:
    for text in _texts():
        assert stems_of(text) == frozenset(stem(word) for word in re.findall(r"[^\W_]+", text.lower()))


def test_copies_are_told_by_their_letters_and_digits() -> None:
    texts = [*_texts(), *(f"a{chr(code)}b" for code in range(1, 600))]
    groups: dict[str, list[int]] = {}
    for index, text in enumerate(texts):
        folded = unicodedata.normalize("NFKC", text).casefold()
        groups.setdefault(re.sub(r"[\W_]+", " ", folded).strip() or text.strip(), []).append(index)
    assert collapse(texts) == list(groups.values())


def test_no_more_words_are_remembered_than_have_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "_REMEMBERED", 50)
    words._words_in.cache_clear()
    words._told.clear()
    texts = [f"a kettle{number} and the teapot{number}" for number in range(300)]
    book = Phrasebook(texts, frozenset({"a", "and", "the"}))
    for number in range(300):
        assert {f"kettle{number}", f"teapot{number}"} <= book.plain(number).keys()
    book = Phrasebook(texts, language="en")
    for number in range(300):
        assert book[number] == {f"kettle{number}": f"kettle{number}", f"teapot{number}": f"teapot{number}"}
    known = words._words_in("en")
    assert max(len(known), len(known.pieces), len(words._told)) <= 50


def test_topics_that_pass_are_among_the_twelve_that_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    rows = 1.0 + rng.normal(size=(len(topics.topic_names()), 200))
    known = topics.Topics((rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32))
    groups = [np.arange(start, start + 5) for start in range(0, 60, 5)]
    # Each between three topics: of some groups a few topics come near the best, of others more than are looked at.
    centres = unit(sum(known._vectors[start : start + len(groups)] for start in (0, 12, 24)))
    stems = [frozenset(known.stems(int(rng.integers(36)))) for _ in range(60)]
    asked = [centres, groups, stems, [1.0] * len(groups), [3, *[None] * (len(groups) - 1)]]
    found = known.fits(*asked)
    assert all(found)
    monkeypatch.setattr(topics, "_BEHIND", 4.0)
    assert known.fits(*asked) == found


def test_candidates_of_many_groups_weighed_at_once_are_those_of_each_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = _texts()
    book = Phrasebook(texts, language="en")
    rng = np.random.default_rng(5)
    x = unit(rng.normal(size=(len(texts), 8)))
    groups = np.split(rng.permutation(len(texts)), np.sort(rng.choice(len(texts) - 1, 30, replace=False) + 1))
    centres = unit(np.stack([x[own].mean(axis=0) for own in groups]))
    together = list(candidates.scored(x, groups, centres, book, silent))
    assert len(together) == len(groups)
    for at_once in (1, 7):
        monkeypatch.setattr(candidates, "_GROUPS", at_once)
        assert list(candidates.scored(x, groups, centres, book, silent)) == together

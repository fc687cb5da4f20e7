"""Telling English from other languages, where it is clear."""

from __future__ import annotations

import pytest

from reverie.clustering.languages import is_english, mostly_english
from reverie.embedding.measuring import LANGUAGES, sentences


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
def test_sentences_of_other_languages_are_never_called_english(language: str) -> None:
    told = [is_english(text) for text in sentences(language)]
    assert True not in told
    assert told.count(False) > len(told) / 2
    assert not mostly_english(sentences(language))


def test_english_sentences_are_never_called_foreign() -> None:
    assert False not in [is_english(text) for text in sentences("en")]
    assert mostly_english(sentences("en"))


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("Wo wohnt meine Schwester?", False),
        ("¿Dónde vive mi hermana?", False),
        ("何が好き？", False),
        ("what is my cat called", True),
        ("my café in Zürich is run by José", None),  # names and loan words make no other language
        ("rate u. s. d. to g. b. p.", None),
        ("see https://example.com/de/und/die/der/das?l=fr", None),
        ("🦊🦊", None),
        ("lol", None),
        ("", None),
        ("\ud800", None),
    ],
)
def test_questions_and_odd_texts(text: str, english: bool | None) -> None:
    assert is_english(text) is english


def test_a_few_foreign_sentences_among_many_make_no_share() -> None:
    assert mostly_english(sentences("en") * 3 + sentences("de")[:15])
    assert not mostly_english(sentences("en") * 3 + sentences("de")[:30])
    assert mostly_english(sentences("de")[:2])  # two are too few to tell
    assert mostly_english([])

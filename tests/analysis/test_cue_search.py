"""The quick search of many expressions finds what searching each of them finds."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reverie.analysis.cue_search import PhraseSearch
from reverie.analysis.cues import _DEMANDS, _EXPRESSIONS, _FORBID, _SEARCH
from reverie.analysis.durable import prototype_texts

_PLAIN = {kind: re.compile(expression) for kind, expression in _EXPRESSIONS.items()}
_PIECES = (
    *(
        "my",
        "i",
        "i'm",
        "am",
        "the",
        "mein",
        "je",
        "tengo",
        "меня",
        "у",
        "a",
        "we",
        "never",
        "no",
        "don't",
        "not",
        "every",
    ),
    *(
        "dog",
        "birthday",
        "liebling",
        "lieblingsfarbe",
        "ausbildung zum",
        "allergic",
        "аллергия",
        "диабет",
        "21st of may",
    ),
    *(
        "3 years now",
        "three weeks on",
        "years sober",
        "goal last night",
        "goal",
        "works at",
        "vegan",
        "30 years old",
        "años",
    ),
    *(
        "сестра живёт",
        "día",
        "was",
        "is",
        "called",
        "named",
        "call me",
        "tonight",
        "again",
        "lol",
        "haha",
        "frag mich nie",
        "no quiero hablar",
        "не зови",
        "ne me parle pas de",
        "can't find my",
        "promised",
        "x",
        "9",
        "٣ years old",
        "-",
        ",",
        ".",
    ),
)


def _searched(text: str) -> list[str]:
    return [kind for kind, pattern in _PLAIN.items() if pattern.search(text)]


def test_the_prototypes_are_read_alike() -> None:
    for text in prototype_texts().texts:
        assert _SEARCH.found(text.lower()) == _searched(text.lower())


@given(st.lists(st.sampled_from(_PIECES), max_size=12), st.sampled_from([" ", "", " ", "\n"]))
def test_any_row_of_words_is_read_alike(pieces: list[str], between: str) -> None:
    text = between.join(pieces)
    assert _SEARCH.found(text) == _searched(text)


@given(st.text(max_size=80))
def test_any_text_is_read_alike(text: str) -> None:
    assert _SEARCH.found(text.lower()) == _searched(text.lower())


@pytest.mark.parametrize(
    ("expression", "text", "there"),
    [
        (r"\bcat\b", "concat cat", True),
        (r"\bcat\b", "concat", False),
        (r"cat", "concat", True),  # not bound to a word's start
        (r"\b\d{2} cats", "see ٤٢ cats", True),  # any script's digits
        (r"\b(?:a )?(?:big )?cat", "my cat", True),  # what may be left out before the first letter
        (r"\b[ck]at|\b(?!kat)x?katze", "the katze", True),
        (r"\b(?:my )? ?cat", "my  cat", True),  # may begin with a space
        (r"\b\w*cat", "bobcat", True),  # may begin with anything
        (r"\bi\b", "so do i", True),  # ends before a second letter
        (r"\bca?", "a c", True),
        (r"\bc(?:at|\w+)s", "cows", True),  # anything may follow the first letter
        (r"\b(?:c|ca)t", "a cat, a ct", True),
        (r"\b[bc]{1,2}at", "a bcat", True),  # the first may come again
        (r"\bc(?!o)\wt", "cot cat", True),
        (r"\b9\d?", "a 9", True),
        (r"\b2nd", "the ٢nd", False),  # a digit of its own
    ],
)
def test_forms_of_expressions(expression: str, text: str, there: bool) -> None:
    assert (re.search(expression, text) is not None) == there
    assert PhraseSearch({"it": expression}).found(text) == ["it"] * there


@given(
    st.lists(st.sampled_from([*_PIECES, "don't ask", "stop", "keep it secret", "off-limits", "a", "no jokes about"]))
)
def test_what_asks_for_something_never_to_be_done_has_one_of_its_words(pieces: list[str]) -> None:
    text = " ".join(pieces)
    assert _FORBID.search(text) is None or any(word in text for word in _DEMANDS)


@pytest.mark.parametrize(
    "text",
    [
        *("please don't call me that", "i'd rather you didn't ask", "i would rather nobody knew", "stop texting me"),
        *("my weight is a no-go", "off limits: my ex", "not a question about it", "it is not up for discussion"),
        *(
            "would rather not talk about work",
            "do not mention it",
            "dont remind me",
            "never ping me",
            "keep this private",
        ),
    ],
)
def test_each_way_to_ask_for_it_has_one_of_its_words(text: str) -> None:
    assert _FORBID.search(text) is not None
    assert any(word in text for word in _DEMANDS)


def test_expressions_are_taken_apart_with_the_first_text() -> None:
    search = PhraseSearch({"tea": r"\btea\b"})
    assert "_parts" not in vars(search)
    assert search.found("a cup of tea") == ["tea"]
    assert "_parts" in vars(search)

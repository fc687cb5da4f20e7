"""Counting tokens."""

from __future__ import annotations

import time

import pytest

from reverie.errors import InvalidInput
from reverie.tokens import TOKENIZERS, tokenizer_named


@pytest.mark.parametrize(
    ("name", "text", "tokens"),
    [
        # As OpenAI's own library counts them.
        ("o200k_base", "hello world", 2),
        ("cl100k_base", "tiktoken is great!", 6),
        ("o200k_base", "", 0),
        ("utf8-bytes", "Zürich", 7),
    ],
)
def test_texts_are_counted_as_their_tokenizer_counts_them(name: str, text: str, tokens: int) -> None:
    assert tokenizer_named(name).count(text) == tokens


def test_bytes_are_an_upper_bound() -> None:
    texts = ["你好，世界", "👩‍👩‍👧", "the quick brown fox", "\n\n\t   x", "<|endoftext|>", "a\ud800b", "Ünïcödé"]
    bound = tokenizer_named("utf8-bytes")
    for name in TOKENIZERS:
        assert all(tokenizer_named(name).count(text) <= bound.count(text) for text in texts)


def test_the_name_of_a_special_token_is_plain_text() -> None:
    assert tokenizer_named("o200k_base").count("<|endoftext|>") > 1


def test_a_long_word_takes_linear_time() -> None:
    count = tokenizer_named("o200k_base").count
    spent = []
    for n in (20_000, 200_000):
        began = time.process_time()
        count("ab" * n)
        spent.append(time.process_time() - began)
    assert spent[1] < 100 * max(spent[0], 1e-3)


def test_an_unknown_tokenizer_is_named() -> None:
    with pytest.raises(InvalidInput, match="'gpt-9' is not known; there are o200k_base"):
        tokenizer_named("gpt-9")

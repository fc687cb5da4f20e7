"""Counting tokens as a language model does, without asking anybody over the network.

Three names are known:

- ``o200k_base`` (GPT-4o and later) and ``cl100k_base`` (GPT-4, GPT-3.5): exact, by ``bpe-openai``, GitHub's linear-time
  tokenizer, whose wheel holds the ranks.
- ``utf8-bytes``: an upper bound for every byte-level tokenizer, those of Llama, Qwen, Mistral and Claude among them:
  none makes more tokens of a text than it has bytes. It needs no package.

A name of OpenAI's special tokens in a text ("<|endoftext|>") is counted as the plain text that it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from reverie.errors import InvalidInput, MissingExtra

__all__ = ["DEFAULT_TOKENIZER", "TOKENIZERS", "Tokenizer", "byte_level", "tokenizer_named"]

DEFAULT_TOKENIZER = "o200k_base"

TOKENIZERS = ("o200k_base", "cl100k_base", "utf8-bytes")
"""Every name there is."""


class Tokenizer(Protocol):
    """Counts tokens."""

    @property
    def name(self) -> str:
        """One of ``TOKENIZERS``."""

    def count(self, text: str) -> int:
        """Tokens of ``text``, special tokens not among them."""


class Utf8Bytes:
    """Bytes of a text in UTF-8: as many tokens at most."""

    name = "utf8-bytes"

    def count(self, text: str) -> int:
        """Bytes of ``text``."""
        return len(text.encode("utf-8", "surrogatepass"))


class ByteLevel:
    """One of OpenAI's byte-level tokenizers. Loading takes about a second and 100 MB."""

    def __init__(self, name: str) -> None:
        try:
            from bpe_openai import get_encoding
        except ModuleNotFoundError as error:
            raise MissingExtra("worker", what=f"Counting tokens by {name}") from error
        self.name = name
        self._encoding = get_encoding(name)

    def count(self, text: str) -> int:
        """Tokens of ``text``."""
        return len(self._encoding.encode_ordinary(text))

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of token ids; half a character at an end becomes U+FFFD. Raises ``InvalidInput``."""
        for token in tokens:
            if not 0 <= token < self._encoding.n_vocab:
                raise InvalidInput(f"{token} is no token of {self.name}")
        try:
            return str(self._encoding.decode(list(tokens)))
        except (KeyError, ValueError, OverflowError):  # a number between the ordinary and the special ones
            raise InvalidInput(f"not all of these numbers are tokens of {self.name}") from None


@lru_cache
def byte_level(name: str) -> ByteLevel:
    """One of OpenAI's tokenizers, loaded once. Raises ``MissingExtra``."""
    return ByteLevel(name)


@lru_cache
def tokenizer_named(name: str = DEFAULT_TOKENIZER) -> Tokenizer:
    """The tokenizer of a name, loaded once. Raises ``InvalidInput`` for an unknown one."""
    if name not in TOKENIZERS:
        raise InvalidInput(f"tokenizer {name[:80]!r} is not known; there are {', '.join(TOKENIZERS)}")
    return Utf8Bytes() if name == Utf8Bytes.name else byte_level(name)

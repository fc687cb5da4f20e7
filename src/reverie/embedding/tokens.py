"""Texts to token ids: by the ``tokenizers`` library, or by sentencepiece, which takes a fifth of the memory.

A SentencePiece model of a vocabulary is written here by hand: its format is protocol buffers with a dozen fields.
"""

from __future__ import annotations

import re
import struct
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from reverie.errors import MissingExtra

__all__ = ["PIECES", "JsonTokens", "PieceTokens", "Tokens", "alphabet_of", "normalized", "piece_model"]

PIECES = "sentencepiece.model"
"""The file's name in a converted model's folder."""


class Tokens(Protocol):
    """Token ids of texts, without the special tokens around them. Thread-safe."""

    #: Ids before and after every text.
    before: list[int]
    after: list[int]
    #: The characters that it knows; None when it reads everything in some way.
    alphabet: str | None

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text."""


class JsonTokens:
    """A ``tokenizer.json``."""

    def __init__(self, path: Path, provider: str) -> None:
        try:
            from tokenizers import Tokenizer
        except ModuleNotFoundError as error:
            raise MissingExtra("worker", what=f"The {provider} embedder") from error
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        empty = self._tokenizer.encode("").ids
        middle = len(empty) // 2
        self.before, self.after = empty[:middle], empty[middle:]
        self.alphabet = alphabet_of(self._tokenizer)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text."""
        return [found.ids for found in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]


def alphabet_of(tokenizer: Any) -> str | None:
    """The characters that a tokenizer (of the library ``tokenizers``) knows, where a word with another is unknown."""
    if type(tokenizer.model).__name__ != "WordPiece":
        return None
    letters = {piece.removeprefix("##") for piece in tokenizer.get_vocab()}
    return "".join(sorted(letter for letter in letters if len(letter) == 1))


class PieceTokens:
    """A SentencePiece model that ``piece_model`` wrote, with XLM-RoBERTa's normalisation and special tokens."""

    before, after = [0], [2]
    alphabet: str | None = None

    def __init__(self, path: Path) -> None:
        try:
            import sentencepiece
        except ModuleNotFoundError as error:
            raise MissingExtra("multilingual", what="The multilingual model") from error
        self._processor: Any = sentencepiece.SentencePieceProcessor(model_file=str(path))

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text."""
        found: list[list[int]] = self._processor.encode([normalized(text) for text in texts], num_threads=1)
        return found


_DROPPED = dict.fromkeys((*range(0x01, 0x09), 0x0B, *range(0x0E, 0x20), 0x7F, 0x8F, 0x9F))
_BLANKS = dict.fromkeys(
    (0x09, 0x0A, 0x0C, 0x0D, 0x1680, *range(0x200B, 0x2010), 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD), " "
)
_TABLE: dict[int, str | None] = {**_DROPPED, **_BLANKS, 0x00: " "}  # a null would end the text for C
_WIDE_TILDE = "\uff5e"
_RUNS = re.compile(r" {2,}")


def normalized(text: str) -> str:
    """The text as XLM-RoBERTa's tokenizer sees it: NFKC, control characters dropped, blanks made one space.

    The wide tilde stays what it is, an exception of the original's table. A lone surrogate becomes a space.
    """
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode() if _lone(text) else text
        text = text.translate(_TABLE)
        parts = [unicodedata.normalize("NFKC", part) for part in text.split(_WIDE_TILDE)]
        text = _WIDE_TILDE.join(parts)
    else:
        text = text.translate(_TABLE)
    return _RUNS.sub(" ", text)


def _lone(text: str) -> bool:
    return any(0xD800 <= ord(letter) < 0xE000 for letter in text)


def piece_model(pieces: Sequence[str], scores: Sequence[float], *, control: Sequence[int], unk: int) -> bytes:
    """A unigram SentencePiece model (Kudo 2018) whose ids are the positions in ``pieces``.

    ``control``: ids that no text may give. Normalisation is left to ``normalized``.
    """
    special = set(control)
    parts = []
    for number, (piece, score) in enumerate(zip(pieces, scores, strict=True)):
        kind = 2 if number == unk else 3 if number in special else 1
        body = _text(1, piece) + _tag(2, 5) + struct.pack("<f", score) + (_number(3, kind) if kind != 1 else b"")
        parts.append(_block(1, body))
    trainer = _number(3, 1) + _number(4, len(pieces)) + _number(40, unk) + _number(41, 0) + _number(42, 2)
    trainer += _number(43, 1) + _text(45, "<s>") + _text(46, "</s>") + _text(47, "<unk>") + _text(48, "<pad>")
    normalizer = _text(1, "identity") + _number(3, 1) + _number(4, 1) + _number(5, 1)
    return b"".join(parts) + _block(2, trainer) + _block(3, normalizer)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _tag(field: int, kind: int) -> bytes:
    return _varint(field << 3 | kind)


def _number(field: int, value: int) -> bytes:
    return _tag(field, 0) + _varint(value)


def _block(field: int, body: bytes) -> bytes:
    return _tag(field, 2) + _varint(len(body)) + body


def _text(field: int, text: str) -> bytes:
    return _block(field, text.encode("utf-8"))

"""Texts that a model cannot read, and vectors for them that tell them apart.

A WordPiece tokenizer (Wu et al. 2016) gives one and the same token, [UNK], for every word with a character that it does
not know: to MiniLM all emoji, and all of Amharic, Khmer and Burmese, are one word, and any two such texts have a cosine
of 1. What is unread is found by its characters, so it holds for vectors from a cache too; and its vectors are made from
its characters, so that equal texts are near, and others are not.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from reverie.embedding.base import Vectors

__all__ = ["by_characters", "legible", "unread", "unread_note"]

_READ = 2000
"""Characters of a text that are looked at."""
_LONGEST_WORD = 100
"""Characters of a word from which WordPiece does not try to read it."""
_WORD = re.compile(r"[^\W_]+")


def legible(texts: Sequence[str], vectors: Vectors, alphabet: str | None) -> tuple[Vectors, NDArray[np.bool_]]:
    """``vectors`` with those of unread texts made from their characters, and (n,) which these are.

    ``alphabet``: see ``ModelSpec``; None for a model that reads everything. ``vectors`` is copied only if it changes.
    """
    lost = unread(texts, alphabet)
    if not lost.any():
        return vectors, lost
    vectors = vectors.copy()
    places = np.flatnonzero(lost)
    vectors[places] = by_characters([texts[i] for i in places.tolist()], vectors.shape[1])
    return vectors, lost


def unread_note(ids: Sequence[str]) -> str:
    """What a result says of unread texts: how many, and which are the first."""
    few = ", ".join(ids[:5])
    which = f"{few} and {len(ids) - 5:,} more" if len(ids) > 5 else few
    count = "1 memory is" if len(ids) == 1 else f"{len(ids):,} memories are"
    return f"{count} in signs that the model cannot read, and compared by characters alone: {which}"


def unread(texts: Sequence[str], alphabet: str | None) -> NDArray[np.bool_]:
    """(n,) whether more than half of a text's words are unknown to a model whose tokenizer knows ``alphabet``."""
    if alphabet is None:
        return np.zeros(len(texts), dtype=bool)
    known, easy = _known(alphabet)
    return np.array([_doubtful(text[:_READ], known, easy) and _lost(text[:_READ], known) for text in texts], dtype=bool)


def by_characters(texts: Sequence[str], dimensions: int) -> Vectors:
    """(n, dimensions) unit vectors: each word, each three letters and each sign has a fixed random direction."""
    out = np.zeros((len(texts), dimensions), dtype=np.float32)
    for row, text in enumerate(texts):
        for part, weight in _parts(unicodedata.normalize("NFC", text[:_READ]).casefold()):
            out[row] += weight * _direction(part, dimensions)
        if not out[row].any():
            out[row] = _direction(text[:_READ], dimensions)
    return np.asarray(out / np.linalg.norm(out, axis=1, keepdims=True), dtype=np.float32)


@lru_cache(maxsize=4)
def _known(alphabet: str) -> tuple[frozenset[str], set[str]]:
    """The alphabet, and the characters found so far that read well: nearly all texts have no others."""
    return frozenset(alphabet), {chr(c) for c in range(128)}


def _doubtful(text: str, known: frozenset[str], easy: set[str]) -> bool:
    """Whether a text has a character that is not read, or a word too long to be."""
    rest = set(text) - easy
    for c in rest:
        plain = [d for d in unicodedata.normalize("NFD", c.lower()) if not _silent(d)]
        if all(d in known or (_stands_alone(d) and not d.isalnum()) or d.isspace() for d in plain):
            easy.add(c)
        else:
            return True
    return len(text) > _LONGEST_WORD and max(map(len, text.split()), default=0) > _LONGEST_WORD


def _lost(text: str, known: frozenset[str]) -> bool:
    read = lost = 0
    for piece in text.split():
        # As BERT's own tokenizer: small letters without accents; punctuation stands alone, signs do not.
        plain = [c for c in unicodedata.normalize("NFD", piece.lower()) if not _silent(c)]
        word: list[str] = []
        for c in [*plain, "."]:
            if _stands_alone(c):
                if word:
                    whole = len(word) <= _LONGEST_WORD and known.issuperset(word)
                    read, lost = read + whole, lost + (not whole)
                word = []
                if c.isalnum():  # a Chinese character is a word
                    read, lost = read + (c in known), lost + (c not in known)
            else:
                word.append(c)
    return lost > read


@lru_cache(maxsize=20_000)
def _silent(c: str) -> bool:
    return unicodedata.category(c) in ("Mn", "Cc", "Cf", "Co", "Cs")


@lru_cache(maxsize=20_000)
def _stands_alone(c: str) -> bool:
    code = ord(c)
    if 0x3400 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x2FA1F:
        return True
    return unicodedata.category(c)[0] == "P" or (code < 0x80 and not c.isalnum())


def _parts(text: str) -> Iterator[tuple[str, float]]:
    words = dict.fromkeys(_WORD.findall(text))
    yield from ((word, 1.0) for word in words)
    yield from dict.fromkeys((word[i : i + 3], 0.5) for word in words for i in range(len(word) - 2))
    signs = dict.fromkeys(c for c in text if not c.isalnum() and not c.isspace() and not _silent(c))
    yield from ((sign, 1.0) for sign in signs)


@lru_cache(maxsize=4096)
def _direction(part: str, dimensions: int) -> Vectors:
    seed = hashlib.blake2b(part.encode("utf-8", "surrogatepass"), digest_size=8, person=b"unread").digest()
    bits = np.random.Generator(np.random.PCG64(int.from_bytes(seed, "little"))).integers(
        0, 2, dimensions, dtype=np.int8
    )
    return (bits * 2 - 1).astype(np.float32)

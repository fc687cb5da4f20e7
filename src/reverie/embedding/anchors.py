"""Vectors of sentences that engines compare memories with: shipped for the bundled model, else computed once."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reverie.embedding.base import Embedder, ModelSpec, OnProgress, Vectors, silent

__all__ = ["Anchor", "anchor_vectors", "pack"]

Anchor = tuple[str, ...]
"""One or more wordings of the same thing; its vector is the unit mean of theirs."""


def anchor_vectors(
    embedder: Embedder, anchors: Sequence[Anchor], folder: Path | None = None, on_progress: OnProgress = silent
) -> Vectors:
    """(n, d) unit vectors of ``anchors`` in the embedder's model.

    Those of the models that installations choose by themselves come with the package. Others are computed once and
    kept in ``folder``, where one is given and can be written. Raises what ``embedder.embed`` raises.
    """
    keys = [_key(anchor) for anchor in anchors]
    out = np.zeros((len(anchors), embedder.model.dimensions), dtype=np.float32)
    model = embedder.model
    shipped = _shipped(model.name, _stamp(model))
    missing = []
    for row, key in enumerate(keys):
        found = shipped.get(key)
        if found is not None and len(found) == out.shape[1]:
            out[row] = found
        else:
            missing.append(row)
    if missing:
        out[missing] = _computed(embedder, [anchors[row] for row in missing], folder, on_progress)
    return _unit(out)


def pack(embedder: Embedder, anchors: Sequence[Anchor]) -> bytes:
    """What is shipped for a model: the vectors as bytes, a scale a row. Their cosines are exact to about .002."""
    vectors = _unit(_embed(embedder, list(dict.fromkeys(anchors)), silent))
    scale = np.abs(vectors).max(axis=1) / 127.0
    rows = np.round(vectors / scale[:, None]).astype(np.int8)
    keys = np.frombuffer(b"".join(_key(anchor) for anchor in dict.fromkeys(anchors)), dtype=np.uint8).reshape(-1, 8)
    file = BytesIO()
    np.savez(file, keys=keys, rows=rows, scale=scale.astype(np.float32), revision=np.array(_stamp(embedder.model)))
    return file.getvalue()


def _stamp(model: ModelSpec) -> str:
    """What the values of a model's vectors depend on, but for the precision."""
    return f"{model.revision}-{model.centring}" if model.centring else model.revision


@lru_cache(maxsize=4)
def _shipped(name: str, stamp: str) -> dict[bytes, NDArray[np.float32]]:
    file = files("reverie.embedding") / "anchor_vectors" / f"{name.rsplit('/', 1)[-1]}.npz"
    if not file.is_file():
        return {}
    with np.load(BytesIO(file.read_bytes()), allow_pickle=False) as held:
        if str(held["revision"]) != stamp:
            return {}
        rows = held["rows"].astype(np.float32) * held["scale"][:, None]
        return {key.tobytes(): row for key, row in zip(held["keys"], rows, strict=True)}


def _computed(embedder: Embedder, anchors: list[Anchor], folder: Path | None, on_progress: OnProgress) -> Vectors:
    kept = None if folder is None else folder / f"{embedder.model.key}-{_digest(anchors)}.npy"
    shape = (len(anchors), embedder.model.dimensions)
    if kept is not None and (found := _read(kept, shape)) is not None:
        return found
    vectors = _embed(embedder, anchors, on_progress)
    if kept is not None:
        _write(kept, vectors)
    return vectors


def _embed(embedder: Embedder, anchors: list[Anchor], on_progress: OnProgress) -> Vectors:
    texts = [text for anchor in anchors for text in anchor]
    vectors = embedder.embed(texts, on_progress=on_progress).vectors
    starts = np.cumsum([0, *(len(anchor) for anchor in anchors[:-1])])
    return np.asarray(np.add.reduceat(vectors, starts, axis=0), dtype=np.float32)


def _unit(x: Vectors) -> Vectors:
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12), dtype=np.float32)


def _read(file: Path, shape: tuple[int, int]) -> Vectors | None:
    try:
        found = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return found if found.shape == shape and found.dtype == np.float32 and np.isfinite(found).all() else None


def _write(file: Path, vectors: Vectors) -> None:
    """Whole or not at all; a folder that cannot be written only costs the next process the same time."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, suffix=".part")
    except OSError:
        return
    try:
        with os.fdopen(handle, "wb") as out:
            np.save(out, vectors)
        Path(name).replace(file)
    except OSError:
        Path(name).unlink(missing_ok=True)


def _key(anchor: Anchor) -> bytes:
    return hashlib.blake2b("\x1f".join(anchor).encode(), digest_size=8).digest()


def _digest(anchors: Sequence[Anchor]) -> str:
    return hashlib.blake2b(b"".join(_key(anchor) for anchor in anchors), digest_size=8).hexdigest()

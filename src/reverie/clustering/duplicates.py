"""Texts that say the same count once, so that copies do not form the themes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from reverie.clustering.geometry import dots, lengths, moved_up
from reverie.clustering.grouping import Neighbourhood, neighbourhood
from reverie.clustering.nearest import neighbours
from reverie.embedding.base import OnProgress, Vectors
from reverie.embedding.calibration import REFERENCE, Cosine, Scale

__all__ = ["Copies", "collapse", "merge_alike"]

Copies = list[list[int]]
"""For each distinct text the indices of the memories that say it, its spokesman first."""

_ALIKE = Cosine(0.97)
"""Cosine similarity from which two texts say the same."""
_OTHER = re.compile(r"[\W_]+")
_SPACED = {code: " " for code in range(128) if not chr(code).isalnum()}
_FOLDED = 10_000
"""Characters of a text whose case, spaces and punctuation are folded; longer ones agree letter for letter or not."""
_SEARCHED_AGAIN = 2000
"""Texts up to which all neighbours are searched again without the copies; beyond, of those who lost most."""
_CROWDED = 0.5
"""Part of its neighbours that a text must lose to be searched again."""


def collapse(texts: Sequence[str]) -> Copies:
    """Texts that agree letter for letter, but for case, spaces and punctuation."""
    groups: dict[str, list[int]] = {}
    for index, text in enumerate(texts):
        key = ""
        if len(text) <= _FOLDED:
            folded = unicodedata.normalize("NFKC", text).casefold()
            # One that is plain ASCII is folded by a table, four times as fast.
            key = " ".join(folded.translate(_SPACED).split()) if folded.isascii() else _OTHER.sub(" ", folded).strip()
        groups.setdefault(key or text.strip(), []).append(index)
    return list(groups.values())


def merge_alike(
    x: Vectors,
    near: Neighbourhood,
    copies: Copies,
    seed: int,
    on_progress: OnProgress,
    search: Callable[[Vectors, int, OnProgress], Neighbourhood] = neighbourhood,
    scale: Scale = REFERENCE,
) -> tuple[Neighbourhood, Copies]:
    """Join near-duplicates (cosine at least 0.97) to the first of them, and the neighbourhood of what is left.

    ``x``: (n, d) unit vectors, one for each of ``copies``. It and ``near`` are given up: what is left stands in their
    place. Each joins a spokesman it is itself alike to, so that a chain of small changes does not become one text.
    """
    if len(copies) < 2:
        return near, copies
    speaker = _speakers(x, near, scale.own(_ALIKE))
    kept = np.flatnonzero(speaker == np.arange(len(speaker)))
    if len(kept) == len(copies):
        return near, copies
    at = np.full(len(copies), -1, dtype=np.int64)
    at[kept] = np.arange(len(kept))
    merged: Copies = [[] for _ in kept]
    for one in np.concatenate([kept, np.flatnonzero(at < 0)]):
        merged[at[speaker[one]]].extend(copies[one])
    if len(kept) <= _SEARCHED_AGAIN:
        x = x[kept]
        return merge_alike(x, search(x, seed, on_progress), merged, seed, on_progress, search, scale)
    index = at[near.index[kept]]
    gone = index < 0
    index = np.where(gone, np.arange(len(kept))[:, None], index)
    value = np.where(gone, np.float32(0.0), near.value[kept])
    # A search of another's may answer with the array it was given, or with one that is not its own.
    shared = np.may_share_memory(x, near.centred) or not near.centred.flags.writeable
    centred = near.centred[kept] if shared else moved_up(near.centred, kept)
    left = Neighbourhood(centred, index, value)
    x = moved_up(x, kept)
    crowded = np.flatnonzero(gone.mean(axis=1) > _CROWDED)
    if not len(crowded):
        return left, merged
    # Copies have crowded true neighbours, and further copies, out of these lists.
    index[crowded], value[crowded] = neighbours(left.centred, index.shape[1], on_progress, seed=seed, rows=crowded)
    return merge_alike(x, left, merged, seed, on_progress, search, scale)


def _speakers(x: Vectors, near: Neighbourhood, alike_from: float) -> NDArray[np.int64]:
    n = len(x)
    speaker = np.arange(n)
    # Centring by m stretches angles: 1 - cos(a - m, b - m) is at most (1 - cos(a, b)) / (|a - m| |b - m|).
    reach = lengths(x, x.mean(axis=0, keepdims=True))
    widest = (1.0 - alike_from) / np.maximum(reach[:, None] * reach[near.index], 1e-6)
    rows, columns = np.nonzero(near.value >= 1.0 - widest - 1e-4)
    others = near.index[rows, columns]
    alike = np.round(dots(x, rows, others), 5) >= alike_from
    pairs: dict[int, list[int]] = {}
    for a, b in zip(rows[alike].tolist(), others[alike].tolist(), strict=True):
        pairs.setdefault(max(a, b), []).append(min(a, b))
    for one in sorted(pairs):
        leaders = [other for other in pairs[one] if speaker[other] == other]
        if leaders:
            speaker[one] = min(leaders)
    return speaker

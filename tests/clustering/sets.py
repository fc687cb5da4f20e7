"""Sets of memories with known groups, as points around random directions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reverie.contracts import Memory
from reverie.embedding.base import Vectors


def blobs(
    groups: int, size: int, *, spread: float = 0.6, seed: int = 0, d: int = 64
) -> tuple[Vectors, NDArray[np.int64]]:
    """(groups * size, d) unit vectors around ``groups`` directions, shuffled, and the group of each."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(groups, d))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    labels = rng.permutation(np.repeat(np.arange(groups), size))
    noise = rng.normal(size=(len(labels), d)) / d**0.5
    x = centres[labels] + spread * noise
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), labels


def memories(count: int, labels: NDArray[np.int64] | None = None) -> list[Memory]:
    """Memories with texts that name their group."""
    subject = ["cat", "guitar", "hiking", "bread", "chess", "garden", "rocket", "violin", "soccer", "poetry"]
    told = labels if labels is not None else np.zeros(count, dtype=np.int64)
    return [
        Memory(id=f"m{i}", text=f"note {i} about {subject[int(g) % 10]} number{int(g)} here")
        for i, g in zip(range(count), told, strict=True)
    ]

"""The 2-D map: neighbours near, everything else apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reverie.clustering.grouping import Neighbourhood
from reverie.embedding.base import OnProgress, Vectors, silent

__all__ = ["layout"]

_EPOCHS = 80
_NEGATIVES = 5


def layout(near: Neighbourhood, seed: int = 0, on_progress: OnProgress = silent) -> NDArray[np.float32]:
    """(n, 2) positions from -1 to 1.

    Principal axes, then forces along the neighbour graph with sampled repulsion, as in LargeVis (Tang et al. 2016)
    and UMAP (McInnes et al. 2018), all points at once.
    """
    c = near.centred
    n = len(c)
    if n == 0:
        return np.empty((0, 2), dtype=np.float32)
    if n < 3:
        return np.array([[0.0, 0.0], [1.0, 0.0]], dtype=np.float32)[:n] - (0.5 if n == 2 else 0.0)
    start = _principal(c)
    k = min(12, near.index.shape[1])
    index, value = near.index[:, :k], near.value[:, :k]
    # Neighbours down, points across: sums over the first axis run along memory.
    to = np.ascontiguousarray(index.T)
    weight = np.ascontiguousarray(-2.0 * np.maximum(value.T, np.float32(0.05)))
    rng = np.random.default_rng(seed)
    y = start / max(float(np.abs(start).max()), 1e-9) * 10.0
    y = y + rng.normal(scale=1e-3, size=y.shape)
    # One axis at a time: arrays of two columns cost twice as much.
    axes = [np.ascontiguousarray(axis, dtype=np.float32) for axis in y.T]
    epochs = _EPOCHS if n <= 5000 else max(30, _EPOCHS * 5000 // n)
    for epoch in range(epochs):
        step = np.float32((1.0 - epoch / epochs) * 0.5 / np.sqrt(k))
        other = rng.integers(0, n, (_NEGATIVES, n))
        near_by = [axis - axis.take(to) for axis in axes]
        far = [axis - axis.take(other) for axis in axes]
        pull = weight / (near_by[0] ** 2 + near_by[1] ** 2 + 1.0)
        r2 = far[0] ** 2 + far[1] ** 2
        push = 2.0 / ((r2 + 0.01) * (r2 + 1.0))
        for place, axis in enumerate(axes):
            pulled = np.clip(pull * near_by[place], -4.0, 4.0)
            pushed = np.clip(push * far[place], -4.0, 4.0).sum(axis=0)
            back = np.bincount(to.ravel(), pulled.ravel(), n).astype(np.float32)
            axes[place] = axis + (pulled.sum(axis=0) - back + pushed * (k / 8)) * step
        if epoch % 10 == 0:
            on_progress("mapping", epoch, epochs)
    y = np.stack(axes, axis=1)
    # Half the far points set the scale: a single point far away would leave the others no room.
    y = y - np.median(y, axis=0)
    reach = max(float(np.quantile(np.abs(y), 0.995)), 1e-9)
    on_progress("mapping", epochs, epochs)
    return np.asarray(np.round(np.clip(y / reach, -1.0, 1.0), 4), dtype=np.float32)


def _principal(c: Vectors) -> NDArray[np.float64]:
    """First two principal coordinates, with signs fixed so that no library's whim mirrors the map."""
    # Subspace iteration: two axes are wanted, not the whole decomposition, nor the covariance that it would need.
    few = min(4, c.shape[1])
    axes = np.linalg.qr(c.T @ c[:, :few] + np.eye(c.shape[1], few, dtype=np.float32) * np.float32(1e-3))[0]
    for _ in range(12):
        axes = np.linalg.qr(c.T @ (c @ axes))[0]
    seen = (c @ axes).astype(np.float64)
    small, turn = np.linalg.eigh(seen.T @ seen)
    axes = (axes @ turn[:, np.argsort(-small, kind="stable")])[:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    return np.asarray(c @ axes, dtype=np.float64)

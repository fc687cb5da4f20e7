"""The 2-D map: neighbours near, everything else apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reverie.clustering.grouping import Neighbourhood
from reverie.embedding.base import OnProgress, Vectors, silent

__all__ = ["layout"]

_EPOCHS = 120
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
    source = np.repeat(np.arange(n), k)
    target = index.ravel()
    weight = np.maximum(value.ravel(), 0.05).astype(np.float64)
    rng = np.random.default_rng(seed)
    y = start / max(float(np.abs(start).max()), 1e-9) * 10.0
    y = y + rng.normal(scale=1e-3, size=y.shape)
    epochs = _EPOCHS if n <= 5000 else max(30, _EPOCHS * 5000 // n)
    for epoch in range(epochs):
        step = 1.0 - epoch / epochs
        # One axis at a time: arrays of two columns cost twice as much.
        across, up = y[:, 0], y[:, 1]
        dx, dy = across[source] - across[target], up[source] - up[target]
        near_pull = -2.0 * weight / (1.0 + (dx**2 + dy**2))
        force = np.empty_like(y)
        for axis, delta in ((0, dx), (1, dy)):
            pull = np.clip(near_pull * delta, -4, 4)
            force[:, axis] = np.bincount(source, pull, n) - np.bincount(target, pull, n)
        for _ in range(_NEGATIVES):
            other = rng.integers(0, n, n)
            dx, dy = across - across[other], up - up[other]
            r2 = dx**2 + dy**2
            push = 2.0 / ((0.01 + r2) * (1.0 + r2))
            force[:, 0] += np.clip(push * dx, -4, 4) * (k / 8)
            force[:, 1] += np.clip(push * dy, -4, 4) * (k / 8)
        y = y + force * (step * 0.5 / np.sqrt(k))
        if epoch % 10 == 0:
            on_progress("mapping", epoch, epochs)
    # Half the far points set the scale: one hermit must not squeeze everybody else together.
    y = y - np.median(y, axis=0)
    reach = max(float(np.quantile(np.abs(y), 0.995)), 1e-9)
    on_progress("mapping", epochs, epochs)
    return np.asarray(np.round(np.clip(y / reach, -1.0, 1.0), 4), dtype=np.float32)


def _principal(c: Vectors) -> NDArray[np.float64]:
    """First two principal coordinates, with signs fixed so that no library's whim mirrors the map."""
    covariance = (c.T @ c).astype(np.float64)
    # Subspace iteration: two axes are wanted, not the whole decomposition.
    axes = np.linalg.qr(covariance[:, :4] + np.eye(len(covariance), 4) * 1e-3)[0]
    for _ in range(12):
        axes = np.linalg.qr(covariance @ axes)[0]
    small, turn = np.linalg.eigh(axes.T @ covariance @ axes)
    axes = (axes @ turn[:, np.argsort(-small, kind="stable")])[:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    return np.asarray(c @ axes, dtype=np.float64)

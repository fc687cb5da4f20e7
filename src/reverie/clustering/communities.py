"""Communities of a weighted graph at a row of resolutions, the same ones every time.

The Leiden method (Traag et al. 2019) on scikit-network's compiled kernel for local moving. The library's own Leiden
draws from C's ``rand``, which no seed of ours reaches: the same graph gave 46 communities, then 47. Here refinement
takes the best move in place of a drawn one (the method's theta towards 0), and nothing is random.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sknetwork.clustering.louvain_core import optimize_core

__all__ = ["communities", "sweep"]

Labels = NDArray[np.int64]

_ROWS = 100_000
"""Rows of a graph whose weights are scaled together."""
_GAIN = 1e-4
"""Modularity that a pass over all nodes must gain for another one to follow."""


@dataclass(frozen=True, slots=True)
class _Network:
    """A symmetric graph as the kernel reads it: the arrays of a CSR matrix whose weights together are 1.

    Plain arrays, since a search makes thousands of small graphs, and SciPy checks each of its matrices.
    """

    #: (n + 1,) and (edges,) int32.
    indptr: NDArray[np.int32]
    indices: NDArray[np.int32]
    #: (edges,) float32.
    data: NDArray[np.float32]
    #: (n,) float32: each node's part of all weight, and what of it is a loop.
    strength: NDArray[np.float32]
    loops: NDArray[np.float32]

    @property
    def size(self) -> int:
        return len(self.strength)

    @property
    def matrix(self) -> sparse.csr_matrix:
        return sparse.csr_matrix((self.data, self.indices, self.indptr), shape=(self.size, self.size))


def communities(graph: sparse.csr_matrix, resolution: float) -> Labels:
    """Labels 0.. of the nodes of a symmetric graph without loops; a higher ``resolution`` gives more communities.

    Modularity with a resolution (Reichardt and Bornholdt 2006). Deterministic.
    """
    return next(sweep(graph, [resolution]))


def sweep(graph: sparse.csr_matrix, resolutions: Sequence[float]) -> Iterator[Labels]:
    """The communities at each of ``resolutions``, highest first.

    Only the first search starts from single nodes. The next ones start from the communities just found, joined as
    nodes of a small graph, and let single nodes move afterwards (multilevel refinement, Rotta and Noack 2011): a tenth
    of the cost.
    """
    if list(resolutions) != sorted(resolutions, reverse=True):
        raise ValueError("resolutions must fall")
    whole = _network(graph)
    found: Labels = np.arange(whole.size)
    for number, resolution in enumerate(resolutions):
        if number:
            joined = _joined(whole, found)
            found = _leiden(joined, resolution)[found]
        else:
            found = _leiden(whole, resolution)
        found = _moved(whole, found, resolution)
        yield found


def _leiden(net: _Network, resolution: float) -> Labels:
    """Move nodes, refine, join what belongs together, and again with the joined nodes until nothing joins."""
    node: Labels = np.arange(net.size)
    labels = node
    while True:
        labels = _moved(net, labels, resolution)
        refined = _moved(_within(net, labels), np.arange(net.size), resolution)
        count = int(refined.max()) + 1 if len(refined) else 0
        if count == net.size:
            return labels[node]
        above = np.empty(count, dtype=np.int64)
        above[refined] = labels
        net, labels, node = _joined(net, refined), above, refined[node]


def _network(graph: sparse.csr_matrix) -> _Network:
    graph = sparse.csr_matrix(graph)
    total = float(graph.sum()) or 1.0
    # In blocks: of a million rows each whole array of float64 would be 200 MB.
    data = np.empty(len(graph.data), dtype=np.float32)
    strength = np.empty(graph.shape[0], dtype=np.float32)
    for start in range(0, len(strength), _ROWS):
        ends = graph.indptr[start : start + _ROWS + 1]
        part = graph.data[ends[0] : ends[-1]] / total
        data[ends[0] : ends[-1]] = part
        rows = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
        strength[start : start + _ROWS] = np.bincount(rows, part, len(ends) - 1)
    return _as_network(sparse.csr_matrix((data, graph.indices, graph.indptr), shape=graph.shape), strength)


def _as_network(matrix: sparse.csr_matrix, strength: NDArray[np.float32]) -> _Network:
    indptr, indices = (part.astype(np.int32, copy=False) for part in (matrix.indptr, matrix.indices))
    data, loops = (part.astype(np.float32, copy=False) for part in (matrix.data, matrix.diagonal()))
    return _Network(indptr, indices, data, strength, loops)


def _joined(net: _Network, labels: Labels) -> _Network:
    """Each community as one node; weights within become its loop."""
    n, count = net.size, int(labels.max()) + 1
    member = sparse.csr_matrix((np.ones(n, dtype=np.float32), labels, np.arange(n + 1)), shape=(n, count))
    matrix = sparse.csr_matrix(member.T @ (net.matrix @ member))
    return _as_network(matrix, np.bincount(labels, net.strength, count).astype(np.float32))


def _within(net: _Network, labels: Labels) -> _Network:
    """The same nodes without the edges between communities."""
    inside = np.repeat(labels, np.diff(net.indptr)) == labels[net.indices]
    before = np.zeros(len(inside) + 1, dtype=np.int32)
    np.cumsum(inside, out=before[1:])
    return _Network(before[net.indptr], net.indices[inside], net.data[inside], net.strength, net.loops)


def _moved(net: _Network, labels: Labels, resolution: float) -> Labels:
    """Each node in turn goes to the neighbouring community that gains most, until passes gain little; labels 0.. ."""
    weights = np.bincount(labels, net.strength, net.size).astype(np.float32)
    moved, _ = optimize_core(
        labels.astype(np.int32),
        net.indices,
        net.indptr,
        net.data,
        net.strength,
        net.strength,
        weights,
        weights.copy(),
        np.zeros(net.size, dtype=np.float32),
        net.loops,
        resolution,
        _GAIN,
    )
    # Without gaps, in the same order.
    where = np.asarray(moved)
    used = np.zeros(net.size, dtype=np.int64)
    used[where] = 1
    return np.asarray(np.cumsum(used)[where] - 1, dtype=np.int64)

"""Graph kernels beside each other on the graphs that the analysis builds: communities, PageRank, betweenness."""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks._analysis_people import START, invented
from benchmarks._peers import command, environment
from benchmarks._report import machine, table
from reverie.analysis import analyze, to_networkx
from reverie.contracts import AnalyzeOptions

KERNELS = (
    "scikit-network Leiden",
    "scikit-network Louvain",
    "graspologic-native Leiden",
    "networkx Louvain",
    "power iteration (scipy)",
    "scikit-network PageRank",
    "rustworkx PageRank",
    "networkx PageRank",
    "rustworkx betweenness",
    "networkx betweenness",
)


def graph_of(n: int, path: Path) -> int:
    """Write the graph of ``n`` invented memories; returns its number of edges."""
    import networkx as nx

    memories, vectors = invented(n)
    found = analyze(memories, vectors, AnalyzeOptions(sections=["graph"]), now=START + timedelta(days=740))
    assert found.graph is not None
    upper = sparse.triu(nx.to_scipy_sparse_array(to_networkx(found.graph)), k=1).tocoo()
    np.savez(path, row=upper.row, column=upper.col, weight=upper.data, n=upper.shape[0])
    return int(upper.nnz)


def measure(python: Path, kernel: str, path: Path, limit: float) -> dict[str, Any]:
    """One kernel, stopped ``limit`` seconds after its graph is loaded."""
    wish = command(python, "_kernels.py", kernel, str(path))
    with subprocess.Popen(wish, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        try:
            out, _ = child.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            child.kill()
            return {}
    if child.returncode:
        raise SystemExit(f"{kernel} failed")
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--limit", type=float, default=60.0)
    arguments = parser.parse_args()
    python = environment("kernels")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for n in arguments.sizes:
            path = Path(folder) / f"{n}.npz"
            edges = graph_of(n, path)
            for kernel in KERNELS:
                found = measure(python, kernel, path, arguments.limit)
                if not found:
                    rows.append([kernel, f"{n:,}", f"{edges:,}", f"> {arguments.limit:.0f} s", "", "", ""])
                    continue
                same = {True: "yes", False: "no"}[found["again"]] if "again" in found else ""
                quality = f"{found['modularity']:.4f}" if "modularity" in found else ""
                rows.append(
                    [
                        kernel,
                        f"{n:,}",
                        f"{edges:,}",
                        f"{found['seconds']:.4f} s",
                        f"{found['busy']:.4f} s",
                        quality,
                        same,
                    ]
                )
    print(machine())
    print(table(["kernel", "nodes", "edges", "least", "CPU, least", "modularity", "same again"], rows))


if __name__ == "__main__":
    main()

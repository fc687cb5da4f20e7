"""Cluster and analyze at a hundred thousand to a million memories of one person: time, peak memory, agreement.

The memories are made from a public set by recombination: two sentences of the same class are one memory, its vector the
unit mean of theirs by length (what mean pooling does, short of attention between them), its class the planted truth;
dates are spread over two years, seeded. Each measurement has a process of its own. A service takes 100,000 memories a
task: what lies beyond is for the engines as a library, and to know where they end.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue
from sklearn.metrics import adjusted_mutual_info_score

from benchmarks._analysis_people import START
from benchmarks._analysis_scale import _peak
from benchmarks._report import machine, table
from benchmarks._themes_data import data_folder, load_sets
from benchmarks.themes import PLAIN, labels_of
from reverie.analysis import analyze
from reverie.clustering import cluster
from reverie.contracts import Memory
from reverie.embedding.base import Vectors

SEED = 27
DAYS = 730
BLOCK = 8192


def recombined(
    folder: Path, name: str, count: int, most: int, seed: int
) -> tuple[list[Memory], Vectors, NDArray[np.int64]]:
    """``count`` memories, their vectors and classes."""
    (one,) = load_sets(folder, [name], most=most)
    inside = np.flatnonzero(~one.outside)
    truth = np.unique(one.truths["label"][inside], return_inverse=True)[1]
    rng = np.random.default_rng(seed)
    first = rng.integers(0, len(inside), count)
    # The second of a pair: another row of the same class, by its place among the class's rows.
    order = np.argsort(truth, kind="stable")
    starts = np.searchsorted(truth[order], np.arange(truth.max() + 1))
    sizes = np.bincount(truth)
    own = truth[first]
    second = order[starts[own] + rng.integers(0, sizes[own])]
    lengths = np.array([len(text.split()) for text in one.texts], dtype=np.float32)
    a, b = inside[first], inside[second]
    x = np.empty((count, one.vectors.shape[1]), dtype=np.float32)
    for start in range(0, count, BLOCK):  # the peak that is told is the engine's, not that of making its input
        i, j, out = a[start : start + BLOCK], b[start : start + BLOCK], x[start : start + BLOCK]
        np.multiply(one.vectors[i], lengths[i, None], out=out)
        out += one.vectors[j] * lengths[j, None]
        out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
    minutes = np.sort(rng.integers(0, DAYS * 24 * 60, count))
    nothing: dict[str, JsonValue] = {}
    memories = [
        Memory.built(
            id=str(n),
            text=f"{one.texts[i]} {one.texts[j]}",
            created_at=START + timedelta(minutes=int(minutes[n])),
            last_accessed_at=None,
            access_count=0,
            kind=None,
            source=None,
            speaker=None,
            metadata=nothing,
        )
        for n, (i, j) in enumerate(zip(a.tolist(), b.tolist(), strict=True))
    ]
    return memories, x, own


def one(what: str, count: int, options: argparse.Namespace) -> dict[str, float]:
    """One measurement, in this process."""
    memories, x, truth = recombined(data_folder(options.data), options.set, count, options.texts, options.seed)
    data, began, busy = _peak(), time.perf_counter(), time.process_time()
    if what == "cluster":
        result = cluster(memories, x, PLAIN).result
    else:
        analyze(memories, x, now=START + timedelta(days=DAYS + 1))
    found = {"seconds": time.perf_counter() - began, "busy": time.process_time() - busy, "data": data, "peak": _peak()}
    if what == "cluster":
        found["themes"] = len(result.themes)
        found["agreement"] = float(adjusted_mutual_info_score(truth, labels_of(result, count)))
    return found


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="./dev bench million", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of labelled sets: NAME/*.jsonl.gz")
    parser.add_argument("--set", default="clinc150", help="the set whose sentences are combined")
    parser.add_argument("--texts", type=int, default=25_000, help="most of its sentences")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000], help="up to 1000000")
    parser.add_argument("--only", nargs="+", choices=("cluster", "analyze"), default=["cluster", "analyze"])
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds after which a measurement is given up")
    parser.add_argument("--one", nargs=2, metavar=("WHAT", "COUNT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(options.one[0], int(options.one[1]), options)))
        return 0
    load_sets(data_folder(options.data), [options.set], most=options.texts)  # embedded once, outside what is measured
    print(f"{machine()}; sentences of {options.set} in pairs, seed {options.seed}\n")
    rows = []
    for count in options.sizes:
        for what in options.only:
            argv = [sys.executable, "-m", "benchmarks.million", "--one", what, str(count), "--set", options.set]
            argv += ["--texts", str(options.texts), "--seed", str(options.seed)]
            argv += ["--data", str(data_folder(options.data))]
            try:
                done = subprocess.run(argv, stdout=subprocess.PIPE, timeout=options.limit, check=True, text=True)
            except subprocess.TimeoutExpired:
                rows.append([f"{what}, {count:,}", f"given up after {options.limit:.0f} s", "", "", "", "", ""])
                continue
            except subprocess.CalledProcessError as error:
                rows.append([f"{what}, {count:,}", f"ended with status {error.returncode}", "", "", "", "", ""])
                continue
            told = json.loads(done.stdout.splitlines()[-1])
            found = [f"{told['agreement']:.3f}", f"{told['themes']:,}"] if what == "cluster" else ["", ""]
            rows.append([
                f"{what}, {count:,}", f"{told['seconds']:.0f} s", f"{told['busy']:.0f} s", f"{told['data']:,.0f} MB",
                f"{told['peak']:,.0f} MB", *found,
            ])  # fmt: skip
            print(" | ".join(map(str, rows[-1])), file=sys.stderr, flush=True)
    head = ["", "time", "CPU", "memories and vectors", "peak", "AMI", "themes"]
    print(table(head, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())

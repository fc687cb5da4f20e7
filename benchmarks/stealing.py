"""Replicas that take the next batch when they are free, beside replicas with fixed shares, while one core is loaded.

The same embedder and texts in turns: batches as the embedder takes them, and the same batches dealt out beforehand to
one thread each. First with nothing else running; then beside a busy loop that is pinned to one core, which the kernel
evens out by moving threads; then with half of a core taken away, which it does not.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks._report import machine, table
from benchmarks._themes_data import ROOT
from benchmarks.main import texts
from reverie.embedding import create_embedder
from reverie.embedding.base import OnProgress, Vectors
from reverie.embedding.batching import Row, make_batches
from reverie.embedding.local import TOKENS_PER_BATCH, LocalEmbedder

WAYS = ("taken when free", "fixed shares")


def fixed(embedder: LocalEmbedder, rows: list[Row], count: int) -> Vectors:
    """What ``LocalEmbedder._run`` answers, with a replica's batches dealt out beforehand, one after the other."""
    sums = np.zeros((count, embedder.model.dimensions), dtype=np.float32)
    batches = make_batches([len(row.ids) for row in rows], TOKENS_PER_BATCH)

    def share(number: int) -> list[tuple[list[int], Vectors]]:
        mine = batches[number :: embedder._replicas]
        return [(batch, embedder._forward([rows[r].ids for r in batch])) for batch in mine]

    with ThreadPoolExecutor(embedder._replicas) as pool:
        for done in pool.map(share, range(embedder._replicas)):
            for batch, vectors in done:
                for row, vector in zip(batch, vectors, strict=True):
                    sums[rows[row].text] += vector * rows[row].weight
    return sums


BUSY = "while True: pass"
TAKEN = """
import time
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
while True:
    until = time.perf_counter() + 0.02
    while time.perf_counter() < until: pass
    time.sleep(0.02)
"""
"""Half of a core is gone in slices of 20 ms before any other thread is asked, as where a host gives it to a neighbour:
the scheduler has no better core for a thread that stands still there. Needs root or CAP_SYS_NICE."""


@contextlib.contextmanager
def beside(code: str, core: int) -> Iterator[None]:
    """A program that is pinned to one core, in the block."""
    code = f"import os; os.sched_setaffinity(0, {{{core}}}); print(flush=True)\n{code}"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as loop:
        assert loop.stdout is not None
        loop.stdout.readline()
        try:
            yield
            assert loop.poll() is None, "the load ended before the measurement did"
        finally:
            loop.kill()


def seconds(embedder: LocalEmbedder, wanted: Sequence[str], rounds: int) -> dict[str, list[float]]:
    """Times of each way, taken in turns; the two agree in their vectors."""
    own = embedder._run
    spent: dict[str, list[float]] = {way: [] for way in WAYS}

    def dealt(rows: list[Row], count: int, on_progress: OnProgress, total: int) -> Vectors:
        return fixed(embedder, rows, count)

    found = {}
    for turn in range(rounds + 1):
        for way in WAYS if turn % 2 else reversed(WAYS):
            embedder._run = own if way == WAYS[0] else dealt  # type: ignore[method-assign]
            began = time.perf_counter()
            found[way] = embedder.embed(wanted).vectors
            if turn:  # the first one meets every shape
                spent[way].append(time.perf_counter() - began)
        assert np.abs(found[WAYS[0]] - found[WAYS[1]]).max() < 1e-4
    embedder._run = own  # type: ignore[method-assign]
    return spent


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="./dev bench stealing", description=__doc__)
    parser.add_argument("--texts", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    embedder = create_embedder("ctranslate2", precision="float32", data_dir=ROOT / ".bench" / "models")
    assert isinstance(embedder, LocalEmbedder)
    wanted = texts(options.texts)
    core = min(os.sched_getaffinity(0))
    print(f"{machine()}; {len(wanted):,} texts, {embedder._replicas} replicas, {options.rounds} rounds in turns\n")
    rows = []
    loads: list[tuple[str, contextlib.AbstractContextManager[None]]] = [
        ("nothing else", contextlib.nullcontext()),
        (f"a busy loop on core {core}", beside(BUSY, core)),
        (f"half of core {core} taken away", beside(TAKEN, core)),
    ]
    for name, load in loads:
        with load:
            spent = seconds(embedder, wanted, options.rounds)
        ratio = statistics.median(b / a for a, b in zip(*spent.values(), strict=True))
        rows.append([name, *(f"{statistics.median(t):.2f} s" for t in spent.values()), f"{ratio:.2f} x"])
    print(table(["beside", *WAYS, "fixed ÷ free"], rows))
    embedder.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What a precision costs in quality and brings in speed, on this processor: what REVERIE_PRECISION=auto chooses by.

Cosines to float32 and agreement of themes with people's labels (adjusted mutual information) on the labelled sets, in
two halves: a precision is chosen on the first, and the second tells what the choice is worth. Speeds are taken in
turns, so that a machine that others use slows all alike. ``--keep`` writes the row of this kind of processor into the
package.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks._report import machine, table
from benchmarks._themes_data import ROOT, data_folder, large_cases, load_sets, small_cases
from benchmarks.themes import agreement, ours
from reverie.demo import PEOPLE, load
from reverie.embedding import create_embedder
from reverie.embedding.openvino_backend import refusal
from reverie.embedding.precision import MEASURED, Measurement, processor
from reverie.errors import ReverieError

ENGINES = {"float32": "ctranslate2", "int8": "ctranslate2", "bfloat16": "openvino"}


def here() -> list[str]:
    """The precisions that this machine computes in."""
    try:
        lacks = refusal("bfloat16")
    except ReverieError as error:
        lacks = error.message
    if lacks:
        print(f"without bfloat16: {lacks}")
    return [name for name in ENGINES if name != "bfloat16" or not lacks]


def speeds(names: list[str], texts: list[str], rounds: int) -> dict[str, float]:
    """Texts a second, the median of ``rounds`` turns."""
    made = {name: create_embedder(ENGINES[name], precision=name, data_dir=ROOT / ".bench" / "models") for name in names}
    spent: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds + 1):
        for name, embedder in made.items():
            began = time.perf_counter()
            embedder.embed(texts)
            if turn:  # the first one meets every shape
                spent[name].append(time.perf_counter() - began)
    for embedder in made.values():
        embedder.close()
    return {name: len(texts) / float(np.median(times)) for name, times in spent.items()}


def main() -> int:
    """Print the tables, and keep the figures if wanted."""
    parser = argparse.ArgumentParser(prog="./dev bench precision", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of labelled sets: NAME/*.jsonl.gz")
    parser.add_argument("--rounds", type=int, default=4, help="samples of each size and set, half of them to choose by")
    parser.add_argument("--turns", type=int, default=7, help="turns of each precision for the speed")
    parser.add_argument("--texts", type=int, default=4000, help="most texts of each set")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", action="store_true", help="write this processor's rows into the package")
    options = parser.parse_args()
    kind, folder, names = processor(), data_folder(options.data), here()
    print(f"{machine()}, processor kind {kind}")
    fast = speeds(names, [memory.text for person in PEOPLE for memory in load(person.id)], options.turns)
    reached: dict[str, np.ndarray] = {}
    exact: list[np.ndarray] = []
    cosines: dict[str, np.ndarray] = {}
    for name in names:
        sets = load_sets(folder, most=options.texts, precision=name)
        if name == "float32":
            exact = [one.vectors for one in sets]
        cosines[name] = np.concatenate([(a * s.vectors).sum(1) for a, s in zip(exact, sets, strict=True)])
        halves = []
        for turn in (0, 1):
            cases = small_cases(sets, options.rounds, options.seed)[turn::2]
            if turn:
                cases += [case for case in large_cases(sets, options.seed) if case.size <= 3000]
            found, _ = ours(cases)
            halves.append([agreement(case.truth, labels) for case, labels in zip(cases, found, strict=True)])
        reached[name] = np.array([np.mean(half) for half in halves])
        print(f"{name}: {sum(map(len, halves))} cases", file=sys.stderr)
    rows, kept = [], []
    for name in names:
        gain = reached[name] - reached["float32"]
        low = float(np.percentile(cosines[name], 1))
        rows.append([
            f"{ENGINES[name]} {name}", f"{fast[name]:.0f}", f"{fast[name] / fast['float32']:.2f}x",
            f"{cosines[name].mean():.4f}", f"{low:.4f}", f"{cosines[name].min():.4f}",
            f"{reached[name][0]:.4f}", f"{gain[0]:+.4f}", f"{reached[name][1]:.4f}", f"{gain[1]:+.4f}",
        ])  # fmt: skip
        if name != "float32":
            kept.append(
                Measurement(
                    model="all-MiniLM-L6-v2",
                    processor=kind,
                    embedder=ENGINES[name],
                    precision=name,
                    speed=round(fast[name] / fast["float32"], 2),
                    cosine=round(float(cosines[name].mean()), 4),
                    themes=round(float(gain[0]), 4),
                )
            )
    head = ["", "texts/s", "", "cosine", "p1", "min", "AMI, choosing", "", "AMI, held out", ""]
    print(table(head, rows))
    if options.keep:
        path = ROOT / "src" / "reverie" / "embedding" / "models_measured" / MEASURED
        others = [row for row in json.loads(path.read_text()) if row["processor"] != kind] if path.exists() else []
        rows_kept = [*others, *(row._asdict() for row in kept)]
        path.write_text("[\n" + ",\n".join(f"  {json.dumps(row)}" for row in rows_kept) + "\n]\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Every quality row of the themes' benchmark in each precision: what a faster one costs, with its standard error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import themes
from benchmarks._report import table
from benchmarks._themes_data import SIZES, Case, LabelledSet, large_cases, load_sets, small_cases
from reverie.clustering import cluster


def precisions(folder: Path, names: Sequence[str], rounds: int, seed: int) -> str:
    """A row a figure: its value in float32, in each of ``names``, and the difference of the same samples."""
    exact = _rows(load_sets(folder), rounds, seed)
    others = {name: _rows(load_sets(folder, precision=name), rounds, seed) for name in names}
    rows = []
    for figure, values in exact.items():
        row = [figure, str(len(values)), f"{np.mean(values):.4f}"]
        for other in others.values():
            # The same samples in both, but for names: there are as many as there are themes.
            paired = len(other[figure]) == len(values)
            by = np.subtract(other[figure], values) if paired else np.array([np.mean(other[figure]) - np.mean(values)])
            error = f" ± {by.std(ddof=1) / np.sqrt(len(by)):.4f}" if paired and len(by) > 1 else ""
            row += [f"{np.mean(other[figure]):.4f}", f"{by.mean():+.4f}{error}"]
        rows.append(row)
    return table(["figure", "samples", "float32", *(head for name in names for head in (name, "by"))], rows)


def _rows(sets: Sequence[LabelledSet], rounds: int, seed: int) -> dict[str, list[float]]:
    """Values of each quality row, a sample each."""
    small, large = small_cases(sets, rounds, seed), large_cases(sets, seed)
    rows: dict[str, list[float]] = {}
    reached = _agreements(small)
    for size in SIZES:
        rows[f"AMI, {size} memories"] = [v for v, case in zip(reached, small, strict=True) if case.size == size]
    for kind, broad in (("narrow", False), ("broad", True)):
        rows[f"AMI, {kind} classes"] = [
            v for v, case in zip(reached, small, strict=True) if case.name.endswith("/domain") == broad
        ]
    reached = _agreements(large)
    for wanted in (800, 3000):
        rows[f"AMI, {wanted}"] = [v for v, case in zip(reached, large, strict=True) if case.size == wanted]
    rows["AMI, whole sets"] = [v for v, case in zip(reached, large, strict=True) if case.size not in (800, 3000)]
    for one in (one for one in sets if one.outside.any()):
        for (size, _), index in themes.strangers(one, seed, max(1, rounds // 3)).items():
            auroc, f1 = themes.strangers_told(one, index)
            rows.setdefault(f"{one.name}, {size}, strangers' AUROC", []).append(auroc)
            rows.setdefault(f"{one.name}, {size}, strangers' F1", []).append(f1)
    rows["names with a word of the class"] = [float(hit) for one in sets for hit in _named(one, seed)]
    some = [c for c in small if c.size >= 50][:120] + [c for c in large if c.size <= 3000]
    for share in (0.05, 0.2):
        both = [themes.added(case, share) for case in some]
        rows[f"{share:.0%} added, adjusted Rand"] = [rand for rand, _ in both]
        rows[f"{share:.0%} added, ids kept"] = [1 - moved for _, moved in both]
    return rows


def _agreements(cases: Sequence[Case]) -> list[float]:
    unique, which = themes.distinct(cases)
    found, _ = themes.ours(unique)
    return [themes.agreement(case.truth, found[place]) for case, place in zip(cases, which, strict=True)]


def _named(one: LabelledSet, seed: int) -> list[bool]:
    index = themes.to_be_named(one, seed)
    result = cluster(themes.memories_of([one.texts[i] for i in index]), one.vectors[index], themes.PLAIN).result
    wanted = themes.class_words(one, index, result)
    return [bool(themes.stems(theme.label) & words) for theme, words in zip(result.themes, wanted, strict=True)]

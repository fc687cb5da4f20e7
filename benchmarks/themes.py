"""Themes against the usual ways, on labelled public texts: agreement, outliers, labels, lasting ids and speed.

Every way gets the same vectors and the same samples, in one run. Nothing is told how many groups there are, but the
rows that say so. Agreement is the adjusted mutual information (Vinh et al. 2010): 0 for chance, 1 for the people's own
groups.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, f1_score, roc_auc_score

from benchmarks._peers import environment, run_json
from benchmarks._report import machine, table
from benchmarks._themes_data import SIZES, Case, LabelledSet, data_folder, large_cases, load_sets, small_cases
from reverie.clustering import cluster
from reverie.clustering.grouping import neighbourhood
from reverie.clustering.outliers import strangeness
from reverie.contracts import ClusterOptions, ClusterResult, Memory

PLAIN = ClusterOptions(map=False)
TOLD = {
    "average_silhouette": "average linkage, best silhouette",
    "leiden": "15 neighbours + Leiden",
    "leiden5": "15 neighbours + Leiden, resolution 5",
    "bertopic_groups": "UMAP + HDBSCAN (BERTopic's default)",
    "kmeans_true": "k-means, told the true k",
    "average_true": "average linkage, told the true k",
}


def memories_of(texts: Sequence[str]) -> list[Memory]:
    """The texts as memories 0, 1, ..."""
    return [Memory(id=str(i), text=text) for i, text in enumerate(texts)]


def labels_of(result: ClusterResult, count: int) -> NDArray[np.int64]:
    """Group of each memory; -1 for none."""
    number = {theme.id: place for place, theme in enumerate(result.themes)}
    given = (result.assignments[str(i)] for i in range(count))
    return np.array([number[theme] if theme is not None else -1 for theme in given])


def agreement(truth: NDArray[np.int64], found: NDArray[np.int64]) -> float:
    """Adjusted mutual information; what is in no group is a group of its own, as for every way here."""
    return float(adjusted_mutual_info_score(truth, found))


def distinct(cases: Sequence[Case]) -> tuple[list[Case], list[int]]:
    """The cases that differ in more than what counts as the truth, and which of these each case is."""
    first: dict[bytes, int] = {}
    which = [first.setdefault(f"{c.source.name} ".encode() + c.rows.tobytes(), len(first)) for c in cases]
    return [cases[which.index(place)] for place in range(len(first))], which


def ours(cases: Sequence[Case]) -> tuple[list[NDArray[np.int64]], float]:
    """Our groups of each case, and the CPU seconds of it all: labels and ids too, without the map."""
    began = time.process_time()
    found = [labels_of(cluster(memories_of(c.texts), c.x, PLAIN).result, len(c.rows)) for c in cases]
    return found, time.process_time() - began


def peers(cases: Sequence[Case], methods: Sequence[str]) -> tuple[dict[str, list[NDArray[np.int64]]], dict[str, float]]:
    """The same of others, under their own Python."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cases.npz"
        xs = {f"x{i}": c.x for i, c in enumerate(cases)}
        ks = {f"k{i}": np.array(len(set(c.truth.tolist()))) for i, c in enumerate(cases)}
        np.savez(path, **xs, **ks)  # type: ignore[arg-type]
        told = run_json(environment("themes"), "_themes_peers.py", "cases", str(path), ",".join(methods))
        out = np.load(path.with_suffix(".out.npz"))
        return {m: [out[f"{m}-{i}"] for i in range(len(cases))] for m in methods}, told["cpu_seconds"]


def compared(cases: Sequence[Case], methods: Sequence[str], sizes: Sequence[int | str]) -> str:
    """A row a way: mean agreement by size and over all, groups found to groups there, CPU seconds of a set.

    Then by how much ours is ahead of the best other way that is not told the true k, with the standard error of the
    paired difference.
    """
    unique, which = distinct(cases)
    found, seconds = ours(unique)
    groups, times = peers(unique, methods)
    place = ["all" if "all" in sizes and c.size not in sizes else c.size for c in cases]
    # A set with a narrow and a broad truth has no one number of groups: the narrow one counts.
    narrow = [not c.name.endswith("/domain") for c in cases]
    reached: dict[str, NDArray[np.float64]] = {}
    rows = []
    for name, own, spent in [
        ("**Reverie**", found, seconds),
        *((TOLD[m], groups[m], times[m]) for m in methods),
    ]:
        mine = [own[i] for i in which]
        reached[name] = np.array([agreement(c.truth, labels) for c, labels in zip(cases, mine, strict=True)])
        ratios = [
            max(1, len(set(labels.tolist()) - {-1})) / len(set(c.truth.tolist()))
            for c, labels, counts in zip(cases, mine, narrow, strict=True)
            if counts
        ]
        by_size = [float(reached[name][[p == size for p in place]].mean()) for size in sizes]
        kinds = [float(reached[name][np.array(narrow) == kind].mean()) for kind in (True, False)]
        spread = f"{np.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        shown = [*by_size, *kinds, float(reached[name].mean())]
        rows.append([name, *(f"{v:.3f}" for v in shown), spread, f"{spent / len(unique):.3f}"])
    ahead = []
    for size in sizes:
        here = np.array([p == size for p in place])
        best = max((TOLD[m] for m in methods if not m.endswith("_true")), key=lambda n: reached[n][here].mean())
        by = reached["**Reverie**"][here] - reached[best][here]
        ahead.append(f"{by.mean():+.3f} ± {by.std(ddof=1) / np.sqrt(len(by)):.3f}")
    rows.append(["ahead of the best that is not told k", *ahead, "", "", "", "", ""])
    sized = [f"{s}" for s in sizes]
    head = ["agreement (AMI)", *sized, "narrow", "broad", "mean", "found k / narrow k", "CPU s a set"]
    return table(head, rows)


def outside(sets: Sequence[LabelledSet], seed: int) -> str:
    """Texts of no class among those of classes: how well the strangers are told."""
    rows = []
    for one in [s for s in sets if s.outside.any()]:
        drawn = strangers(one, seed)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "outside.npz"
            xs = {f"{size}-{turn}": one.vectors[index] for (size, turn), index in drawn.items()}
            np.savez(path, **xs)  # type: ignore[arg-type]
            run_json(environment("themes"), "_themes_peers.py", "outside", str(path))
            out = dict(np.load(path.with_suffix(".out.npz")))
        scores: dict[int, list[list[float]]] = defaultdict(list)
        for (size, turn), index in drawn.items():
            truth, told = one.outside[index], list(strangers_told(one, index))
            for name in ("umap", "raw"):
                # Of its two scores the one that does better here.
                told.append(max(roc_auc_score(truth, out[f"{size}-{turn}-{name}-{k}"]) for k in ("glosh", "doubt")))
                told.append(f1_score(truth, out[f"{size}-{turn}-{name}-noise"]))
            scores[size].append(told)
        rows += [[f"{one.name}, {size}", *(f"{v:.3f}" for v in np.mean(s, axis=0))] for size, s in scores.items()]
    head = ["a tenth belongs nowhere", "AUROC", "F1", "UMAP + HDBSCAN", "F1", "HDBSCAN alone", "F1"]
    return table(head, rows)


def strangers(one: LabelledSet, seed: int, times: int = 1) -> dict[tuple[int, int], NDArray[np.int64]]:
    """Rows by size and turn, a tenth of them of no class; ``times`` as many turns as the table of peers has."""
    turns = {size: count * times for size, count in {100: 10, 300: 10, 1000: 3, 3000: 3}.items()}
    return {(size, turn): _mixed(one, size, turn, seed) for size, count in turns.items() for turn in range(count)}


def strangers_told(one: LabelledSet, index: NDArray[np.int64]) -> tuple[float, float]:
    """AUROC of our strangeness and F1 of what we leave out of all groups."""
    truth, x = one.outside[index], one.vectors[index]
    found = labels_of(cluster(memories_of([one.texts[i] for i in index]), x, PLAIN).result, len(index))
    return float(roc_auc_score(truth, strangeness(neighbourhood(x)))), float(f1_score(truth, found < 0))


def _mixed(one: LabelledSet, size: int, turn: int, seed: int) -> NDArray[np.int64]:
    """Rows of texts of classes, then a tenth that belongs to none."""
    rng = np.random.default_rng([seed, size, turn])
    strange = rng.choice(np.flatnonzero(one.outside), size // 10, replace=False)
    return np.concatenate([_usual(one, size - len(strange), rng), strange])


def _usual(one: LabelledSet, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Texts of a few classes for a user's set, of all for a larger one."""
    inside = np.flatnonzero(~one.outside)
    if size < 400:
        names = one.truths["label"]
        chosen = rng.choice(np.unique(names[inside]), max(3, size // 15), replace=False)
        inside = inside[np.isin(names[inside], chosen)]
    return np.asarray(rng.choice(inside, min(size, len(inside)), replace=False))


def stems(text: str) -> set[str]:
    """Words of three letters and more, cut to five: enough for plural and tense."""
    return {word[:5] for word in re.findall(r"[^\W\d_]{3,}", text.lower().replace("_", " "))}


def to_be_named(one: LabelledSet, seed: int) -> NDArray[np.int64]:
    """Rows of classes, whose groups are named."""
    rng = np.random.default_rng([seed, 5])
    inside = np.flatnonzero(~one.outside)
    return np.sort(rng.choice(inside, min(1500, len(inside)), replace=False))


def class_words(one: LabelledSet, index: NDArray[np.int64], result: ClusterResult) -> list[set[str]]:
    """Of each theme the stems of the name of the class that most of it is of."""
    names, found = one.truths["label"][index], labels_of(result, len(index))
    groups = [names[found == number].tolist() for number in range(len(result.themes))]
    return [stems(Counter(group).most_common(1)[0][0]) for group in groups]


def labelled(sets: Sequence[LabelledSet], seed: int) -> str:
    """How often a label has a word of its class's name; the groups are the people's own, the labels everybody's."""
    hits: dict[str, list[float]] = defaultdict(list)
    for one in sets:
        index = to_be_named(one, seed)
        texts, x = [one.texts[i] for i in index], one.vectors[index]
        result = cluster(memories_of(texts), x, PLAIN).result
        found = labels_of(result, len(index))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "names.npz"
            np.savez(path, texts=np.array(texts), x0=x, groups=found)
            told = run_json(environment("themes"), "_themes_peers.py", "names", str(path))
        for number, (theme, wanted) in enumerate(zip(result.themes, class_words(one, index, result), strict=True)):
            hits["ours"].append(bool(stems(theme.label) & wanted))
            for way in ("c-tf-idf", "keybert"):
                # As many words as ours has: a longer label would hit more often for its length alone.
                words = told[way].get(str(number), [])[: max(1, len(re.findall(r"[^\W_][^\s·]*", theme.label)))]
                hits[way].append(bool(stems(" ".join(words)) & wanted))
    rows = [
        ["**Reverie**", f"{np.mean(hits['ours']):.1%}"],
        ["BERTopic, c-TF-IDF", f"{np.mean(hits['c-tf-idf']):.1%}"],
        ["BERTopic, KeyBERT-inspired", f"{np.mean(hits['keybert']):.1%}"],
    ]
    return table([f"labels of {len(hits['ours'])} themes with a word of the class's name", "share"], rows)


def added(case: Case, share: float) -> tuple[float, float]:
    """Adjusted Rand of the groups before and after ``share`` is added, and the share whose theme id changed."""
    count = len(case.rows)
    order = np.random.default_rng(count).permutation(count)
    told = memories_of(case.texts)
    memories, x = [told[i] for i in order], case.x[order]
    before = round(count / (1 + share))
    first = cluster(memories[:before], x[:before], PLAIN)
    then = cluster(memories, x, PLAIN, previous=first.states)
    was = [first.result.assignments[m.id] or "" for m in memories[:before]]
    now = [then.result.assignments[m.id] or "" for m in memories[:before]]
    moved = np.mean([a != b and a != "" for a, b in zip(was, now, strict=True)])
    return float(adjusted_rand_score(was, now)), float(moved)


def lasting(cases: Sequence[Case]) -> str:
    """What adding memories moves."""
    rows = []
    for share in (0.05, 0.2):
        rand, moved = zip(*(added(case, share) for case in cases), strict=True)
        rows.append([f"{share:.0%} added", f"{np.mean(rand):.3f}", f"{np.mean(moved):.1%}", f"{max(moved):.1%}"])
    return table([f"{len(cases)} sets", "adjusted Rand", "memories whose theme id changed", "worst set"], rows)


def speed(sets: Sequence[LabelledSet], largest: int) -> str:
    """CPU seconds from cached vectors, without and with the map, each in a fresh turn; BERTopic beside it at 300."""
    one = max(sets, key=lambda s: len(s.texts))
    rows = []
    for size in [s for s in (300, 1000, 13_000, 100_000, 1_000_000) if s <= largest]:
        rng = np.random.default_rng(size)
        index = rng.integers(0, len(one.texts), size) if size > len(one.texts) else np.arange(size)
        x = one.vectors[index]
        if size > len(one.texts):
            # More than there are: each once more with a little noise, as a text said in other words.
            x = x + rng.normal(0, 0.35 / np.sqrt(x.shape[1]), x.shape).astype(np.float32)
        memories = memories_of([f"{one.texts[i]} {n}" for n, i in enumerate(index)])
        spent = []
        for options in (PLAIN, ClusterOptions()):
            turns = []
            for _ in range(3 if size <= 1000 else 1):
                wall, cpu = time.perf_counter(), time.process_time()
                cluster(memories, x, options)
                turns.append((time.process_time() - cpu, time.perf_counter() - wall))
            spent.append(min(turns))
        rows.append([f"Reverie, {size:,}", f"{spent[0][0]:.3f}", f"{spent[1][0]:.3f}", f"{spent[1][1]:.3f}"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "first.npz"
        np.savez(path, texts=np.array(one.texts[:300]), x0=one.vectors[:300])
        told = run_json(environment("themes"), "_themes_peers.py", "first", str(path))
    rows.append(["BERTopic, 300, first call with its import", f"{told['import'] + told['first']:.3f}", "-", "-"])
    rows.append(["BERTopic, 300, second call", f"{told['second']:.3f}", "-", "-"])
    return table(["CPU seconds", "without map", "with map", "wall"], rows)


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="./dev bench themes", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of labelled sets: NAME/*.jsonl.gz")
    parser.add_argument("--rounds", type=int, default=3, help="samples of each size and set (default 3)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--largest", type=int, default=100_000, help="most memories in the table of times")
    parser.add_argument("--only", nargs="+", default=["small", "large", "outside", "labels", "lasting", "speed"])
    parser.add_argument("--precision", nargs="+", metavar="NAME", help="instead: every row in these beside float32")
    options = parser.parse_args()
    if options.precision:
        from benchmarks._themes_precision import precisions  # it is made of this module's pieces

        print(
            f"{machine()}\n\n{precisions(data_folder(options.data), options.precision, options.rounds, options.seed)}"
        )
        return 0
    sets = load_sets(data_folder(options.data))
    small, large = small_cases(sets, options.rounds, options.seed), large_cases(sets, options.seed)
    print(machine())
    few = ["average_silhouette", "leiden", "bertopic_groups", "kmeans_true", "average_true"]
    sections = {
        "small": lambda: compared(small, few, SIZES),
        "large": lambda: compared(large, ["leiden", "leiden5", "bertopic_groups"], (800, 3000, "all")),
        "outside": lambda: outside(sets, options.seed),
        "labels": lambda: labelled(sets, options.seed),
        "lasting": lambda: lasting([c for c in small if c.size >= 50][:120] + [c for c in large if c.size <= 3000]),
        "speed": lambda: speed(sets, options.largest),
    }
    for name in options.only:
        print(f"\n{sections[name]()}", flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (subprocess.CalledProcessError, json.JSONDecodeError) as error:
        sys.exit(f"a peer failed: {error}")

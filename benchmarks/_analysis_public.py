"""Quality on public sets, which are not part of this repository: LoCoMo and the personas of Multi-Session Chat."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from benchmarks._analysis_people import reworded, reworded_later
from reverie.analysis import Prototypes, analyze, prototype_texts, recall
from reverie.analysis.duplicates import says_the_same
from reverie.analysis.texts import normalized
from reverie.contracts import AnalyzeOptions, Memory, RecallOptions
from reverie.embedding import create_embedder
from reverie.embedding.anchors import anchor_vectors

__all__ = ["elsewhere", "have", "importance", "near_duplicates", "recalls", "repeats", "rows"]

_CACHE = Path(".bench")


def have(folder: Path, name: str) -> bool:
    """Whether the set is there; says so when it is not."""
    if (folder / name).is_dir():
        return True
    print(f"left out: {folder / name} is not there (--data names the folder with {name}/*.jsonl.gz)")
    return False


def rows(path: Path) -> list[dict[str, Any]]:
    """A gzip'd file of JSON lines."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def embed(texts: Sequence[str], kind: str = "document") -> NDArray[np.float32]:
    """(n, d) vectors of the bundled model, kept in ``.bench/vectors`` for the next run."""
    embedder = create_embedder("ctranslate2", data_dir=_CACHE / "model")
    digest = hashlib.blake2b("\x1f".join([embedder.model.key, kind, *texts]).encode(), digest_size=12).hexdigest()
    kept = _CACHE / "vectors" / f"{digest}.npy"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, embedder.embed(list(texts), kind=kind).vectors)  # type: ignore[arg-type]
    return np.asarray(np.load(kept))


@lru_cache(maxsize=1)
def prototypes() -> Prototypes:
    """Lasting and passing sentences in the bundled model."""
    embedder = create_embedder("ctranslate2", data_dir=_CACHE / "model")
    return Prototypes(anchor_vectors(embedder, [(text,) for text in prototype_texts().texts]))


class _Conversation:
    def __init__(self, observations: list[dict[str, Any]], vectors: NDArray[np.float32]) -> None:
        self.memories = [
            Memory(id=str(i), text=o["text"], created_at=datetime.fromisoformat(o["timestamp"]).replace(tzinfo=UTC))
            for i, o in enumerate(observations)
        ]
        self.vectors = vectors
        self.asked = np.array([o["qa_uses_nonadv"] > 0 for o in observations])
        self.evidence = [set(o["evidence"]) for o in observations]
        self.now = max(m.created_at for m in self.memories if m.created_at) + timedelta(days=1)


def _locomo(folder: Path) -> dict[str, _Conversation]:
    observations = rows(folder / "locomo" / "observations.jsonl.gz")
    vectors = embed([o["text"] for o in observations])
    places: dict[str, list[int]] = defaultdict(list)
    for i, o in enumerate(observations):
        places[o["conversation"]].append(i)
    return {name: _Conversation([observations[i] for i in at], vectors[at]) for name, at in places.items()}


def importance(folder: Path) -> list[list[str]]:
    """AUC of "is asked about later", for each conversation: the score, its factors, and what training would add."""
    table: dict[str, list[float]] = defaultdict(list)
    features: list[NDArray[np.float64]] = []
    conversations = _locomo(folder)
    for talk in conversations.values():
        found = analyze(
            talk.memories,
            talk.vectors,
            AnalyzeOptions(sections=["importance", "graph"]),
            now=talk.now,
            prototypes=prototypes(),
        )
        by_id = {i.memory_id: i for i in found.importance}
        entries = [by_id[m.id] for m in talk.memories]
        table["**score, as shipped (no training)**"].append(roc_auc_score(talk.asked, [e.score for e in entries]))
        names = [n for n in entries[0].factors if n != "access"]
        values = np.array([[e.factors[n].value for n in names] for e in entries])
        features.append(values)
        for column, name in enumerate(names):
            table[f"{name} alone"].append(roc_auc_score(talk.asked, values[:, column]))
        table["PageRank (central)"].append(roc_auc_score(talk.asked, _typical(talk)))
    for held, talk in enumerate(conversations.values()):
        others = [i for i in range(len(features)) if i != held]
        scale = StandardScaler().fit(np.concatenate([features[i] for i in others]))
        asked = np.concatenate([list(conversations.values())[i].asked for i in others])
        model = LogisticRegression().fit(scale.transform(np.concatenate([features[i] for i in others])), asked)
        table["logistic on these factors, leave one out"].append(
            roc_auc_score(talk.asked, model.decision_function(scale.transform(features[held])))
        )
    return [
        [name, f"{np.mean(aucs):.3f}", f"{min(aucs):.3f}", f"{max(aucs):.3f}"]
        for name, aucs in sorted(table.items(), key=lambda item: -float(np.mean(item[1])))
    ]


def _typical(talk: _Conversation) -> NDArray[np.float64]:
    from reverie.analysis.budget import TimeBudget
    from reverie.analysis.graph import build_graph
    from reverie.analysis.insight import LocalInsight
    from reverie.analysis.shared import find_shared
    from reverie.analysis.text_words import TextWords
    from reverie.clustering.nearest import neighbours

    texts = [m.text for m in talk.memories]
    near = neighbours(talk.vectors, 12)
    names = [i.entities for i in LocalInsight().read(texts)]
    shared = find_shared(names, TextWords.read(texts, TimeBudget()), budget=TimeBudget())
    nowhere = np.full(len(texts), -1)  # what is typical does not go by themes
    return build_graph(talk.vectors, near, shared, nowhere, budget=TimeBudget()).typical


def recalls(folder: Path) -> tuple[list[list[str]], int]:
    """Mean share of the evidence among the first 5, 10, 25, over the questions that have an answer."""
    questions = [q for q in rows(folder / "locomo" / "qa.jsonl.gz") if q["category"] != 5]
    vectors = embed([q["question"] for q in questions], kind="query")
    conversations = _locomo(folder)
    shares: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for question, vector in zip(questions, vectors, strict=True):
        talk = conversations[question["user"]]
        right = {i for i, e in enumerate(talk.evidence) if e & set(question["evidence"])}
        if not right:
            continue
        orders = {"plain cosine": np.argsort(-(talk.vectors @ vector), kind="stable").tolist()}
        for name, options in (
            ("relevance alone", RecallOptions(top=25, weights={"importance": 0, "recency": 0})),
            ("**recall, as shipped**", RecallOptions(top=25)),
            ("with diversity .3", RecallOptions(top=25, diversity=0.3)),
        ):
            hits = recall(question["question"], vector, talk.memories, talk.vectors, options, now=talk.now).memories
            orders[name] = [int(h.memory_id) for h in hits]
        for name, order in orders.items():
            for k in (5, 10, 25):
                shares[name][k].append(len(right & set(order[:k])) / len(right))
    table = [[name, *(f"{np.mean(by_k[k]):.3f}" for k in (5, 10, 25))] for name, by_k in shares.items()]
    return table, len(shares["plain cosine"][5])


def elsewhere(folder: Path) -> list[list[str]]:
    """Sets and units that no choice was made with: LoCoMo by turns, sentences of one intent (CLINC150, HWU64)."""
    out: list[list[str]] = []
    if (folder / "locomo").is_dir():
        out += _turns(folder)
    for name in ("clinc150", "hwu64"):
        if (folder / name).is_dir():
            out.append(_same_intent(folder / name / f"{name}.jsonl.gz", name))
    return out


def _turns(folder: Path) -> list[list[str]]:
    turns = rows(folder / "locomo" / "turns.jsonl.gz")
    vectors = embed([t["text"] for t in turns])
    questions = [q for q in rows(folder / "locomo" / "qa.jsonl.gz") if q["category"] != 5]
    asked = embed([q["question"] for q in questions], kind="query")
    aucs, ours, plain = [], [], []
    for talk in sorted({t["conversation"] for t in turns}):
        at = [i for i, t in enumerate(turns) if t["conversation"] == talk]
        memories = [
            Memory(
                id=turns[i]["id"],
                text=turns[i]["text"],
                created_at=datetime.fromisoformat(turns[i]["timestamp"]).replace(tzinfo=UTC),
            )
            for i in at
        ]
        now = max(m.created_at for m in memories if m.created_at) + timedelta(days=1)
        found = analyze(
            memories, vectors[at], AnalyzeOptions(sections=["importance"]), now=now, prototypes=prototypes()
        )
        score = {i.memory_id: i.score for i in found.importance}
        aucs.append(roc_auc_score([turns[i]["qa_uses_nonadv"] > 0 for i in at], [score[turns[i]["id"]] for i in at]))
        ids = [m.id for m in memories]
        for question, vector in zip(questions, asked, strict=True):
            right = set(question["evidence"]) & set(ids)
            if question["user"] != talk or not right:
                continue
            hits = recall(question["question"], vector, memories, vectors[at], RecallOptions(top=10), now=now).memories
            nearest = np.argsort(-(vectors[at] @ vector), kind="stable")[:10]
            ours.append(len(right & {h.memory_id for h in hits}) / len(right))
            plain.append(len(right & {ids[i] for i in nearest}) / len(right))
    return [
        ["LoCoMo turns: AUC of the score, mean of conversations", f"{np.mean(aucs):.3f}", "0.500"],
        [f"LoCoMo turns: recall@10, {len(ours)} questions", f"{np.mean(ours):.3f}", f"{np.mean(plain):.3f}"],
    ]


def _same_intent(path: Path, name: str) -> list[str]:
    """Share of the first ten that are of the question's intent, over 300 questions and 4,000 other sentences."""
    found = [r for r in rows(path) if r["label"] != "oos"]
    chosen = np.random.default_rng(0).permutation(len(found))[:4300]
    texts, labels = ([found[i][key] for i in chosen] for key in ("text", "label"))
    vectors = embed(texts)
    memories = [Memory(id=str(i), text=text) for i, text in enumerate(texts[300:])]
    now = datetime(2026, 1, 1, tzinfo=UTC)
    ours, plain = [], []
    for q in range(300):
        hits = recall(texts[q], vectors[q], memories, vectors[300:], RecallOptions(top=10), now=now).memories
        nearest = np.argsort(-(vectors[300:] @ vectors[q]), kind="stable")[:10]
        ours.append(np.mean([labels[300 + int(h.memory_id)] == labels[q] for h in hits]))
        plain.append(np.mean([labels[300 + i] == labels[q] for i in nearest]))
    return [f"{name}: of one intent among the first 10", f"{np.mean(ours):.3f}", f"{np.mean(plain):.3f}"]


def repeats(folder: Path) -> list[list[str]]:
    """Exact and normalised repeats among 12,000 personas: those that are there, and those found."""
    texts = [r["text"] for r in rows(folder / "msc_personas" / "msc_personas.jsonl.gz")][:12_000]
    memories = [Memory(id=str(i), text=text) for i, text in enumerate(texts)]
    found = analyze(
        memories, embed(texts), AnalyzeOptions(sections=["duplicates"]), now=datetime(2026, 1, 1, tzinfo=UTC)
    )
    place = {i: n for n, g in enumerate(found.duplicates) if g.kind != "contradiction" for i in g.memory_ids}
    out = []
    for name, key in (("exact", str), ("normalised", normalized)):
        groups: dict[str, list[str]] = defaultdict(list)
        for memory in memories:
            groups[key(memory.text)].append(memory.id)
        there = [ids for ids in groups.values() if len(ids) > 1]
        whole = sum(len({place.get(i, -1) for i in ids}) == 1 and ids[0] in place for ids in there)
        out.append([name, f"{len(there):,}", f"{whole:,}"])
    kinds = Counter(g.kind for g in found.duplicates)
    out.append(["near (groups reported)", "not labelled", f"{kinds['near']:,}"])
    return out


def near_duplicates() -> list[list[str]]:
    """Precision and recall on pairs written for this table, beside a bare limit on the cosine."""
    out = []
    for name, pairs in (
        ("first 40 (rules were made with them)", reworded()),
        ("later 40 (untouched)", reworded_later()),
    ):
        first, second = embed([p[0] for p in pairs]), embed([p[1] for p in pairs])
        truth = np.array([p[2] for p in pairs])
        cosine = (first * second).sum(axis=1)
        ours = np.array([says_the_same(a, b, float(c)) for (a, b, _), c in zip(pairs, cosine, strict=True)])
        for method, said in (("ours", ours), ("cosine >= .90", cosine >= 0.90), ("cosine >= .95", cosine >= 0.95)):
            right = int((said & truth).sum())
            out.append([f"{name}: {method}", f"{right / max(1, said.sum()):.2f}", f"{right / truth.sum():.2f}"])
    return out

"""A context's share of the evidence within 300, 600 and 1,200 tokens, beside simpler ways to fill them.

Memories are what was said in a conversation, with its speaker: LoCoMo's turns, and MemoryBank's messages. Each way is
counted as it would be sent: a context with its fence, speakers and dates, the others as lines "Speaker: text", or the
text alone where only that was searched. "With a view": a quarter of the block is for what lasts, is current and regular
of the person, as upkeep would have found it. "Unchanged": the bytes at the beginning of a block that are those of the
block for the question before, a prompt cache's share.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks import _analysis_public as public
from benchmarks._context_talks import Question, Talk, locomo, memorybank
from benchmarks._report import machine, table
from reverie.analysis import RecallIndex, analyze, recall_in
from reverie.analysis.stems import search_terms
from reverie.analysis.texts import STOPWORDS, words
from reverie.clustering import cluster
from reverie.context import Known, build_context
from reverie.contracts import ClusterOptions, ContextQuery, RecallOptions
from reverie.tokens import tokenizer_named

BUDGETS = (300, 600, 1200)

Fill = Callable[[Question, int], tuple[set[int], str]]
"""From a question and a budget to the memories inside, and the text."""


class BM25:
    """Okapi BM25 (Robertson and Zaragoza 2009, k1 = 1.2, b = .75) over stems without stop words."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = [Counter(_stems(text)) for text in texts]
        self._df = Counter(word for text in self._texts for word in text)
        lengths = np.array([text.total() for text in self._texts], dtype=np.float64)
        self._norm = 1.2 * (0.25 + 0.75 * lengths / max(1.0, float(lengths.mean())))

    def order(self, query: str) -> list[int]:
        """Indices of the texts, the best first."""
        scores = np.zeros(len(self._texts))
        for word in dict.fromkeys(_stems(query)):
            df = self._df[word]
            often = np.array([text[word] for text in self._texts], dtype=np.float64)
            scores += math.log(1 + (len(scores) - df + 0.5) / (df + 0.5)) * often * 2.2 / (often + self._norm)
        return [int(i) for i in np.argsort(-scores, kind="stable")]


def _stems(text: str) -> list[str]:
    return [next(iter(search_terms(word)), word) for word in words(text) if word not in STOPWORDS]


def _ways(talk: Talk) -> dict[str, Fill]:
    count = tokenizer_named().count
    bare = [m.text + "\n" for m in talk.memories]
    spoken = [f"{m.speaker}: {m.text}\n" for m in talk.memories]
    costs = {id(lines): [count(line) for line in lines] for lines in (bare, spoken)}
    bm25 = BM25(spoken)
    index = RecallIndex.of(talk.memories, talk.vectors)
    themes = cluster(talk.memories, talk.vectors, ClusterOptions()).result
    insights = analyze(talk.memories, talk.vectors, now=talk.now, themes=themes.themes, prototypes=public.prototypes())
    place = {m.id: i for i, m in enumerate(talk.memories)}

    def block(question: Question, budget: int, *, viewed: bool) -> tuple[set[int], str]:
        options = RecallOptions(top=min(400, 5 + budget // 12), min_relevance=ContextQuery().min_relevance)
        hits = recall_in(index, question.text, question.vector, options, now=talk.now).memories
        known = Known(
            memories=talk.memories,
            hits=hits,
            themes=themes if viewed else None,
            insights=insights if viewed else None,
            viewed_at=talk.now,
        )
        ask = ContextQuery(query=question.text, max_tokens=budget, sections=None if viewed else ["bearing"])
        found = build_context(ask, known, tokenizer=tokenizer_named(), now=talk.now)
        return {place[use.memory_id] for use in found.used}, found.text or ""

    def filled(order: Sequence[int], lines: list[str], budget: int) -> tuple[set[int], str]:
        inside: dict[int, None] = {}
        left = budget
        for i in order:
            if costs[id(lines)][i] <= left:
                inside[i] = None
                left -= costs[id(lines)][i]
        return set(inside), "".join(lines[i] for i in inside)

    def latest(_: Question, budget: int) -> tuple[set[int], str]:
        inside, _text = filled(range(len(spoken) - 1, -1, -1), spoken, budget)
        return inside, "".join(spoken[i] for i in sorted(inside))

    def nearest(vectors: np.ndarray, lines: list[str]) -> Fill:
        return lambda q, budget: filled(np.argsort(-(vectors @ q.vector), kind="stable").tolist(), lines, budget)

    return {
        "**context**": lambda q, budget: block(q, budget, viewed=False),
        "**context, with a view**": lambda q, budget: block(q, budget, viewed=True),
        "cosine, text alone": nearest(talk.vectors, bare),
        "cosine, with the speaker": nearest(talk.spoken, spoken),
        "BM25, with the speaker": lambda q, budget: filled(bm25.order(q.text), spoken, budget),
        "the last N": latest,
    }


def _unchanged(before: bytes, after: bytes) -> int:
    """Bytes at the beginning that both have."""
    return next(
        (i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )


def measured(talks: Sequence[Talk], *, each: bool) -> list[list[str]]:
    """Rows of way, budget, share of evidence (of all questions, and of those of each talk), tokens, share unchanged."""
    shares: dict[tuple[str, int, str], list[float]] = defaultdict(list)
    same: dict[tuple[str, int], list[int]] = defaultdict(list)
    total: dict[tuple[str, int], list[int]] = defaultdict(list)
    used: dict[tuple[str, int], list[int]] = defaultdict(list)
    count = tokenizer_named().count
    for talk in talks:
        for name, fill in _ways(talk).items():
            for budget in BUDGETS:
                before: bytes | None = None
                for question in talk.questions:
                    inside, text = fill(question, budget)
                    share = float(np.mean([bool(right & inside) for right in question.evidence]))
                    for of in ("all", talk.name):
                        shares[name, budget, of].append(share)
                    used[name, budget].append(count(text))
                    block = text.encode()
                    if before is not None:
                        same[name, budget].append(_unchanged(before, block))
                        total[name, budget].append(len(block))
                    before = block
    of_talks = [talk.name for talk in talks] if each else []
    names = dict.fromkeys(name for name, _, _ in shares)
    return [
        [
            name,
            f"{budget:,}",
            f"{np.mean(shares[name, budget, 'all']):.3f}",
            *(f"{np.mean(shares[name, budget, of]):.3f}" for of in of_talks),
            f"{np.mean(used[name, budget]):.0f}",
            f"{sum(same[name, budget]) / max(1, sum(total[name, budget])):.2f}",
        ]
        for budget in BUDGETS
        for name in names
    ]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="dev bench context", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with locomo/*.jsonl.gz")
    options = parser.parse_args()
    print(machine())
    for name, read, each in (("locomo", locomo, True), ("memorybank", memorybank, False)):
        if not public.have(options.data, name):
            continue
        talks = read(options.data)
        asked = sum(len(talk.questions) for talk in talks)
        memories = sum(len(talk.memories) for talk in talks)
        print(f"\n## {name}: {asked} questions to {len(talks)} people's {memories:,} memories\n")
        heads = [
            "way",
            "tokens",
            "evidence",
            *(f"no. {i}" for i in range(1, len(talks) + 1) if each),
            "used",
            "unchanged",
        ]
        print(table(heads, measured(talks, each=each)))


if __name__ == "__main__":
    main()

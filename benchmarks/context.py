"""A context's share of the evidence on LoCoMo, within 300, 600 and 1,200 tokens, beside simpler ways to fill them.

Memories are the turns of a conversation, with their speaker. The block is counted as it is sent, fence, speakers and
dates included; the others are filled with bare texts. There is no view here: all of a block is what bears on the
question.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from benchmarks import _analysis_public as public
from benchmarks._report import machine, table
from reverie.analysis import recall
from reverie.context import Known, build_context
from reverie.contracts import ContextQuery, Memory, RecallOptions
from reverie.tokens import tokenizer_named

BUDGETS = (300, 600, 1200)


def _filled(order: Sequence[int], costs: Sequence[int], budget: int) -> set[int]:
    found, left = set(), budget
    for i in order:
        if costs[i] <= left:
            found.add(i)
            left -= costs[i]
    return found


def evidence(folder: Path) -> list[list[str]]:
    """Share of the evidence in the block, by way and budget; of each conversation and of all questions."""
    turns = public.rows(folder / "locomo" / "turns.jsonl.gz")
    questions = [q for q in public.rows(folder / "locomo" / "qa.jsonl.gz") if q["category"] != 5]
    asked = public.embed([q["question"] for q in questions], kind="query")
    vectors = public.embed([t["text"] for t in turns])
    count = tokenizer_named().count
    shares: dict[tuple[str, int, str], list[float]] = defaultdict(list)
    for talk in sorted({t["conversation"] for t in turns}):
        at = [i for i, t in enumerate(turns) if t["conversation"] == talk]
        memories = [
            Memory(
                id=turns[i]["id"],
                text=turns[i]["text"],
                speaker=turns[i]["user"].split("/")[1],
                created_at=datetime.fromisoformat(turns[i]["timestamp"]).replace(tzinfo=UTC),
            )
            for i in at
        ]
        now = max(m.created_at for m in memories if m.created_at) + timedelta(days=1)
        costs = [count(m.text + "\n") for m in memories]
        place = {m.id: i for i, m in enumerate(memories)}
        for question, vector in zip(questions, asked, strict=True):
            right = {place[e] for e in question["evidence"] if e in place}
            if question["user"] != talk or not right:
                continue
            cosine = np.argsort(-(vectors[at] @ vector), kind="stable").tolist()
            options = RecallOptions(top=200, min_relevance=ContextQuery().min_relevance)
            hits = recall(question["question"], vector, memories, vectors[at], options, now=now).memories
            for budget in BUDGETS:
                ask = ContextQuery(query=question["question"], max_tokens=budget, sections=["bearing"])
                known = Known(memories=memories, hits=hits)
                block = build_context(ask, known, tokenizer=tokenizer_named(), now=now)
                found = {
                    "**context**": {place[use.memory_id] for use in block.used},
                    "plain cosine": _filled(cosine, costs, budget),
                    "the last N": _filled(range(len(memories) - 1, -1, -1), costs, budget),
                }
                for name, inside in found.items():
                    for of in (talk, "all"):
                        shares[name, budget, of].append(len(right & inside) / len(right))
    groups = ["all", *sorted({of for _, _, of in shares} - {"all"})]
    names = dict.fromkeys(name for name, _, _ in shares)
    return [
        [name, str(budget), *(f"{np.mean(shares[name, budget, of]):.3f}" for of in groups)]
        for budget in BUDGETS
        for name in names
    ]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="dev bench context", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with locomo/*.jsonl.gz")
    options = parser.parse_args()
    print(machine())
    if not public.have(options.data, "locomo"):
        return
    rows = evidence(options.data)
    heads = ["way", "tokens", "all", *(f"conversation {i}" for i in range(1, len(rows[0]) - 2))]
    print("\n## Share of the evidence inside the block, LoCoMo turns\n")
    print(table(heads, rows))


if __name__ == "__main__":
    main()

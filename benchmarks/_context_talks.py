"""Conversations with questions whose evidence is known: LoCoMo's, and MemoryBank's with evidence marked by hand."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import _analysis_public as public
from reverie.contracts import Memory

__all__ = ["Question", "Talk", "locomo", "memorybank"]

_MARKS = Path(__file__).with_name("memorybank.jsonl")
"""Of each probing question, in which messages its answer stands; each list holds messages that say the same. Marked by
reading the conversations, before any way to find them had been run. The set itself has no evidence."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question; ``evidence``: for each thing that must be known, the memories that say it."""

    text: str
    vector: NDArray[np.float32]
    evidence: Sequence[frozenset[int]]


@dataclass(frozen=True, slots=True)
class Talk:
    """One person's memories, oldest first, and what is asked of them in the order of the set."""

    name: str
    memories: Sequence[Memory]
    #: Of the texts alone, as the service embeds them.
    vectors: NDArray[np.float32]
    #: Of "Speaker: text".
    spoken: NDArray[np.float32]
    questions: Sequence[Question]

    @property
    def now(self) -> datetime:
        """A day after the last memory."""
        return max(m.created_at for m in self.memories if m.created_at) + timedelta(days=1)


def locomo(folder: Path) -> list[Talk]:
    """The turns of each conversation as memories; questions without an answer are left out."""
    turns = defaultdict(list)
    for turn in public.rows(folder / "locomo" / "turns.jsonl.gz"):
        speaker = turn["user"].split("/")[1]
        turns[turn["conversation"]].append(_memory(turn["id"], turn["text"], speaker, turn["timestamp"]))
    asked = [
        (q["user"], q["question"], [[e] for e in q["evidence"]])
        for q in public.rows(folder / "locomo" / "qa.jsonl.gz")
        if q["category"] != 5
    ]
    return _talks(dict(sorted(turns.items())), asked)


def memorybank(folder: Path) -> list[Talk]:
    """The messages of each user and what the companion answered, a memory each."""
    said = defaultdict(list)
    for row in public.rows(folder / "memorybank" / "messages.jsonl.gz"):
        user, key = row["user"].strip(), row["id"].split("/", 1)[1]
        said[user].append(_memory(f"{user}/{key}/user", row["text"], user, row["timestamp"]))
        said[user].append(_memory(f"{user}/{key}/reply", row["response"], "Companion", row["timestamp"]))
    marks = {}
    for line in _MARKS.read_text("utf-8").splitlines():
        mark = json.loads(line)
        marks[mark["question"]] = mark["evidence"]
    asked = []
    for row in public.rows(folder / "memorybank" / "probing_questions.jsonl.gz"):
        user = row["user"].strip()
        found = marks.get(f"{user}/{row['id'].split('/')[1]}", [])
        asked.append((user, row["text"], [[f"{user}/{key}" for key in same] for same in found]))
    return _talks(said, asked)


def _memory(id_: str, text: str, speaker: str, moment: str) -> Memory:
    created = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    return Memory(id=id_, text=text, speaker=speaker, created_at=created)


def _talks(told: dict[str, list[Memory]], asked: Sequence[tuple[str, str, list[list[str]]]]) -> list[Talk]:
    memories = [m for kept in told.values() for m in kept]
    vectors = public.embed([m.text for m in memories])
    spoken = public.embed([f"{m.speaker}: {m.text}" for m in memories])
    wanted = public.embed([text for _, text, _ in asked], kind="query")
    talks, start = [], 0
    for name, kept in told.items():
        part = slice(start, start + len(kept))
        start += len(kept)
        place = {m.id: i for i, m in enumerate(kept)}
        questions = []
        for (user, text, evidence), vector in zip(asked, wanted, strict=True):
            if user == name and (right := _right(evidence, place)):
                questions.append(Question(text, vector, right))
        talks.append(Talk(name, kept, vectors[part], spoken[part], questions))
    return talks


def _right(evidence: list[list[str]], place: dict[str, Any]) -> list[frozenset[int]]:
    found = [frozenset(place[id_] for id_ in same if id_ in place) for same in evidence]
    return [same for same in found if same]

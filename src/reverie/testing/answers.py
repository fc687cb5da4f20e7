"""Answers from shared words: sensible, never changing, made without a model."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections import Counter
from collections.abc import Callable
from typing import Any

__all__ = ["ANSWERS", "Json", "MakeAnswer"]

Json = dict[str, Any]
MakeAnswer = Callable[[Json], Json]
"""Takes a request's body and returns the result."""


def _words(memory: Json) -> list[str]:
    return [word for word in memory["text"].casefold().split() if len(word) > 3]


def _cluster(body: Json) -> Json:
    memories = body["memories"]
    counts = Counter(word for memory in memories for word in set(_words(memory)))
    groups: dict[str, list[str]] = {}
    loose = []
    for memory in memories:
        shared = [word for word in _words(memory) if counts[word] > 1]
        if shared:
            groups.setdefault(max(shared, key=lambda word: (counts[word], word)), []).append(memory["id"])
        else:
            loose.append(memory["id"])
    themes: list[Json] = [
        {"id": f"thm_{word}", "label": word, "keywords": [word], "size": len(ids), "memory_ids": ids,
         "representative_ids": ids[:3], "cohesion": 0.5}
        for word, ids in groups.items()
    ]  # fmt: skip
    of = {memory_id: theme["id"] for theme in themes for memory_id in theme["memory_ids"]}
    return {
        "themes": themes, "unclustered": loose, "assignments": {m["id"]: of.get(m["id"]) for m in memories},
        "map": [{"id": m["id"], "x": 0.0, "y": 0.0} for m in memories],
    }  # fmt: skip


def _analyze(body: Json) -> Json:
    ranked = sorted(body["memories"], key=lambda memory: -len(memory["text"]))
    longest = max((len(memory["text"]) for memory in ranked), default=1)
    importance = [
        {"memory_id": memory["id"], "score": len(memory["text"]) / longest, "rank": rank,
         "factors": {"length": {"value": 1.0, "weight": 1.0, "contribution": len(memory["text"]) / longest}}}
        for rank, memory in enumerate(ranked, 1)
    ]  # fmt: skip
    pattern = {
        "kind": "weekly_rhythm", "description": "Most memories are from Mondays.", "strength": 0.6, "p_value": 0.002,
        "memory_ids": [memory["id"] for memory in ranked],
    }  # fmt: skip
    return {
        "importance": importance, "patterns": [pattern], "duplicates": [], "notes": [], "stats": {},
        "graph": {"communities": [], "central": [m["id"] for m in ranked[-1:]], "bridges": [], "isolated": [],
                  "edges": [], "metrics": {}},
    }  # fmt: skip


def _recall(body: Json) -> Json:
    wanted = set(body["query"].casefold().split())
    scored: list[tuple[int, Json]] = [
        (len(wanted & set(memory["text"].casefold().split())), memory) for memory in body["memories"]
    ]
    found = [pair for pair in sorted(scored, key=lambda pair: -pair[0]) if pair[0]]
    return {
        "memories": [
            {"memory_id": memory["id"], "text": memory["text"], "score": float(score), "rank": rank,
             "terms": {"relevance": float(score), "importance": 0.0, "recency": 0.0}}
            for rank, (score, memory) in enumerate(found, 1)
        ]
    }  # fmt: skip


def _embed(body: Json) -> Json:
    """Vectors of eight numbers, by the words' hashes."""
    rows = []
    for text in body["texts"]:
        row = [0.0] * 8
        for word in text.casefold().split():
            row[zlib.crc32(word.encode()) % 8] += 1.0
        length = math.hypot(*row) or 1.0
        rows.append([value / length for value in row])
    packed = struct.pack(f"<{8 * len(rows)}f", *(value for row in rows for value in row))
    return {"vectors": base64.b64encode(packed).decode(), "count": len(rows), "dimensions": 8}


ANSWERS: dict[str, MakeAnswer] = {"cluster": _cluster, "analyze": _analyze, "recall": _recall, "embed": _embed}

"""Vectors of a user's texts: from Redis, else from PostgreSQL, else computed, and then kept in both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from reverie.embedding import Embedder, text_key
from reverie.embedding.base import EmbedKind, OnProgress, Vectors
from reverie.worker.resources import Resources, Task

__all__ = ["Embedded", "embed"]

_BATCH = 2000
"""Texts computed between two writes: what is finished survives a crash."""


@dataclass(slots=True)
class Embedded:
    """Vectors in the order of the texts, and where they came from."""

    vectors: Vectors
    tokens: int = 0
    cached_tokens: int = 0
    cached: int = 0
    computed: int = 0
    truncated: int = 0
    usd: float = 0.0

    def count_as_computed(self, texts: int, tokens: int) -> None:
        """Texts that this task embedded a moment before it read them here."""
        self.computed, self.cached = self.computed + texts, max(0, self.cached - texts)
        self.tokens, self.cached_tokens = self.tokens + tokens, max(0, self.cached_tokens - tokens)


def embed(
    runtime: Resources,
    task: Task,
    embedder: Embedder,
    texts: Sequence[str],
    *,
    kind: EmbedKind = "document",
    on_progress: OnProgress,
    before: Callable[[Sequence[str]], None] | None = None,
    person: int | None = None,
    passing: bool = False,
) -> Embedded:
    """Embed ``texts`` for the task's user; equal texts are computed once.

    ``person``: whose stored memories the texts are. Their vectors stay with them, and out of Redis. ``passing``: they
    are questions, which are seldom asked twice. Their vectors stay in Redis alone, as long as it keeps them.

    ``before`` is called with the texts that must be computed, if any, and may raise to refuse that.
    Raises ``LeaseLost`` through ``on_progress`` when the work must stop.
    """
    model = embedder.model
    keys = [text_key(text, kind) for text in texts]
    distinct = dict(zip(keys, texts, strict=True))
    wanted = list(distinct)
    known = runtime.vectors.get(task.tenant, task.user_id, model.key, wanted) if person is None else {}
    missing = [key for key in wanted if key not in known]
    durable = not (passing and runtime.vectors.configured)
    if missing and durable:
        stored = runtime.store.vectors(task, model.key, missing)
        if person is None:
            _to_redis(runtime, task, model.key, stored)
        known.update(stored)
        missing = [key for key in missing if key not in known]

    size = model.dimensions * 4
    out = Embedded(np.empty((len(texts), model.dimensions), dtype=np.float32))
    table: dict[bytes, bytes] = {}
    for key, (raw, tokens) in known.items():
        if len(raw) == size:
            table[key] = raw
            out.cached_tokens += tokens
        else:  # a damaged entry is computed again
            missing.append(key)
    out.cached = len(table)

    total = len(missing)
    if missing and before is not None:
        before([distinct[key] for key in missing])
    # Short first within a batch would starve progress; longest texts last keeps the estimate honest.
    for start in range(0, total, _BATCH):
        batch = missing[start : start + _BATCH]
        report = _shifted(on_progress, start, total)
        done = embedder.embed([distinct[key] for key in batch], kind=kind, on_progress=report)
        vectors = np.ascontiguousarray(done.vectors, dtype="<f4")
        raws = [row.tobytes() for row in vectors]
        tokens_each = _share(done.tokens, [len(distinct[key]) for key in batch])
        fresh = {key: (raw, n) for key, raw, n in zip(batch, raws, tokens_each, strict=True)}
        # Redis itself refuses what belongs to a user who was erased meanwhile.
        kept = not durable or runtime.store.put_vectors(task, model.key, batch, raws, tokens_each, person=person)
        if kept and person is None:
            _to_redis(runtime, task, model.key, fresh)
        table.update(zip(batch, raws, strict=True))
        out.tokens += done.tokens
        out.truncated += done.truncated
        out.usd += done.usd
        out.computed += len(batch)
        on_progress("embedding", start + len(batch), total)
    for index, key in enumerate(keys):
        out.vectors[index] = np.frombuffer(table[key], dtype="<f4")
    return out


def _to_redis(runtime: Resources, task: Task, model: str, entries: dict[bytes, tuple[bytes, int]]) -> None:
    accepted = int(task.created_at.timestamp() * 1000)
    keys = list(entries)
    raws, tokens = [entries[k][0] for k in keys], [entries[k][1] for k in keys]
    runtime.vectors.put(task.tenant, task.user_id, model, accepted, keys, raws, tokens)


def _shifted(on_progress: OnProgress, start: int, total: int) -> OnProgress:
    def report(stage: str, done: int, of: int) -> None:
        on_progress(stage, start + done, total)

    return report


def _share(total: int, lengths: list[int]) -> list[int]:
    # A provider tells tokens for the whole batch; each text's share goes by its length.
    whole = sum(lengths) or 1
    return [round(total * length / whole) for length in lengths]

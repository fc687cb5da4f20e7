"""What the engines for the CPU share: tokens, windows, batches, order, progress and pooling.

What makes them fast: every replica is one thread on one core, so cores never wait for each other inside a matrix
product; batches hold some hundred tokens of rows of about equal length; identical texts are read once.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reverie._cpus import processors
from reverie.embedding.base import Embeddings, EmbedKind, ModelSpec, OnProgress, Vectors, silent
from reverie.embedding.batching import Row, excerpts, make_batches, windows
from reverie.embedding.calibration import scale_of
from reverie.embedding.measured import Measured
from reverie.embedding.models import ModelFolder
from reverie.embedding.tokens import JsonTokens, Tokens

__all__ = ["TOKENS_PER_BATCH", "Array", "LocalEmbedder", "cores"]

Array = NDArray[Any]

# 512 and 1,024 measure the same; the smaller one reports progress (and notices a cancellation) twice as often.
TOKENS_PER_BATCH = 512
_FEWEST_TOKENS_PER_BATCH = 64
_LAST_TOKENS = 128
_TAIL = 2
"""Full batches a replica from which on the last ones are made small."""
_TEXTS_PER_TOKENIZER_CALL = 1000


class LocalEmbedder(ABC):
    """Embeds on the CPU with ``threads`` threads, each with a replica of the model; 0 is one a core.

    A text longer than the model's window is cut into windows whose vectors are averaged by their number of tokens
    (at most ``MAX_WINDOWS``, spread evenly), and counted in ``truncated``.
    """

    def __init__(
        self,
        folder: ModelFolder,
        revision: str,
        *,
        provider: str,
        precision: str,
        threads: int,
        tokens: Tokens | None = None,
        measured: Measured | None = None,
    ) -> None:
        self._folder = folder
        self._measured = measured
        self._replicas = threads or cores()
        self._tokens = tokens or JsonTokens(folder.path / "tokenizer.json", provider)
        self._before, self._after = self._tokens.before, self._tokens.after
        self._room = max(1, folder.max_tokens - len(self._before) - len(self._after))
        self._pool = ThreadPoolExecutor(self._replicas, thread_name_prefix="embed")
        self._model = ModelSpec(
            name=folder.name,
            revision=revision,
            dimensions=int(folder.config["hidden_size"]),
            provider=provider,
            precision=precision,
            pooling=folder.pooling,
            shortens=folder.shortens,
            scale=measured.scale if measured else scale_of(folder.name),
            centring=measured.centring.fingerprint if measured else "",
            alphabet=self._tokens.alphabet,
        )

    @abstractmethod
    def _hidden(self, ids: Array, lengths: Array) -> Vectors:
        """The last hidden state, (rows, longest, d) float32, of ``ids`` (rows, longest) int32, padded with zeros.

        ``lengths`` (rows,) int32 tells how many ids of each row count. Called by any of the pool's threads, each of
        which is done with the result before it calls again.
        """

    def _shape(self, rows: int, longest: int) -> tuple[int, int]:
        """The shape, at least as large, in which ``_hidden`` wants ``rows`` rows of at most ``longest`` ids."""
        return rows, longest

    @property
    def model(self) -> ModelSpec:
        """Name, source hash, dimension, precision and pooling."""
        return self._model

    def embed(
        self, texts: Sequence[str], *, kind: EmbedKind = "document", on_progress: OnProgress = silent
    ) -> Embeddings:
        """Embed ``texts``: ``(n, d)`` float32, unit length, in the order of the texts."""
        if not texts:
            return Embeddings(vectors=np.zeros((0, self._model.dimensions), dtype=np.float32))
        first: dict[str, int] = {}
        index = [first.setdefault(text, len(first)) for text in texts]
        on_progress("embedding", 0, len(texts))
        rows, long = self._rows(list(first), self._prompt(kind), on_progress, len(texts))
        sums = self._run(rows, len(first), on_progress, len(texts))
        sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
        if self._measured is not None:
            sums = self._measured.centring(sums)
        vectors = sums if len(first) == len(texts) else sums[index]
        return Embeddings(
            vectors=vectors,
            tokens=sum(len(row.ids) for row in rows),
            truncated=sum(1 for unique in index if unique in long),
        )

    def _prompt(self, kind: EmbedKind) -> str:
        return self._folder.prompt(kind) if self._measured is None else self._measured.prompt

    def close(self) -> None:
        """Stop the threads; the weights go with the last reference."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _rows(self, texts: list[str], prompt: str, on_progress: OnProgress, total: int) -> tuple[list[Row], set[int]]:
        """Windows of all texts, and the numbers of the texts that needed more than one."""
        rows: list[Row] = []
        long: set[int] = set()
        for start in range(0, len(texts), _TEXTS_PER_TOKENIZER_CALL):
            chunk = texts[start : start + _TEXTS_PER_TOKENIZER_CALL]
            for number, tokens in enumerate(self._encoded([prompt + text for text in chunk]), start):
                cut = windows(len(tokens), self._room)
                if len(cut) > 1:
                    long.add(number)
                for begin, end in cut:
                    ids = [*self._before, *tokens[begin:end], *self._after]
                    rows.append(Row(number, ids, max(1, end - begin)))
            on_progress("embedding", 0, total)
        return rows, long

    def _encoded(self, texts: list[str]) -> Iterator[list[int]]:
        """Token ids of each text, without special tokens; of a very long text the ids of its excerpts."""
        parts = [excerpts(text, self._room) for text in texts]
        found = iter(self._tokens.encode([part for group in parts for part in group]))
        for group in parts:
            own: list[list[int]] = [next(found) for _ in group]
            # No excerpt gives more than one window's worth, so that each counts about the same.
            yield own[0] if len(own) == 1 else list(itertools.chain.from_iterable(ids[: self._room] for ids in own))

    def _run(self, rows: list[Row], count: int, on_progress: OnProgress, total: int) -> Vectors:
        """Weighted sums of the windows' pooled vectors, one row a text."""
        sums = np.zeros((count, self._model.dimensions), dtype=np.float32)
        lengths = [self._shape(1, len(row.ids))[1] for row in rows]
        share = -(-sum(lengths) // self._replicas)  # a small request still keeps every core busy
        budget = min(TOKENS_PER_BATCH, max(_FEWEST_TOKENS_PER_BATCH, share))
        # Much work ends in small batches; little is in as many as there are replicas, and no more.
        takers = self._replicas if share > _TAIL * budget else 0
        waiting = iter(make_batches(lengths, budget, takers=takers, least=_LAST_TOKENS))
        running: dict[Future[Vectors], list[int]] = {}
        windows_of = Counter(row.text for row in rows)
        parts: dict[int, Vectors] = {}
        done = 0
        try:
            while True:
                # One more for each replica than it works on, so that a free replica has its next batch at once.
                while len(running) < 2 * self._replicas and (batch := next(waiting, None)) is not None:
                    running[self._pool.submit(self._forward, [rows[number].ids for number in batch])] = batch
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    batch = running.pop(future)
                    for number, vector in zip(batch, future.result(), strict=True):
                        row = rows[number]
                        weighted = vector * row.weight
                        if windows_of[row.text] == 1:
                            sums[row.text] = weighted
                        else:
                            parts[number] = weighted
                    done += len(batch)
                    on_progress("embedding", total * done // len(rows), total)
        finally:
            for future in running:
                future.cancel()
        # In the windows' own order: a sum must not depend on which batch was done first.
        for number in sorted(parts):
            sums[rows[number].text] += parts[number]
        return sums

    def _forward(self, ids: list[list[int]]) -> Vectors:
        """Pooled vectors of rows, ``(len(ids), d)``, not normalised."""
        longest = max(map(len, ids))
        array = np.zeros(self._shape(len(ids), longest), dtype=np.int32)
        lengths = np.ones(len(array), dtype=np.int32)
        for number, row in enumerate(ids):
            array[number, : len(row)] = row
            lengths[number] = len(row)
        hidden = self._hidden(array, lengths)[: len(ids), :longest]
        lengths = lengths[: len(ids)]
        if self._model.pooling == "cls":
            return hidden[:, 0].copy()
        if (lengths == longest).all():
            return np.asarray(hidden.mean(axis=1), dtype=np.float32)
        inside = (np.arange(longest) < lengths[:, None]).astype(np.float32)
        pooled: Vectors = np.einsum("blh,bl->bh", hidden, inside) / lengths[:, None].astype(np.float32)
        return pooled


def cores() -> int:
    """Cores this process may use: more threads than a container's quota pays for would be held up together."""
    return processors()

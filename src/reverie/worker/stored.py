"""What a worker process keeps of users whose stored memories it worked on lately, for the next time.

For a question: one packed matrix beside the texts (docs/decisions/vectors.md), checked against the version before every
use and brought up to date by what changed since. For upkeep: what each text was read as.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import psycopg

from reverie._text_key import text_key
from reverie.analysis import LASTING, Durable, KnownTexts, RecallIndex, read_durable
from reverie.contracts import Memory
from reverie.embedding.base import Vectors
from reverie.store import ClaimedTask, WorkerStore
from reverie.store.people import PersonAt, still_valid

__all__ = ["Kept", "KeptByUser", "KnownIndex", "texts_size"]

_CHECK_EVERY = 2.0
"""Seconds until what was deleted is gone from here too."""
_PER_MEMORY = 400
"""Bytes that a memory takes beside its text and its vector, about."""
_MOST_FRESH = 200
"""Memories newer than the view whose wording is read."""
_PER_READING = 900
"""Bytes that a reading takes beside its text, about."""

_T = TypeVar("_T")


_Read = dict[bytes, Durable]


class KnownIndex:
    """A person's memories as recall needs them, with vectors of a model, and what contexts found out of their texts."""

    def __init__(self, model_key: str, index: RecallIndex, read: _Read | None = None) -> None:
        self.model_key, self.index = model_key, index
        #: Bytes that it takes, about.
        self.size = _index_size(index)
        #: What was read for contexts, by the hash of each text.
        self.read: _Read = read or {}
        self._found: tuple[float, list[tuple[str, float, str]]] | None = None

    def changed(self, memories: Sequence[Memory], vectors: Vectors, gone: Collection[str] = ()) -> KnownIndex:
        """The same after a change, as ``RecallIndex.changed``."""
        return KnownIndex(self.model_key, self.index.changed(memories, vectors, gone), self.read)

    def lasting_since(self, moment: float) -> list[tuple[str, float, str]]:
        """What lasts, by its wording, among the newest memories made after ``moment`` (seconds since 1970): id, score,
        reason; boundaries first. From minus infinity on, those without a date count too, as the oldest.

        Found once; after a change only new texts are read.
        """
        if self._found is None or self._found[0] != moment:
            self._found = moment, self._lasting(moment)
        return self._found[1]

    def _lasting(self, moment: float) -> list[tuple[str, float, str]]:
        index = self.index
        created = np.where(np.isnan(index.created), -np.inf, index.created)
        rows = np.flatnonzero(created > moment) if moment > -np.inf else np.arange(len(created))
        # Of one moment, the later row is the newer.
        newest = rows[np.lexsort((rows, created[rows]))[::-1][:_MOST_FRESH]].tolist()
        texts = {text_key(index.texts[i]): index.texts[i] for i in newest}
        new = [key for key in texts if key not in self.read]
        read = {**self.read, **dict(zip(new, read_durable([texts[key] for key in new]), strict=True))}
        self.read = {key: read[key] for key in texts}
        found = [(index.ids[i], read[text_key(index.texts[i])]) for i in newest]
        lasting = [(id_, d) for id_, d in found if d.boundary or (d.kind and d.score >= LASTING)]
        lasting.sort(key=lambda pair: (not pair[1].boundary, -pair[1].score))
        return [(id_, d.score, d.reason) for id_, d in lasting]


@dataclass(slots=True)
class Kept(Generic[_T]):
    """What is kept of one version of a person's memories."""

    person: int
    version: int
    value: _T
    bytes: int
    used_at: float


class KeptByUser(Generic[_T]):
    """The last users' entries, up to ``limit`` bytes; the one not asked for longest goes first.

    A thread drops what was erased or deleted meanwhile, also when nobody asks, and what nobody used for ``unused``
    seconds.
    """

    def __init__(self, database_url: str, limit: int, *, unused: float, name: str) -> None:
        self._limit, self._unused, self._name = limit, unused, name
        # Not cachetools' LRUCache: looking through it, as the thread does, counts there as a use of each entry.
        self._entries: OrderedDict[tuple[str, str], Kept[_T]] = OrderedDict()
        self._lock = threading.Lock()
        self._url = database_url
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def close(self) -> None:
        """Drop everything."""
        self._closing.set()
        with self._lock:
            self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)

    def known(self, task: ClaimedTask) -> Kept[_T] | None:
        """What is at hand of the task's user, of whatever version."""
        with self._lock:
            return self._entries.get((task.tenant, task.user_id))

    def keep(self, task: ClaimedTask, person: PersonAt, value: _T, size: int) -> None:
        """Have a value of ``size`` bytes at hand, if it fits in."""
        entry = Kept(person.id, person.version, value, size, time.monotonic())
        name = task.tenant, task.user_id
        with self._lock:
            self._entries.pop(name, None)
            if entry.bytes > self._limit:
                return
            self._entries[name] = entry
            while sum(one.bytes for one in self._entries.values()) > self._limit:
                self._entries.popitem(last=False)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name=self._name, daemon=True)
                self._thread.start()

    def _watch(self) -> None:
        store = WorkerStore(self._url, statement_timeout=5.0)
        while not self._closing.wait(_CHECK_EVERY):
            with self._lock:
                versions = {entry.person: entry.version for entry in self._entries.values()}
            if not versions:
                store.close()
                continue
            try:
                valid = still_valid(store, versions)
            except psycopg.Error:
                valid = set()  # what cannot be checked is read anew
            old = time.monotonic() - self._unused
            with self._lock:
                for name, entry in list(self._entries.items()):
                    if entry.used_at < old or (entry.person in versions and entry.person not in valid):
                        del self._entries[name]
        store.close()


def _index_size(index: RecallIndex) -> int:
    # With the room that is left for more. Each text is there twice, the second time in small letters.
    room = index.vectors.base
    vectors = room.nbytes if isinstance(room, np.ndarray) else index.vectors.nbytes
    return int(vectors) + sum(2 * len(text) for text in index.texts) + _PER_MEMORY * len(index)


def texts_size(known: KnownTexts) -> int:
    """Bytes that readings take, about."""
    return known.chars + _PER_READING * len(known)

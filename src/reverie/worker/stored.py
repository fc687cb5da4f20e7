"""Stored memories kept ready for the next question.

Of each user who was asked about lately a worker process keeps one packed matrix beside the texts (docs/decisions/
vectors.md). It is checked against the user's version before every use and brought up to date by what changed since.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

import psycopg

from reverie.analysis import RecallIndex
from reverie.store import TaskRow, WorkerStore
from reverie.store.people import PersonAt, still_valid

__all__ = ["KnownIndex", "StoredIndexes"]

_UNUSED = 600.0
"""Seconds after its last use that an index is dropped."""
_CHECK_EVERY = 2.0
"""Seconds until what was deleted is gone from here too."""
_PER_MEMORY = 400
"""Bytes that a memory takes beside its text and its vector, about."""


@dataclass(slots=True)
class KnownIndex:
    """An index of one version of a person's memories."""

    person: int
    version: int
    model_key: str
    index: RecallIndex
    bytes: int
    used_at: float


class StoredIndexes:
    """The last users' memories as recall needs them, up to ``limit`` bytes; the one not asked for longest goes first.

    A thread drops what was erased or deleted meanwhile, also when nobody asks.
    """

    def __init__(self, database_url: str, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[tuple[str, str], KnownIndex] = OrderedDict()
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

    def known(self, task: TaskRow) -> KnownIndex | None:
        """What is at hand of the task's user, of whatever version."""
        with self._lock:
            return self._entries.get((task.tenant, task.user_id))

    def keep(self, task: TaskRow, person: PersonAt, model_key: str, index: RecallIndex) -> None:
        """Have an index at hand, if it fits in."""
        entry = KnownIndex(person.id, person.version, model_key, index, _size(index), time.monotonic())
        name = task.tenant, task.user_id
        with self._lock:
            self._entries.pop(name, None)
            if entry.bytes > self._limit:
                return
            self._entries[name] = entry
            while sum(one.bytes for one in self._entries.values()) > self._limit:
                self._entries.popitem(last=False)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="stored-indexes", daemon=True)
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
            old = time.monotonic() - _UNUSED
            with self._lock:
                for name, entry in list(self._entries.items()):
                    if entry.used_at < old or (entry.person in versions and entry.person not in valid):
                        del self._entries[name]
        store.close()


def _size(index: RecallIndex) -> int:
    # Each text is there twice, the second time in small letters.
    return int(index.vectors.nbytes) + sum(2 * len(text) for text in index.texts) + _PER_MEMORY * len(index)

"""Which workers are there: each says so in Redis every few seconds, and is forgotten when it stops saying so.

For people who look, never for decisions: which work must run again is decided by leases alone.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import redis

from reverie.queue.redis_connection import open_sync

__all__ = ["WORKERS", "WorkerPresence", "presence_key"]

log = logging.getLogger(__name__)

WORKERS = "reverie:workers"
"""Set of the names of workers that were there lately."""

_EVERY = 5.0
"""Seconds between two signs of life; a worker counts as gone after three missed ones."""


def presence_key(name: str) -> str:
    """Key that expires when the worker of this name falls silent."""
    return f"reverie:worker:{name}"


class WorkerPresence:
    """The signs of life of one worker, from a thread of its own. Without Redis it is simply not seen."""

    def __init__(
        self,
        redis_url: str | None,
        queues: Sequence[str],
        processes: int,
        *,
        more: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        self._redis = open_sync(redis_url, seconds=1.0)
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self._about: dict[str, Any] = {"name": self.name, "queues": list(queues), "processes": processes}
        #: What else each report says: the model, whether it can be used.
        self._more = more
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def start(self) -> None:
        """Begin. Call it after the fork: threads do not survive one."""
        if self._redis is not None:
            self._thread.start()

    def stop(self) -> None:
        """Stop, and take this worker off the list of those that are there."""
        self._over.set()
        if self._redis is None or not self._thread.is_alive():
            return
        self._thread.join(timeout=3.0)
        try:
            with self._redis.pipeline(transaction=False) as pipe:
                pipe.delete(presence_key(self.name))
                pipe.srem(WORKERS, self.name)
                pipe.execute()
        except redis.RedisError as error:
            log.debug("this worker was not taken off the list: %s", error)
        self._redis.close()

    def _run(self) -> None:
        assert self._redis is not None
        while True:
            try:
                with self._redis.pipeline(transaction=False) as pipe:
                    pipe.set(presence_key(self.name), orjson.dumps(self._about | self._more()), px=int(_EVERY * 3000))
                    pipe.sadd(WORKERS, self.name)
                    pipe.execute()
            except redis.RedisError as error:
                log.debug("this worker could not be put on the list: %s", error)
            if self._over.wait(_EVERY):
                return

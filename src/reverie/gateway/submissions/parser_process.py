"""The process that parses large bodies. It loads its code by itself, while the gateway loads the rest of its own."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.process import BaseProcess

from reverie._garbage import uncollected

__all__ = ["load", "new_pool", "start"]


def new_pool() -> ProcessPoolExecutor:
    """A pool of one process, which starts with its first work and ends with this one."""
    # Spawned, not forked: this process has threads.
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent)


def start() -> ProcessPoolExecutor:
    """The same, its process on the way."""
    pool = new_pool()
    pool.submit(load)
    return pool


def load() -> None:
    """Runs in the process, to have everything imported; that it is done shows that the process is there."""
    with uncollected():
        importlib.import_module("reverie.gateway.submissions.parse")


def _end_with_parent() -> None:
    """In the process: end as soon as the gateway has, however it went."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_and_end, args=(parent,), name="watch-gateway", daemon=True).start()


def _wait_and_end(parent: BaseProcess) -> None:
    parent.join()
    os._exit(0)

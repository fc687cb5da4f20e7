"""The cyclic collector, kept out of what it can only hold up."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["uncollected"]


@contextmanager
def uncollected() -> Iterator[None]:
    """Pause the cyclic collector in the block: where much is made that stays, its full collections free nothing.

    For reading code (a seventh of a role's start) and for many small results on a large heap.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()

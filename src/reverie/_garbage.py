"""The cyclic collector, kept out of what it can only hold up."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["set_aside", "uncollected"]

_GARBAGE = 20_000
"""Objects after which the interpreter looks for garbage. Nearly all of a task goes by itself."""


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


def set_aside() -> None:
    """Leave out of all collections to come what is there now, and collect less often.

    Code, tables and models stay for good: to look through them for garbage would hold up whatever is asked, again and
    again, and write to pages that forked processes share.
    """
    gc.freeze()
    gc.set_threshold(_GARBAGE)

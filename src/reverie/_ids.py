"""Ids that sort by age: 48 bits of time and 80 random bits, in the layout and alphabet of a ULID, in lower case."""

from __future__ import annotations

import os
import time

__all__ = ["new_id", "new_ids", "new_task_id"]

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _CROCKFORD for second in _CROCKFORD]


def new_id(prefix: str) -> str:
    """``prefix`` and 26 letters and digits."""
    return new_ids(prefix, 1)[0]


def new_task_id() -> str:
    """An id for a task; it sorts by age."""
    return new_id("tsk_")


def new_ids(prefix: str, count: int) -> list[str]:
    """``count`` ids in rising order."""
    # The random part counts up, from where it cannot overflow.
    first = (int(time.time() * 1000) << 80) | (int.from_bytes(os.urandom(10)) >> 1)
    return [
        prefix + "".join([_PAIRS[((first + n) >> shift) & 1023] for shift in range(120, -1, -10)]) for n in range(count)
    ]

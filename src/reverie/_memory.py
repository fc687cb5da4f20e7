"""Memory that was freed, given back to the machine."""

from __future__ import annotations

import contextlib
import ctypes

__all__ = ["give_back_freed"]


def give_back_freed() -> None:
    """Have the C library return pages that hold nothing any more; other libraries than glibc do so by themselves."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)

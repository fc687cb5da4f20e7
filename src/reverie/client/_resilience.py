"""When to try again."""

from __future__ import annotations

import random
from collections.abc import Iterator

__all__ = ["pauses"]


def pauses(first: float = 0.1, most: float = 5.0) -> Iterator[float]:
    """Seconds between tries: doubling, with full jitter so that many clients do not return together."""
    limit = first
    while True:
        yield random.uniform(limit / 2, limit)
        limit = min(limit * 2, most)

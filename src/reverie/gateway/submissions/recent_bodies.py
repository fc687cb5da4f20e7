"""Submissions that came before, byte for byte: their bodies need no second look to be answered from the cache."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from reverie.gateway.submissions.parse import Parsed

__all__ = ["RecentBodies"]


class RecentBodies:
    """What the last bodies came to, by their hash. No word of a memory is kept: an erasure need not come here."""

    def __init__(self, size: int = 4096) -> None:
        self._size = size
        self._known: OrderedDict[bytes, Parsed] = OrderedDict()

    @staticmethod
    def name(operation: str, body: bytes) -> bytes:
        """What stands for a body."""
        return hashlib.blake2b(body, digest_size=32, person=operation.encode()[:16]).digest()

    def get(self, name: bytes) -> Parsed | None:
        """The gist of a body that was valid before."""
        gist = self._known.get(name)
        if gist is not None:
            self._known.move_to_end(name)
        return gist

    def put(self, name: bytes, parsed: Parsed) -> None:
        """Remember a valid body."""
        self._known[name] = parsed.without_texts()
        while len(self._known) > self._size:
            self._known.popitem(last=False)

"""What single texts were read as, kept for the next analysis of the same memories: then only new texts are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

__all__ = ["KnownTexts", "read_once"]

_T = TypeVar("_T")


class KnownTexts:
    """Readings by kind and text. Each depends on its text alone, so what is kept is what would be read again.

    For one thread at a time. Whoever keeps it sees to its size, and that texts which are no more go from it.
    """

    def __init__(self) -> None:
        self._kinds: dict[str, dict[str, Any]] = {}
        #: Readings made so far; the others were known.
        self.made = 0

    def __len__(self) -> int:
        """Readings kept."""
        return sum(len(known) for known in self._kinds.values())

    @property
    def chars(self) -> int:
        """Characters of the texts kept; a text is counted once, however often it was read."""
        return max((sum(map(len, known)) for known in self._kinds.values()), default=0)

    def of(self, kind: str, text: str, read: Callable[[str], _T]) -> _T:
        """``read(text)``, or what it was before; the same ``kind`` always goes with the same ``read``."""
        known = self._kinds.setdefault(kind, {})
        if text not in known:
            self.made += 1
            known[text] = read(text)
        found: _T = known[text]
        return found

    def keep_only(self, texts: Iterable[str]) -> None:
        """Forget all others."""
        wanted = frozenset(texts)
        for known in self._kinds.values():
            for text in known.keys() - wanted:
                del known[text]


def read_once(known: KnownTexts | None, kind: str, text: str, read: Callable[[str], _T]) -> _T:
    """``read(text)``, looked up where something is kept."""
    return read(text) if known is None else known.of(kind, text, read)

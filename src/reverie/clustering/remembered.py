"""What is made of a piece of text is remembered, for most pieces come again, up to a bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["Remembered"]

T = TypeVar("T")

_REMEMBERED = 8000


class Remembered(dict[str, T]):
    """What ``make`` makes of each piece that is asked for; all is forgotten at 8,000 of them."""

    def __init__(self, make: Callable[[str], T]) -> None:
        self._make = make

    def __missing__(self, piece: str) -> T:
        if len(self) >= _REMEMBERED:
            self.clear()
        self[piece] = made = self._make(piece)
        return made

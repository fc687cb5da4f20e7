"""One finding of one test, and the words and numbers all tests share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reverie.analysis.moments import Sittings
from reverie.contracts import PatternKind

__all__ = ["FEWEST", "Finding", "between_ends", "counted", "date_text", "evidence", "excess", "listed"]

FEWEST = 20
"""Sittings below which no rhythm is tested."""


@dataclass(slots=True)
class Finding:
    """One test: what would be said if it holds."""

    kind: PatternKind
    p_value: float
    #: Share of the error budget, see ``patterns``.
    weight: float
    strength: float
    description: str
    memory_indices: list[int]
    period: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


def evidence(sittings: Sittings, which: NDArray[np.bool_]) -> list[int]:
    """Indices of the memories of the sittings in ``which`` ((s,) bool)."""
    return [i for s in np.flatnonzero(which) for i in sittings.members[s]]


def excess(found: float, expected: float, total: float) -> float:
    """How far beyond chance, as a share of what could be: 0 none, 1 all events inside."""
    return float(np.clip((found - expected) / max(total - expected, 1e-9), 0.0, 1.0))


def between_ends(keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without the first and the last: given these, the others are uniform between them under an even rate."""
    inner = keep.copy()
    inner[[0, -1]] = False
    return inner


def date_text(day: float) -> str:
    """ISO 8601 date that a day number falls on."""
    return str(np.datetime64(int(day), "D"))


def counted(n: int, word: str) -> str:
    """ "1 day", "3 days"."""
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def listed(names: list[str]) -> str:
    """ "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

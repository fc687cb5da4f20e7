"""When memories were made: moments in the user's time zone, gathered into sittings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from reverie.contracts import Memory

__all__ = ["Sittings", "dated", "local_days", "sittings", "timeline"]

_GAP = 30 / 1440
"""Days. Memories closer than this are one sitting: they were not made independently of each other."""
_MIDNIGHTS = 0.1
_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Sittings:
    """The independent events of a user's history, in time order."""

    #: (s,) local wall time of the start, days since 1970-01-01. A wall clock, so a habit keeps its hour over DST.
    wall: NDArray[np.float64]
    #: Indices of the memories of each sitting.
    members: list[list[int]]
    #: (s,) whether the time of day is known; False for dates without one.
    timed: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.wall)

    @property
    def days(self) -> NDArray[np.int64]:
        """(s,) local day number since 1970-01-01."""
        return np.floor(self.wall).astype(np.int64)

    @property
    def span(self) -> float:
        """Days from the first to the last sitting."""
        return float(self.wall[-1] - self.wall[0]) if len(self.wall) else 0.0


def dated(memories: Sequence[Memory]) -> list[int]:
    """Indices of memories with a date."""
    return [i for i, m in enumerate(memories) if m.created_at is not None]


def local_days(memories: Sequence[Memory], zone: ZoneInfo) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Local wall time of each memory in days since 1970 (NaN without a date), and whether the time of day is known.

    Where more than a tenth of all dates lie exactly on midnight (of UTC or of the zone), these are dates without a
    time: a clock hits midnight to the microsecond once in 10^10 times. They keep their calendar day in every zone.
    """
    wall = np.full(len(memories), np.nan)
    midnight = np.zeros(len(memories), dtype=bool)
    plain = np.full(len(memories), np.nan)
    for i, memory in enumerate(memories):
        if memory.created_at is None:
            continue
        there = memory.created_at.astimezone(zone).replace(tzinfo=None)
        universal = memory.created_at.astimezone(UTC).replace(tzinfo=None)
        wall[i] = (there - _EPOCH).total_seconds() / 86_400
        plain[i] = wall[i]
        if _is_midnight(universal):
            midnight[i] = True
            plain[i] = (universal - _EPOCH).total_seconds() / 86_400
        elif _is_midnight(there):
            midnight[i] = True
    known = ~np.isnan(wall)
    if midnight.sum() > _MIDNIGHTS * max(1, known.sum()):
        return np.where(midnight, plain, wall), known & ~midnight
    return wall, known


def sittings(memories: Sequence[Memory], zone: ZoneInfo) -> Sittings:
    """Gather memories less than 30 minutes apart (dates without a time: on one day) into sittings."""
    wall, timed = local_days(memories, zone)
    # Ordered by real time where it is known: the wall clock runs backwards once a year.
    order = np.argsort(wall, kind="stable")
    order = order[~np.isnan(wall[order])]
    at, known = wall.tolist(), timed.tolist()
    starts: list[float] = []
    members: list[list[int]] = []
    clock: list[bool] = []
    last = -np.inf
    for i in order.tolist():
        same_day = bool(starts) and at[i] // 1 == starts[-1] // 1 and not (known[i] and clock[-1])
        if starts and (at[i] - last < _GAP or same_day):
            members[-1].append(i)
            clock[-1] = clock[-1] or known[i]
        else:
            starts.append(at[i])
            members.append([i])
            clock.append(known[i])
        last = at[i]
    return Sittings(np.array(starts), members, np.array(clock, dtype=bool))


def timeline(memories: Sequence[Memory], zone: ZoneInfo) -> dict[str, int]:
    """Memories per local day, ``{"2026-05-01": 3}``, in order."""
    wall, _ = local_days(memories, zone)
    days, counts = np.unique(np.floor(wall[~np.isnan(wall)]).astype("datetime64[D]"), return_counts=True)
    return {str(day): int(count) for day, count in zip(days, counts, strict=True)}


def _is_midnight(moment: datetime) -> bool:
    return moment.hour == moment.minute == moment.second == moment.microsecond == 0

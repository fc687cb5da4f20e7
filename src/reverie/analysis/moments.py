"""When memories were made: moments in the user's time zone, gathered into sittings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from reverie.contracts import Memory

__all__ = ["GAP", "Sittings", "dated", "local_days", "sittings", "timeline"]

GAP = 30 / 1440
"""Days. Memories closer than this are one sitting: they were not made independently of each other."""
_MIDNIGHTS = 0.1
_DAY = 86_400


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
    when = [memory.created_at for memory in memories]
    # Seconds since 1970 to the microsecond, which a double holds until 2200.
    universal = np.array([at.timestamp() if at else np.nan for at in when])
    there = universal + np.array([_offset(at.astimezone(zone)) if at else np.nan for at in when])
    known = ~np.isnan(there)
    midnight = (universal % _DAY == 0) | (there % _DAY == 0)
    if midnight.sum() > _MIDNIGHTS * max(1, known.sum()):
        return np.where(universal % _DAY == 0, universal, there) / _DAY, known & ~midnight
    return there / _DAY, known


def _offset(moment: datetime) -> float:
    """Seconds that its wall clock is ahead of UTC."""
    ahead = moment.utcoffset()
    return ahead.total_seconds() if ahead else 0.0


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
        if starts and (at[i] - last < GAP or same_day):
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

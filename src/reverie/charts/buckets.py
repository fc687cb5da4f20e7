"""Days, weeks or months: whichever gives a timeline bars that can be told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

__all__ = ["Buckets", "buckets_for", "day_of"]

_MOST_DAYS, _MOST_WEEKS = 70, 110


@dataclass(frozen=True, slots=True)
class Buckets:
    """``starts[i]`` is the first day of bar ``i``; ``of`` maps a day to its bar."""

    unit: str
    starts: tuple[date, ...]
    of: Mapping[date, int]


def day_of(moment: str | datetime) -> date | None:
    """The UTC day of an ISO 8601 text; None when it is not a date."""
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            return None
    return moment.astimezone(UTC).date() if moment.tzinfo else moment.date()


def buckets_for(days: Sequence[date]) -> Buckets:
    """Consecutive bars, empty ones included, from the first day to the last. ``days`` is not empty."""
    first, last = min(days), max(days)
    span = (last - first).days + 1
    if span <= _MOST_DAYS:
        unit, start = "day", first
    elif span <= _MOST_WEEKS * 7:
        unit, start = "week", first - timedelta(days=first.weekday())
    elif span <= 3653:
        unit, start = "month", first.replace(day=1)
    else:
        unit, start = "year", first.replace(month=1, day=1)
    starts = [start]
    while (upcoming := _next(starts[-1], unit)) <= last:
        starts.append(upcoming)
    index = {begin: place for place, begin in enumerate(starts)}
    return Buckets(unit, tuple(starts), {day: index[max(_floor(day, unit), start)] for day in set(days)})


def _next(day: date, unit: str) -> date:
    if unit == "month":
        return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    if unit == "year":
        return day.replace(year=day.year + 1)
    return day + timedelta(days=7 if unit == "week" else 1)


def _floor(day: date, unit: str) -> date:
    if unit == "week":
        return day - timedelta(days=day.weekday())
    if unit == "month":
        return day.replace(day=1)
    return day.replace(month=1, day=1) if unit == "year" else day

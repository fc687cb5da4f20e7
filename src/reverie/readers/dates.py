"""Dates as files write them. What could be two points in time is none."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

from reverie.contracts import EARLIEST, LATEST
from reverie.readers.formats import TABLE, compiled

__all__ = ["choose_order", "parse_date"]

_SHAPES = [compiled(shape) for shape in TABLE["dates"]]
_LOCAL = compiled(TABLE["local_date"])
_SAMPLE = compiled(TABLE["local_sample"])
_MOST_SAMPLES = 5_000

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SPACES = str.maketrans({"\u202f": " ", "\u00a0": " ", "\u2009": " ", "\u200e": None, "\u200f": None})


def parse_date(value: object, *, unix: str | None = None, order: str | None = None) -> tuple[datetime | None, bool]:
    """``(date, whether a time zone was missing)``; a date without one is taken as UTC.

    Numbers, also in quotes, are refused unless ``unix`` says what they count ("seconds" or "milliseconds"): they
    could be either. Days and months in numbers alone (3/4/2026) need ``order``: "dmy" or "mdy". Raises ``ValueError``
    with the reason for everything that is not a date between 1970 and 2200.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None, False
    if unix is not None and (moment := _counted(value, unix)) is not None:
        return moment, False
    if not isinstance(value, str):
        raise ValueError(f"its date must be a text such as 2026-05-01T09:00:00Z, not {str(value)[:40]}")
    text = value[:80].translate(_SPACES).strip()
    found = next((match for shape in _SHAPES if (match := shape.match(text))), None)
    if found is None and order is not None:
        found = _LOCAL.match(text)
    try:
        if found is None:
            raise ValueError
        moment, naive = _built(found.groupdict(), order)
    except (ValueError, OverflowError):
        raise ValueError(f"its date is not readable: {value[:40]!r}; write 2026-05-01T09:00:00Z") from None
    if not EARLIEST <= moment <= LATEST:
        raise ValueError(f"its date is not between 1970 and 2200: {value[:40]!r}")
    return moment, naive


def _counted(value: object, unix: str) -> datetime | None:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{9,13}(?:\.[0-9]+)?", value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e13:
        return None
    moment = datetime.fromtimestamp(value / 1000 if unix == "milliseconds" else value, UTC) if value < 7.3e12 else None
    return moment if moment is not None and EARLIEST <= moment <= LATEST else None


def _built(part: dict[str, Any], order: str | None) -> tuple[datetime, bool]:
    if part.get("a"):
        year, month, day = _sorted(part["a"], part["b"], part["c"], order or "dmy")
    else:
        year = int(part["y"])
        month = _month(part["mon"]) if part.get("mon") else int(part["m"])
        day = int(part["d"])
    if len(part.get("c") or part.get("y") or "") == 2:
        year += 2000
    hour, minute, second = int(part.get("H") or 0), int(part.get("M") or 0), int(part.get("S") or 0)
    half = (part.get("ap") or "").lower() or {"上午": "a", "下午": "p"}.get(part.get("ampm") or "", "")
    if half:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + 12 * (half == "p")
    micro = int(((part.get("f") or "") + "000000")[:6])
    zone = part.get("z")
    moment = datetime(year, month, day, hour, minute, second, micro, tzinfo=_zone(zone))
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC), zone is None


def _month(name: str) -> int:
    return _MONTHS.index(name[:3].lower()) + 1


def _zone(text: str | None) -> timezone:
    if text is None or text[0] not in "+-":
        return UTC
    digits = text[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if minutes > 59:
        raise ValueError
    return timezone((1 if text[0] == "+" else -1) * timedelta(hours=hours, minutes=minutes))


def _sorted(a: str, b: str, c: str, order: str) -> tuple[int, int, int]:
    if len(a) == 4:
        return int(a), int(b), int(c)
    return (int(c), int(b), int(a)) if order == "dmy" else (int(c), int(a), int(b))


def choose_order(text: str) -> tuple[str, str | None]:
    """Whether days or months come first in a chat's dates, and an example where it had to be decided.

    What is impossible is out; then what keeps the chat in its order; then, with dots or without AM and PM, days first.
    """
    dates = []
    for found in _SAMPLE.finditer(text):
        dates.append(found.groupdict())
        if len(dates) == _MOST_SAMPLES:
            break
    numeric = [date for date in dates if len(date["a"]) < 4]
    if not numeric or all(date["s"] == "." for date in numeric):
        return "dmy", None
    faults = {}
    for order in ("dmy", "mdy"):
        moments = [_sorted(date["a"], date["b"], date["c"], order) for date in numeric]
        impossible = sum(not (1 <= month <= 12 and 1 <= day <= 31) for _, month, day in moments)
        backwards = sum(later < earlier for earlier, later in pairwise(moments))
        faults[order] = (impossible, backwards)
    if faults["dmy"] != faults["mdy"]:
        chosen = min(faults, key=lambda order: faults[order])
    else:
        chosen = "mdy" if any(date["ap"] for date in numeric) else "dmy"
    first = numeric[0]
    return chosen, f"{first['a']}{first['s']}{first['b']}{first['s']}{first['c']}"

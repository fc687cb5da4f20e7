"""Request and response headers with a meaning of their own: Prefer, Reverie-Deadline, RateLimit."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from reverie.errors import InvalidInput

__all__ = ["joined_headers", "parse_deadline", "parse_prefer", "rate_headers"]

_WAIT = re.compile(r'^wait\s*=\s*"?(\d{1,9}(?:\.\d{1,9})?)"?$')
_MOST_WAIT = 60.0


def joined_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by their lower-case names. Of a name given twice the first counts; ``Prefer`` is a list."""
    out: dict[str, str] = {}
    for name_bytes, value_bytes in raw:
        name, value = name_bytes.decode("latin-1"), value_bytes.decode("latin-1")
        if name not in out:
            out[name] = value
        elif name == "prefer":
            out[name] += "," + value
    return out


def parse_prefer(header: str) -> tuple[float | None, bool]:
    """``(seconds to wait, respond-async asked)`` of the Prefer header (RFC 7240): of one name the first counts."""
    wait: float | None = None
    asynchronous = False
    for part in header.split(","):
        name = part.partition(";")[0].strip().lower()
        if name == "respond-async":
            asynchronous = True
        elif wait is None and (match := _WAIT.match(name)):
            wait = min(float(match[1]), _MOST_WAIT)
    return wait, asynchronous


def parse_deadline(value: str | None) -> float | None:
    """Seconds the client will wait at most (``Reverie-Deadline``); afterwards queued work is dropped."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86_400:
        raise InvalidInput("Reverie-Deadline: seconds between 0 and 86400")
    return seconds


def rate_headers(limit: int, remaining: int, reset: float) -> dict[str, str]:
    """The RateLimit headers: submissions a minute, what is left now, seconds until all of it is there again."""
    return {
        "RateLimit-Limit": str(limit),
        "RateLimit-Remaining": str(remaining),
        "RateLimit-Reset": str(math.ceil(reset)),
    }

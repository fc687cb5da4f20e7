"""A pattern as a sentence in the person's own language, from the numbers that come with it.

One JSON file a language. The bot says them with the dates that Discord writes, a context with dates in words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import Any

from reverie._numbers import decimal
from reverie.contracts import Pattern

__all__ = ["LANGUAGES", "pattern_in_words"]

LANGUAGES = ("en", "de", "es", "fr")

_Values = Mapping[str, Any]


def pattern_in_words(
    pattern: Pattern, language: str, *, day: Callable[[date], str], name: Callable[[str], str]
) -> str | None:
    """What was found, in one of ``LANGUAGES``.

    ``day`` writes a date, ``name`` a theme's name. None for a kind or numbers that this version does not know, and for
    another language: the service's own description tells those.
    """
    if language not in LANGUAGES:
        return None
    try:
        key, values = _TELLERS[pattern.kind](pattern.details, _Words(language, day, name))
        return _texts(language)[key].format_map(values)
    except (KeyError, IndexError, TypeError, ValueError):
        return None


class _Words:
    """How a sentence's parts are written."""

    def __init__(self, language: str, day: Callable[[date], str], name: Callable[[str], str]) -> None:
        self._language, self._day = language, day
        self.name = name

    def day(self, text: Any) -> str:
        return self._day(date.fromisoformat(str(text)))

    def decimal(self, number: float) -> str:
        return decimal(number, self._language)

    def weekdays(self, days: list[int]) -> str:
        names = _texts(self._language)["weekdays"].split(",")
        return ", ".join(names[day] for day in days)


@lru_cache
def _texts(language: str) -> dict[str, str]:
    texts: dict[str, str] = json.loads(files(__name__).joinpath(f"{language}.json").read_text(encoding="utf-8"))
    return texts


def _weekly(details: _Values, words: _Words) -> tuple[str, _Values]:
    return "weekly_rhythm", {"days": words.weekdays(details["weekdays"])}


def _daily(details: _Values, words: _Words) -> tuple[str, _Values]:
    start, end = details["hours"]
    return "daily_rhythm", {"start": f"{start:02d}:00", "end": f"{end:02d}:00"}


def _burst(details: _Values, words: _Words) -> tuple[str, _Values]:
    numbers = {"observed": details["observed"], "expected": words.decimal(details["expected"])}
    first, last = words.day(details["from"]), words.day(details["to"])
    if first == last:
        return "burst_day", {"day": first, **numbers}
    return "burst", {"first": first, "last": last, **numbers}


def _change(details: _Values, words: _Words) -> tuple[str, _Values]:
    before, after = details["per_week_before"], details["per_week_after"]
    numbers = {"day": words.day(details["since"]), "before": words.decimal(before), "after": words.decimal(after)}
    return "more_often" if after > before else "less_often", numbers


def _trend(details: _Values, words: _Words) -> tuple[str, _Values]:
    return f"theme_{details['direction']}", {"theme": words.name(details["theme"])}


def _stopped(details: _Values, words: _Words) -> tuple[str, _Values]:
    return "theme_stopped", {"theme": words.name(details["theme"]), "day": words.day(details["last"])}


def _together(details: _Values, words: _Words) -> tuple[str, _Values]:
    one, other = details["themes"]
    return "together", {"one": words.name(one), "other": words.name(other), "n": details["days"]}


_TELLERS: Mapping[str, Callable[[_Values, _Words], tuple[str, _Values]]] = {
    "weekly_rhythm": _weekly,
    "daily_rhythm": _daily,
    "burst": _burst,
    "rate_change": _change,
    "theme_trend": _trend,
    "theme_stopped": _stopped,
    "theme_cooccurrence": _together,
    "monthly_recurrence": lambda d, _: ("monthly", {"observed": d["observed"], "cycles": d["cycles"]}),
    "yearly_recurrence": lambda d, _: ("yearly", {"observed": d["observed"], "cycles": d["cycles"]}),
}

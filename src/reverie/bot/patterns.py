"""A pattern in the person's own language, from the numbers that come with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from reverie.bot.safe import clip, one_line, when
from reverie.bot.texts import Texts
from reverie.contracts import Pattern

__all__ = ["factor_name", "told"]

Values = Mapping[str, Any]


def told(pattern: Pattern, texts: Texts) -> str:
    """What was found. A kind, or a number, that this version does not know is told as the service tells it."""
    try:
        key, values = _TELLERS[pattern.kind](pattern.details, texts)
        return texts(key, **values)
    except (KeyError, IndexError, TypeError, ValueError):
        return clip(one_line(pattern.description), 600)


def factor_name(name: str, texts: Texts) -> str:
    """The name of a factor of importance."""
    return texts.get(f"factor.{name}", name.replace("_", " "))


def _day(text: Any) -> str:
    # Discord writes the date as the reader is used to; noon is the same day in nearly every zone.
    return when(datetime.fromisoformat(str(text)).replace(hour=12, tzinfo=UTC), "d")


def _name(text: Any) -> str:
    return clip(one_line(str(text)), 120)


def _weekly(details: Values, texts: Texts) -> tuple[str, Values]:
    names = texts("told.weekdays").split(",")
    return "told.weekly_rhythm", {"days": ", ".join(names[day] for day in details["weekdays"])}


def _daily(details: Values, texts: Texts) -> tuple[str, Values]:
    start, end = details["hours"]
    return "told.daily_rhythm", {"start": f"{start:02d}:00", "end": f"{end:02d}:00"}


def _burst(details: Values, texts: Texts) -> tuple[str, Values]:
    numbers = {"observed": details["observed"], "expected": texts.decimal(details["expected"])}
    first, last = _day(details["from"]), _day(details["to"])
    if first == last:
        return "told.burst_day", {"day": first, **numbers}
    return "told.burst", {"first": first, "last": last, **numbers}


def _change(details: Values, texts: Texts) -> tuple[str, Values]:
    before, after = details["per_week_before"], details["per_week_after"]
    numbers = {"day": _day(details["since"]), "before": texts.decimal(before), "after": texts.decimal(after)}
    return "told.more_often" if after > before else "told.less_often", numbers


def _trend(details: Values, texts: Texts) -> tuple[str, Values]:
    return f"told.theme_{details['direction']}", {"theme": _name(details["theme"])}


def _stopped(details: Values, texts: Texts) -> tuple[str, Values]:
    return "told.theme_stopped", {"theme": _name(details["theme"]), "day": _day(details["last"])}


def _together(details: Values, texts: Texts) -> tuple[str, Values]:
    one, other = details["themes"]
    return "told.together", {"one": _name(one), "other": _name(other), "n": details["days"]}


_TELLERS: Mapping[str, Callable[[Values, Texts], tuple[str, Values]]] = {
    "weekly_rhythm": _weekly,
    "daily_rhythm": _daily,
    "burst": _burst,
    "rate_change": _change,
    "theme_trend": _trend,
    "theme_stopped": _stopped,
    "theme_cooccurrence": _together,
    "monthly_recurrence": lambda d, _: ("told.monthly", {"observed": d["observed"], "cycles": d["cycles"]}),
    "yearly_recurrence": lambda d, _: ("told.yearly", {"observed": d["observed"], "cycles": d["cycles"]}),
}

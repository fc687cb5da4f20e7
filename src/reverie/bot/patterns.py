"""A pattern as a sentence of the bot."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from reverie.bot.safe import clip, one_line, when
from reverie.bot.texts import Texts
from reverie.contracts import Pattern
from reverie.pattern_words import pattern_in_words

__all__ = ["factor_name", "pattern_sentence"]


def pattern_sentence(pattern: Pattern, texts: Texts) -> str:
    """What was found. For a kind, or a number, that this version does not know: the service's own description."""
    found = pattern_in_words(pattern, texts.language, day=_day, name=_name)
    return clip(one_line(pattern.description), 600) if found is None else found


def factor_name(name: str, texts: Texts) -> str:
    """The name of a factor of importance."""
    return texts.get(f"factor.{name}", name.replace("_", " "))


def _day(day: date) -> str:
    # Discord writes the date as the reader is used to; noon is the same day in nearly every zone.
    return when(datetime.combine(day, time(12), UTC), "d")


def _name(text: str) -> str:
    return clip(one_line(str(text)), 120)

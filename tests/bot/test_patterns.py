"""Patterns in the person's language, for every kind that the service finds."""

from __future__ import annotations

from typing import Any

import pytest

from reverie.bot.patterns import factor_name, pattern_sentence
from reverie.bot.texts import read, texts_for
from reverie.contracts import Pattern

# Details as the service gives them; the day 2026-05-01 at noon is 1777636800.
KINDS: list[tuple[str, dict[str, Any], str, str]] = [
    ("weekly_rhythm", {"weekdays": [0, 6]}, "Mostly on Mondays, Sundays.", "Meist montags, sonntags."),
    ("daily_rhythm", {"hours": [6, 0]}, "Mostly between 06:00 and 00:00.", "Meist zwischen 06:00 und 00:00 Uhr."),
    ("burst", {"from": "2026-05-01", "to": "2026-05-02", "observed": 9, "expected": 1.3}, "9 times, where 1.3", "9-"),
    ("burst", {"from": "2026-05-01", "to": "2026-05-01", "observed": 9, "expected": 1}, "on <t:1777636800:d>", "am <"),
    ("rate_change", {"since": "2026-05-01", "per_week_before": 2, "per_week_after": 5.04}, "More often since", "5,0-"),
    ("rate_change", {"since": "2026-05-01", "per_week_before": 5, "per_week_after": 2}, "Less often since", "Seltener"),
    ("theme_trend", {"theme": "*cats*", "direction": "rising"}, "“\\*cats\\*” comes up more", "immer öfter"),
    ("theme_trend", {"theme": "cats", "direction": "fading"}, "less and less", "immer seltener"),
    ("theme_stopped", {"theme": "cats", "last": "2026-05-01"}, "has not come up since <t:", "nicht mehr vor"),
    ("theme_cooccurrence", {"themes": ["cats", "tea"], "days": 7}, "same days, 7 so far", "denselben Tagen"),
    ("monthly_recurrence", {"observed": 9, "cycles": 8}, "9 times in 8 months", "in 8 Monaten"),
    ("yearly_recurrence", {"observed": 9, "cycles": 8}, "9 times in 8 years", "in 8 Jahren"),
]  # fmt: skip


def pattern(kind: str, details: dict[str, Any]) -> Pattern:
    return Pattern(
        kind=kind, description="As the service tells it.", strength=1, p_value=0.01, memory_ids=[], details=details
    )


@pytest.mark.parametrize(("kind", "details", "english", "german"), KINDS)
def test_a_pattern_is_told_in_both_languages(kind: str, details: dict[str, Any], english: str, german: str) -> None:
    assert english in pattern_sentence(pattern(kind, details), texts_for("en-US"))
    assert german in pattern_sentence(pattern(kind, details), texts_for("de"))
    assert f"pattern.{kind}" in read("en")


@pytest.mark.parametrize(
    ("language", "number", "decimal"),
    [
        ("en", "12,345", "1,234.5"),
        ("de", "12.345", "1.234,5"),
        ("es", "12.345", "1.234,5"),
        ("fr", "12\u202f345", "1\u202f234,5"),
    ],
)
def test_numbers_are_written_as_the_language_does(language: str, number: str, decimal: str) -> None:
    assert (texts_for(language).number(12345), texts_for(language).decimal(1234.5)) == (number, decimal)


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("moon_phase", {}),  # a later version of the service finds more
        ("burst", {}),  # without its numbers
        ("weekly_rhythm", {"weekdays": [9]}),
        ("rate_change", {"since": "soon", "per_week_before": 1, "per_week_after": 2}),
        ("theme_trend", {"theme": "cats", "direction": "sideways"}),
    ],
)
def test_what_is_not_known_is_told_as_the_service_tells_it(kind: str, details: dict[str, Any]) -> None:
    assert pattern_sentence(pattern(kind, details), texts_for("de")) == "As the service tells it."


def test_factors_have_names_and_unknown_ones_keep_theirs() -> None:
    assert factor_name("specificity", texts_for("de")) == "es ist anders als der Rest"
    assert factor_name("moon_phase", texts_for("de")) == "moon phase"

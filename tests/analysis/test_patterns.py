"""Patterns: what is planted is found and told rightly, what is chance is not, what cannot be tested is said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray

from reverie.analysis.budget import TimeBudget
from reverie.analysis.chance import benjamini_hochberg, circular_windows, linear_windows, window_test
from reverie.analysis.moments import sittings
from reverie.analysis.patterns import find_patterns
from reverie.analysis.rhythms import rhythm_findings
from reverie.contracts import AnalyzeOptions, Memory, Pattern
from tests.analysis.people import START, run, themed

DAYS = 120


def _dated(moments: Sequence[datetime]) -> list[Memory]:
    return [Memory(id=f"m{i}", text=f"memory {i}", created_at=at) for i, at in enumerate(moments)]


def _find(
    moments: Sequence[datetime], themes: Sequence[int] | None = None, zone: str = "UTC"
) -> tuple[list[Pattern], list[str]]:
    labels = np.full(len(moments), -1) if themes is None else np.array(themes)
    names = [(f"thm_{c}", f"theme {c}") for c in range(int(labels.max(initial=-1)) + 1)]
    found, notes, _ = find_patterns(_dated(moments), labels, names, zone=ZoneInfo(zone), budget=TimeBudget())
    return found, notes


def _at(days: NDArray[np.float64] | Sequence[float], start: datetime = START) -> list[datetime]:
    return [start + timedelta(days=float(day)) for day in days]


def _even(n: int, days: float, seed: int = 1) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(0, days, n)


def _one(found: Sequence[Pattern], kind: str) -> Pattern:
    (pattern,) = [p for p in found if p.kind == kind]
    assert 0 < pattern.p_value <= 0.05
    assert pattern.q_value is not None
    assert pattern.q_value <= 0.05
    assert 0 < pattern.strength <= 1
    assert pattern.memory_ids
    assert pattern.description.endswith(".")
    return pattern


# What is planted ----------------------------------------------------------------------------------------------------


def test_two_opposite_weekdays_are_one_weekly_rhythm() -> None:
    # Mondays and Thursdays pull a vector mean to both sides: a Rayleigh test sees little, a set of days all.
    rng = np.random.default_rng(3)
    days = np.concatenate([7 * rng.integers(0, 17, 30) + rng.choice([0, 3], 30) + rng.random(30), _even(15, DAYS)])
    pattern = _one(_find(_at(days))[0], "weekly_rhythm")
    assert pattern.details["weekdays"] == [0, 3]
    assert "Mondays and Thursdays" in pattern.description
    assert pattern.period == "week"
    assert all((START + timedelta(days=float(days[int(i[1:])]))).weekday() in (0, 3) for i in pattern.memory_ids)


def test_quiet_weekends_are_a_weekly_rhythm() -> None:
    days = _even(60, DAYS)
    days = days[np.isin(days.astype(int) % 7, (5, 6), invert=True)]
    pattern = _one(_find(_at(days))[0], "weekly_rhythm")
    assert pattern.details["weekdays"] == [0, 1, 2, 3, 4]
    assert pattern.description.startswith("Mostly on working days, Monday to Friday: ")


def test_an_evening_habit_over_midnight_is_one_daily_rhythm() -> None:
    rng = np.random.default_rng(4)
    days = np.concatenate([rng.integers(0, DAYS, 30) + rng.uniform(23, 25, 30) / 24, _even(20, DAYS)])
    pattern = _one(_find(_at(days))[0], "daily_rhythm")
    assert pattern.details["hours"] == [23, 1]
    assert "between 23:00 and 01:00" in pattern.description


def test_a_burst_is_dated() -> None:
    days = np.concatenate([_even(40, DAYS), 60 + _even(14, 2.5, seed=2)])
    pattern = _one(_find(_at(days))[0], "burst")
    assert pattern.details["from"] >= "2026-03-05"
    assert pattern.details["to"] <= "2026-03-10"
    assert {f"m{i}" for i in range(40, 54)} <= set(pattern.memory_ids)


def test_a_change_of_pace_tells_both_rates() -> None:
    days = np.concatenate([_even(15, 80), 80 + _even(45, 40, seed=2)])
    pattern = _one(_find(_at(days))[0], "rate_change")
    assert pattern.description.startswith("More often since 2026-03-2")
    assert pattern.details["per_week_after"] > 3 * pattern.details["per_week_before"]
    slower = _one(_find(_at(DAYS - days))[0], "rate_change")
    assert slower.description.startswith("Less often since")


def test_the_same_days_of_each_month_are_a_recurrence() -> None:
    months = [datetime(2024 + m // 12, m % 12 + 1, 15, 9 + m % 8, tzinfo=UTC) for m in range(30)]
    pattern = _one(_find([*months, *_at(_even(12, 900), datetime(2024, 1, 1, tzinfo=UTC))])[0], "monthly_recurrence")
    assert "day 15 of the month" in pattern.description or "days 15" in pattern.description
    assert pattern.details["cycles"] >= 28


def test_the_same_weeks_of_each_year_are_a_recurrence() -> None:
    rng = np.random.default_rng(1)
    summers = [
        datetime(year, 7, 1, tzinfo=UTC) + timedelta(days=float(d))
        for year in range(2016, 2026)
        for d in rng.uniform(0, 13, 4)
    ]
    found, _ = _find([*summers, *_at(_even(20, 3600), datetime(2016, 1, 1, tzinfo=UTC))])
    pattern = _one(found, "yearly_recurrence")
    assert "July" in pattern.description
    assert pattern.details["cycles"] >= 9


def test_a_theme_that_rises_is_a_trend() -> None:
    days = np.sort(_even(80, DAYS))
    themes = [1] * 40 + [0 if i % 4 else 1 for i in range(40)]
    found, _ = _find(_at(days), themes)
    trends = {p.details["theme"]: p for p in found if p.kind == "theme_trend"}
    assert trends["theme 0"].details["direction"] == "rising"
    assert trends["theme 1"].details["direction"] == "fading"
    assert set(trends["theme 0"].memory_ids) == {f"m{i}" for i in range(80) if themes[i] == 0}


def test_a_theme_that_has_not_come_up_for_long_has_stopped() -> None:
    days = np.sort(_even(120, DAYS))
    themes = [0 if i < 40 and i % 2 else 1 for i in range(120)]
    found, _ = _find(_at(days), themes)
    pattern = _one(found, "theme_stopped")
    assert pattern.details["theme"] == "theme 0"
    assert "has not come up since" in pattern.description


def test_themes_that_share_their_days_meet() -> None:
    rng = np.random.default_rng(5)
    moments, themes = [], []
    for day in rng.permutation(100)[:30]:  # 0 and 1 together, hours apart
        moments += [day + 0.3, day + 0.7]
        themes += [0, 1]
    for day in rng.uniform(0, 100, 60):
        moments.append(day)
        themes.append(2)
    found, _ = _find(_at(moments), themes)
    pattern = _one(found, "theme_cooccurrence")
    assert sorted(pattern.details["themes"]) == ["theme 0", "theme 1"]


# What is chance -----------------------------------------------------------------------------------------------------


def test_random_dates_give_no_pattern_but_rarely() -> None:
    # 60 users: 5% are 3; more than 9 would happen by chance once in 1,500 times.
    with_any = 0
    for user in range(60):
        rng = np.random.default_rng([9, user])
        found, _ = _find(_at(rng.uniform(0, DAYS, 50)), rng.integers(-1, 4, 50).tolist())
        with_any += bool(found)
    assert with_any <= 9


def test_one_busy_weekend_is_a_burst_and_no_weekly_rhythm() -> None:
    found, _ = _find(_at(np.concatenate([_even(35, DAYS), 75 + _even(20, 1.9, seed=3)])))  # 75 is a Saturday
    assert [p.kind for p in found] == ["burst"]


def test_memories_of_one_sitting_count_once() -> None:
    # A hundred memories typed in ten minutes, on each of three days: three events, not three hundred.
    moments = [START + timedelta(days=d, seconds=6 * i) for d in (0, 7, 14) for i in range(100)]
    found, notes = _find(moments)
    assert found == []
    assert notes == ["300 memories with a date were made at 3 different times; rhythms need 20"]


@pytest.mark.parametrize("seed", range(3))
def test_p_values_of_the_window_test_are_uniform_under_chance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    exposure = np.array([3.0, 1, 1, 2, 1, 1, 1])
    windows = circular_windows(7, (1, 2, 3))
    p = [
        window_test(rng.multinomial(40, exposure / 10), exposure, windows, rng=rng, draws=199).p_value
        for _ in range(400)
    ]
    # Standard errors of these shares are .011 and .025.
    assert abs(np.mean(np.array(p) <= 0.05) - 0.05) < 0.045
    assert abs(np.mean(np.array(p) <= 0.5) - 0.5) < 0.1


def test_chance_knows_that_sittings_keep_half_an_hour_apart() -> None:
    # 300 in 15 days, as even as they can be at that distance. Without it, chance would crowd them far more than this,
    # and no burst would ever look like one.
    rng, gap = np.random.default_rng(1), 30.5 / 1440
    p_values = []
    for _ in range(30):
        days = np.sort(rng.uniform(0, 15 - 300 * gap, 300)) + gap * np.arange(300)
        found = rhythm_findings(sittings(_dated(_at(days)), ZoneInfo("UTC")), 0)
        p_values += [f.p_value for f in found if f.kind == "burst"]
    assert 4 <= sum(p <= 0.3 for p in p_values) <= 16


def test_benjamini_hochberg_follows_the_published_example() -> None:
    # Benjamini and Hochberg 1995, section 4: 15 tests, of which four are rejected at .05.
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.759]
    q = benjamini_hochberg([*p, 1.0])
    assert sum(value <= 0.05 for value in q) == 4
    assert q[3] == pytest.approx(0.0095 * 15 / 4)
    assert benjamini_hochberg([]) == []
    assert benjamini_hochberg([0.04], [7.0]) == [0.04]  # one test has the whole budget, whatever its weight


def test_weights_share_out_the_error() -> None:
    q = benjamini_hochberg([0.02, 0.02], [3.0, 1.0])
    assert q[0] < q[1] or q == [pytest.approx(0.04), pytest.approx(0.04)]
    heavy = benjamini_hochberg([0.03, 0.9], [3.0, 1.0])
    light = benjamini_hochberg([0.03, 0.9], [1.0, 3.0])
    assert heavy[0] == pytest.approx(0.04)
    assert light[0] == pytest.approx(0.12)


def test_windows_cover_circle_and_line() -> None:
    assert circular_windows(5, (1, 2)).sum(axis=1).tolist() == [1] * 5 + [2] * 5
    assert circular_windows(5, (2,))[4].tolist() == [True, False, False, False, True]
    assert linear_windows(5, (3,)).sum(axis=0).tolist() == [1, 2, 3, 2, 1]
    assert linear_windows(3, (3, 9)).shape == (0, 3)


# Clocks and calendars -----------------------------------------------------------------------------------------------


def test_a_habit_keeps_its_hour_over_daylight_saving() -> None:
    # 20:30 in Berlin is 19:30 UTC in winter and 18:30 in summer.
    zone = ZoneInfo("Europe/Berlin")
    moments = [datetime(2026, 2, 1, 20, 30, tzinfo=zone) + timedelta(days=d) for d in range(100)]
    found, _ = _find([m.astimezone(UTC) for m in moments], zone="Europe/Berlin")
    assert _one(found, "daily_rhythm").details["hours"] == [20, 21]


def test_the_rhythm_is_that_of_the_users_zone() -> None:
    rng = np.random.default_rng(6)
    days = rng.permutation(DAYS)[:40] + rng.uniform(22.1, 23.9, 40) / 24  # UTC
    there = _one(_find(_at(days), zone="Asia/Tokyo")[0], "daily_rhythm")
    assert there.details["hours"] == [7, 9]
    half = _one(_find(_at(days), zone="Asia/Kolkata")[0], "daily_rhythm")  # half an hour off
    assert half.details["hours"][0] in (3, 4)


def test_local_days_near_the_date_line_decide_the_weekday() -> None:
    days = [7 * w + 0.95 for w in range(30)]  # Mondays 22:48 UTC
    assert _one(_find(_at(days), zone="Pacific/Auckland")[0], "weekly_rhythm").details["weekdays"] == [1]
    assert _one(_find(_at(days), zone="UTC")[0], "weekly_rhythm").details["weekdays"] == [0]


def test_the_doubled_hour_of_autumn_is_in_order_and_in_one_sitting() -> None:
    # 02:55 comes twice on 25 October 2026 in Berlin; an hour lies between.
    moments = [datetime(2026, 10, 25, 0, 55, tzinfo=UTC), datetime(2026, 10, 25, 1, 5, tzinfo=UTC)]
    events = sittings(_dated(moments), ZoneInfo("Europe/Berlin"))
    assert sorted(i for members in events.members for i in members) == [0, 1]
    assert (np.diff(events.wall) >= 0).all()


def test_leap_days_are_days_like_others() -> None:
    moments = [datetime(2024, 2, 29, hour, tzinfo=UTC) for hour in range(0, 24, 2)]
    moments += _at(_even(30, 2900), datetime(2017, 1, 1, tzinfo=UTC))
    result = run(_dated(moments))
    assert result.timeline["2024-02-29"] == 12
    found, _ = _find(moments)
    assert {"burst", "yearly_recurrence"} & {p.kind for p in found} == {"burst"}


def test_the_order_of_the_memories_does_not_matter() -> None:
    rng = np.random.default_rng(7)
    moments = _at(np.concatenate([7 * rng.integers(0, 17, 40) + rng.random(40), _even(15, DAYS)]))
    texts = themed(len(moments))
    straight = [Memory(id=f"m{i}", text=t, created_at=m) for i, (t, m) in enumerate(zip(texts, moments, strict=True))]
    shuffled = [straight[i] for i in rng.permutation(len(straight))]
    options = AnalyzeOptions(sections=["patterns"])
    one, two = run(straight, options), run(shuffled, options)
    assert [(p.kind, p.p_value, sorted(p.memory_ids)) for p in one.patterns if not p.kind.startswith("theme")] == [
        (p.kind, p.p_value, sorted(p.memory_ids)) for p in two.patterns if not p.kind.startswith("theme")
    ]
    assert one.patterns


def test_equal_dates_are_one_event() -> None:
    found, notes = _find([START] * 60)
    assert found == []
    assert notes == ["60 memories with a date were made at one time; rhythms need 20"]


def test_dates_without_a_time_give_no_daily_rhythm() -> None:
    # Each is midnight because nobody knew better: that is no habit.
    found, notes = _find([START + timedelta(days=int(d)) for d in np.random.default_rng(8).permutation(DAYS)[:60]])
    assert "daily_rhythm" not in {p.kind for p in found}
    assert "not enough memories with a time of day for a daily rhythm (dates without a time)" in notes


def test_dates_without_a_time_keep_their_weekday_in_every_zone() -> None:
    mondays = [START + timedelta(days=7 * w) for w in range(30)]
    for zone in ("America/Los_Angeles", "Pacific/Auckland"):
        assert _one(_find(mondays, zone=zone)[0], "weekly_rhythm").details["weekdays"] == [0]


# Too little to tell -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dates", [0, 1, 2, 12, 19])
def test_too_few_dates_are_a_note_and_not_a_guess(dates: int) -> None:
    found = [
        Memory(id=f"m{i}", text=f"memory {i}", created_at=START + timedelta(days=7 * i) if i < dates else None)
        for i in range(50)
    ]
    result = run(found, AnalyzeOptions(sections=["patterns"]))
    assert result.patterns == []
    assert f"{dates} of 50 memories {'has' if dates == 1 else 'have'} a date; rhythms need 20" in result.notes


def test_the_note_on_too_few_dates_says_how_many_are_needed_where_all_have_one() -> None:
    """ "13 of 13" alone sounds as if nothing were wrong."""
    assert _find(_at(_even(13, DAYS)))[1] == ["13 of 13 memories have a date; rhythms need 20"]
    assert _find([START])[1] == ["1 of 1 memory has a date; rhythms need 20"]


def test_a_short_history_says_that_it_has_no_week_to_speak_of() -> None:
    _, notes = _find(_at(_even(40, 10)))
    assert notes == ["the memories span 10 days: too short for a weekly rhythm"]

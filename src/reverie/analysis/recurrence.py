"""What returns each month or each year."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reverie.analysis.chance import circular_windows, window_test
from reverie.analysis.findings import FEWEST, Finding, between_ends, evidence, excess
from reverie.analysis.moments import Sittings

__all__ = ["recurrence_findings"]

Floats = NDArray[np.float64]


def recurrence_findings(sittings: Sittings, rng: np.random.Generator, keep: NDArray[np.bool_]) -> list[Finding]:
    """The same days of the month (over at least four months), the same weeks of the year (at least three years)."""
    all_days = np.arange(int(sittings.days[0]), int(sittings.days[-1]) + 1)
    out = []
    if sittings.span >= 110:
        phase = _day_of_month(sittings.days)
        exposure = np.bincount(_day_of_month(all_days), minlength=31).astype(np.float64)
        months = sittings.days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        out += _recurrence("monthly", phase, exposure, months, 4, (1, 2, 3, 5), sittings, rng, keep)
    if sittings.span >= 2.1 * 365:
        phase = _week_of_year(sittings.days)
        exposure = np.bincount(_week_of_year(all_days), minlength=52).astype(np.float64)
        years = sittings.days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64)
        out += _recurrence("yearly", phase, exposure, years, 3, (1, 2, 4, 8), sittings, rng, keep)
    return out


def _day_of_month(days: NDArray[np.int64]) -> NDArray[np.int64]:
    dates = days.astype("datetime64[D]")
    return np.asarray((dates - dates.astype("datetime64[M]")).astype(np.int64))


def _week_of_year(days: NDArray[np.int64]) -> NDArray[np.int64]:
    """0 to 51; 29 February counts as the 28th, so that later dates keep their place in leap years."""
    dates = days.astype("datetime64[D]")
    years = dates.astype("datetime64[Y]")
    day = (dates - years).astype(np.int64)
    leap = ((years + 1).astype("datetime64[D]") - years.astype("datetime64[D]")).astype(np.int64) == 366
    return np.asarray(np.minimum((day - (leap & (day >= 59))) // 7, 51))


def _recurrence(
    period: str,
    phase: NDArray[np.int64],
    exposure: Floats,
    cycle: NDArray[np.int64],
    fewest: int,
    widths: tuple[int, ...],
    sittings: Sittings,
    rng: np.random.Generator,
    keep: NDArray[np.bool_],
) -> list[Finding]:
    # One vote for each phase and cycle: ten memories on one birthday are one birthday.
    _, votes = np.unique(cycle * 1000 + phase, return_index=True)
    inner = np.zeros(len(sittings), dtype=bool)
    inner[votes] = True
    inner &= between_ends(keep)
    if inner.sum() < FEWEST // 2:
        return []
    windows = circular_windows(len(exposure), widths)
    test = window_test(np.bincount(phase[inner], minlength=len(exposure)), exposure, windows, rng=rng)
    chosen = np.flatnonzero(windows[test.window])
    hit = np.isin(phase, chosen)
    found, total = int(hit.sum()), len(sittings)
    usual = float(exposure[chosen].sum() / exposure.sum()) * total
    times = len(np.unique(cycle[hit]))
    # Twice is chance, and a habit shows in most cycles.
    p_value = test.p_value if times >= fewest and times >= 0.5 * len(np.unique(cycle)) else 1.0
    first = int(chosen[0]) if chosen[-1] - chosen[0] + 1 == len(chosen) else int(chosen[np.argmax(np.diff(chosen)) + 1])
    if period == "monthly":
        last = (first + len(chosen) - 1) % 31
        where = f"day {first + 1}" if len(chosen) == 1 else f"days {first + 1} to {last + 1}"
        text = f"Returns on {where} of the month: {found} of {total} times, in {times} months."
    else:
        start, end = _season(first * 7), _season(((first + len(chosen)) * 7 - 1) % 364)
        text = f"Returns each year {start} to {end}: {found} of {total} times, in {times} years."
    return [
        Finding(
            kind="monthly_recurrence" if period == "monthly" else "yearly_recurrence",
            p_value=p_value,
            weight=0.01,
            strength=excess(found, usual, total),
            description=text,
            memory_indices=evidence(sittings, hit),
            period="month" if period == "monthly" else "year",
            details={"observed": found, "expected": round(usual, 1), "cycles": times},
        )
    ]


def _season(day: int) -> str:
    moment = (np.datetime64("2001-01-01") + day).astype(object)
    return f"{moment.day} {moment:%B}"

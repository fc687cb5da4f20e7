"""Rhythms, bursts, changes of pace and recurrences: each a test of when a user's memories were made."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reverie.analysis.chance import Draw, WindowTest, best_window, circular_windows, linear_windows, window_test
from reverie.analysis.findings import FEWEST, Finding, between_ends, counted, date_text, evidence, excess, listed
from reverie.analysis.moments import GAP, Sittings
from reverie.analysis.recurrence import recurrence_findings

__all__ = ["rhythm_findings"]

Floats = NDArray[np.float64]

_WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
_WEEK_SETS = [set(c) for size in (1, 2, 3) for c in itertools.combinations(range(7), size)]
_WORKING: dict[tuple[int, ...], str] = {
    (0, 1, 2, 3, 4): "working days, Monday to Friday",
    (0, 1, 2, 3, 6): "working days, Sunday to Thursday",
}
_WEEK_SETS += [set(days) for days in _WORKING]
_WEEK_PRIOR = {1: 0.25 / 7, 2: 0.5 / 21, 3: 0.2 / 35, 5: 0.05 / 2}
"""Of a set, by its number of days: the many sets of three must not drown out the few single days."""
_WEEK_RATIOS = (2.5, 5.0)
_HOURS = (1, 2, 3, 4, 6, 8, 12)
_HOUR_RATIOS = (3.0, 6.0)
_BURST_DAYS = (1, 2, 3, 4, 5, 7, 10, 14)
_MOST_BINS = 256
_MOST_APART = 500
_DEPENDENT = 0.05
"""p below which one explanation is taken out before the next is tested."""


@dataclass(frozen=True, slots=True)
class _Pace:
    """Counts and exposure by bins over the span. The first and last event only mark its ends."""

    first_day: int
    #: Days of a bin: a half, or whole ones.
    step: float
    bins: NDArray[np.int64]
    counts: NDArray[np.int64]
    exposure: Floats


def rhythm_findings(sittings: Sittings, seed: int) -> list[Finding]:
    """All tests of timing that the data allows. ``sittings`` holds at least ``FEWEST`` of them."""
    rngs = [np.random.default_rng([seed, number]) for number in range(12)]
    out: list[Finding] = []
    pace = _pace(sittings) if sittings.span >= 14 else None
    keep = np.ones(len(sittings), dtype=bool)
    gap: tuple[float, float] | None = None
    if pace is not None:
        burst, change = _burst_and_change(sittings, pace, rngs[0], rngs[1])
        out += [burst, change]
        if burst.p_value < _DEPENDENT:
            # One busy weekend is no weekly rhythm: rhythms must hold without it too.
            gap = (burst.details["_from"], burst.details["_to"])
            keep = (sittings.wall < gap[0]) | (sittings.wall >= gap[1])
    if sittings.span >= 21:
        weekly = _weekly(sittings, rngs[2], keep, gap)
        out.append(weekly)
        if pace is not None and weekly.p_value < _DEPENDENT and out[0].p_value < _DEPENDENT:
            out[0].p_value = max(out[0].p_value, _burst_given_week(sittings, pace, rngs[3]).p_value)
    if sittings.span >= 7 and sittings.timed.sum() >= FEWEST:
        out.append(_daily(sittings, rngs[4], keep))
    out += recurrence_findings(sittings, rngs[5], keep)
    for finding in out:
        finding.details = {k: v for k, v in finding.details.items() if not k.startswith("_")}
    return out


# Weekday ------------------------------------------------------------------------------------------------------------


def _week_exposure(start: float, end: float) -> Floats:
    """Days of observation on each weekday (0 is Monday) between two wall times; day 0, 1970-01-01, was a Thursday."""

    def until(moment: float) -> Floats:
        moment += 3
        weeks, rest = np.divmod(moment, 7)
        return np.asarray(weeks + np.clip(rest - np.arange(7), 0.0, 1.0))

    return until(end) - until(start)


def _weekly(
    sittings: Sittings, rng: np.random.Generator, keep: NDArray[np.bool_], gap: tuple[float, float] | None
) -> Finding:
    day = (sittings.days + 3) % 7
    windows = np.array([[d in chosen for d in range(7)] for chosen in _WEEK_SETS])
    everyone = np.ones(len(sittings), dtype=bool)
    exposure = _week_exposure(sittings.wall[0], sittings.wall[-1])
    tests = [_week_test(sittings, everyone, exposure, windows, rng)]
    if gap is not None and between_ends(keep).sum() >= FEWEST:
        without = exposure - _week_exposure(max(gap[0], sittings.wall[0]), min(gap[1], sittings.wall[-1]))
        tests.append(_week_test(sittings, keep, np.maximum(without, 1e-9), windows, rng))
    best = max(tests, key=lambda t: t.p_value)
    days = sorted(_WEEK_SETS[tests[0].window])
    hit = np.isin(day, days)
    names = _WORKING.get(tuple(days)) or listed([_WEEKDAYS[d] for d in days])
    found, total = int(hit.sum()), len(sittings)
    usual = float(exposure[days].sum() / exposure.sum()) * total
    return Finding(
        kind="weekly_rhythm",
        p_value=best.p_value,
        weight=0.5,
        strength=excess(found, usual, total),
        description=f"Mostly on {names}: {found} of {total} times, where an even week would give {usual:.0f}.",
        memory_indices=evidence(sittings, hit),
        period="week",
        details={"weekdays": days, "counts": np.bincount(day, minlength=7).tolist(), "expected": round(usual, 1)},
    )


def _week_test(
    sittings: Sittings, keep: NDArray[np.bool_], exposure: Floats, windows: NDArray[np.bool_], rng: np.random.Generator
) -> WindowTest:
    inner = between_ends(keep)
    day = (sittings.days + 3) % 7
    counts = np.bincount(day[inner], minlength=7)
    spread = _overdispersion(sittings.days[inner], day[inner])
    prior = np.array([_WEEK_PRIOR[len(chosen)] for chosen in _WEEK_SETS])
    evened = np.round(counts / spread).astype(np.int64)
    return window_test(evened, exposure, windows, ratios=_WEEK_RATIOS, prior=prior, rng=rng)


def _overdispersion(days: NDArray[np.int64], weekday: NDArray[np.int64]) -> float:
    """How much more than Poisson daily counts vary around their weekday's mean; 1 unless that is beyond doubt.

    Busy and quiet days make events depend on each other; counts are divided by this (quasi-likelihood, Wedderburn
    1974), so that long, uneven histories do not turn noise into rhythm.
    """
    first, last = int(days.min()), int(days.max())
    length = last - first + 1
    if length < 28:
        return 1.0
    counts = np.bincount(days - first, minlength=length)
    kind = (np.arange(first, last + 1) + 3) % 7
    mean = np.bincount(kind, weights=counts, minlength=7) / np.maximum(np.bincount(kind, minlength=7), 1)
    expected = np.maximum(mean[kind], 1e-9)
    statistic = float((((counts - expected) ** 2 / expected)[mean[kind] > 0]).sum())
    freedom = length - 7
    # Mean + 3.1 standard deviations of chi-square: one in a thousand.
    return statistic / freedom if statistic > freedom + 3.1 * np.sqrt(2 * freedom + len(days) / 50) else 1.0


# Time of day --------------------------------------------------------------------------------------------------------


def _daily(sittings: Sittings, rng: np.random.Generator, keep: NDArray[np.bool_]) -> Finding:
    # Half hours are tested, since habits do not keep to whole ones; the description names whole ones.
    windows = circular_windows(48, tuple(2 * width for width in _HOURS))
    timed = np.flatnonzero(sittings.timed)
    wall = sittings.wall[timed]
    half = np.floor((wall % 1) * 48 + 1e-7).astype(np.int64) % 48
    hour = half // 2
    exposure = _time_exposure(wall[0], wall[-1], 48)
    tests = [_hour_test(wall, half, exposure, windows, rng)]
    rest = keep[timed]
    if not rest.all() and rest.sum() >= FEWEST:
        tests.append(_hour_test(wall[rest], half[rest], exposure, windows, rng))
    p = max(t.p_value for t in tests)
    exposure = exposure.reshape(24, 2).sum(axis=1)
    whole = circular_windows(24, _HOURS)
    chosen = np.flatnonzero(whole[best_window(np.bincount(hour, minlength=24), exposure, whole, _HOUR_RATIOS)])
    hit_timed = np.isin(hour, chosen)
    hit = np.zeros(len(sittings), dtype=bool)
    hit[timed[hit_timed]] = True
    start = int(chosen[0]) if chosen[-1] - chosen[0] + 1 == len(chosen) else int(chosen[np.argmax(np.diff(chosen)) + 1])
    end = (start + len(chosen)) % 24
    found, total = int(hit_timed.sum()), len(timed)
    usual = float(exposure[chosen].sum() / exposure.sum()) * total
    return Finding(
        kind="daily_rhythm",
        p_value=p,
        weight=0.085,
        strength=excess(found, usual, total),
        description=f"Mostly between {start:02d}:00 and {end:02d}:00: {found} of {total} times, "
        f"where an even day would give {usual:.0f}.",
        memory_indices=evidence(sittings, hit),
        period="day",
        details={
            "hours": [start, end],
            "counts": np.bincount(hour, minlength=24).tolist(),
            "expected": round(usual, 1),
        },
    )


def _hour_test(
    wall: Floats, half: NDArray[np.int64], exposure: Floats, windows: NDArray[np.bool_], rng: np.random.Generator
) -> WindowTest:
    day = np.floor(wall).astype(np.int64)
    spread = _overdispersion(day[1:-1], (day[1:-1] + 3) % 7)
    counts = np.round(np.bincount(half[1:-1], minlength=48) / spread).astype(np.int64)
    return window_test(counts, exposure, windows, ratios=_HOUR_RATIOS, rng=rng)


def _time_exposure(start: float, end: float, parts: int) -> Floats:
    """How often each of so many parts of the day was observed."""

    def until(moment: float) -> Floats:
        days, rest = np.divmod(moment, 1.0)
        return np.asarray(days + np.clip(rest * parts - np.arange(parts), 0.0, 1.0))

    return until(end) - until(start)


# Bursts and changes of pace -----------------------------------------------------------------------------------------


def _pace(sittings: Sittings) -> _Pace:
    first = int(sittings.days[0])
    length = int(sittings.days[-1]) - first + 1
    # A burst begins at any hour: half days find more of it than whole ones.
    step = 0.5 if sittings.timed.all() and 2 * length <= _MOST_BINS else float(-(-length // _MOST_BINS))
    count = int(np.ceil(length / step))
    bins = np.floor((sittings.wall - first) / step).astype(np.int64)
    edges = first + step * np.arange(count + 1)
    start, end = sittings.wall[0], sittings.wall[-1]
    exposure = np.clip(np.minimum(edges[1:], end) - np.maximum(edges[:-1], start), 1e-6, None)
    return _Pace(first, step, bins, np.bincount(bins[1:-1], minlength=count), exposure.astype(np.float64))


def _burst_windows(bins: int, step: float) -> NDArray[np.bool_]:
    widths = sorted({max(1, round(days / step)) for days in _BURST_DAYS})
    return linear_windows(bins, tuple(w for w in widths if w <= max(1, bins // 6)))


def _burst_and_change(
    sittings: Sittings, pace: _Pace, rng: np.random.Generator, rng_change: np.random.Generator
) -> tuple[Finding, Finding]:
    bins = len(pace.counts)
    windows = _burst_windows(bins, pace.step)
    burst = window_test(pace.counts, pace.exposure, windows, rng=rng, chance=_apart(sittings, pace, rng))
    prefix, ratios = _change_windows(pace.exposure)
    by_chance = _apart(sittings, pace, rng_change)
    change = window_test(pace.counts, pace.exposure, prefix, ratios=ratios, rng=rng_change, chance=by_chance)
    p_burst, p_change = burst.p_value, change.p_value
    if p_burst < _DEPENDENT and p_change < _DEPENDENT:
        if burst.evidence >= change.evidence:
            rest = ~windows[burst.window]
            counts, exposure = pace.counts[rest], pace.exposure[rest]
            again, _ = _change_windows(exposure)
            p_change = max(p_change, window_test(counts, exposure, again, ratios=ratios, rng=rng_change).p_value)
        else:
            before = prefix[change.window]
            modelled = pace.exposure.copy()
            for part in (before, ~before):
                rate = (pace.counts[part].sum() + 0.5) / pace.exposure[part].sum()
                modelled[part] *= rate
            p_burst = max(p_burst, window_test(pace.counts, modelled, windows, rng=rng).p_value)
    return (
        _burst_finding(sittings, pace, windows, burst, p_burst),
        _change_finding(sittings, pace, prefix[change.window], p_change),
    )


def _apart(sittings: Sittings, pace: _Pace, rng: np.random.Generator) -> Draw | None:
    """Chance as sittings know it: never less than half an hour apart, which bursts by chance often would be.

    Events at an even rate that keep a distance are uniform once the distances are taken out (Tonks 1936). None where a
    day is one sitting or there are so many of them that the plain null, which errs to the safe side, is as good.
    """
    total = int(pace.counts.sum())
    free = sittings.span - (total + 1) * GAP
    if not sittings.timed.all() or total > _MOST_APART or free < 0.5 * sittings.span:
        return None
    bins = len(pace.counts)
    first = sittings.wall[0] + GAP * np.arange(1, total + 1) - pace.first_day

    def draw(size: int) -> NDArray[np.int64]:
        at = np.sort(rng.random((size, total)), axis=1) * free + first
        place = np.minimum((at / pace.step).astype(np.int64), bins - 1) + bins * np.arange(size)[:, None]
        return np.bincount(place.ravel(), minlength=size * bins).reshape(size, bins)

    return draw


def _burst_finding(
    sittings: Sittings, pace: _Pace, windows: NDArray[np.bool_], test: WindowTest, p_value: float
) -> Finding:
    chosen = np.flatnonzero(windows[test.window])
    start = pace.first_day + int(chosen[0]) * pace.step
    end = pace.first_day + (int(chosen[-1]) + 1) * pace.step
    last = int(np.ceil(end)) - 1
    hit = (sittings.wall >= start) & (sittings.wall < end)
    found, total = int(hit.sum()), len(sittings)
    usual = float(pace.exposure[chosen].sum() / pace.exposure.sum()) * total
    when = date_text(start) if last == int(start) else f"{date_text(start)} to {date_text(last)}"
    return Finding(
        kind="burst",
        p_value=p_value,
        weight=0.24,
        strength=excess(found, usual, total),
        description=f"A burst on {when}: {found} times in {counted(round(end - start), 'day')}, "
        f"where {usual:.1f} would be usual.",
        memory_indices=evidence(sittings, hit),
        details={
            "from": date_text(start),
            "to": date_text(last),
            "observed": found,
            "expected": round(usual, 2),
            "_from": start,
            "_to": end,
        },
    )


def _change_windows(exposure: Floats) -> tuple[NDArray[np.bool_], tuple[float, ...]]:
    share = np.cumsum(exposure) / exposure.sum()
    cuts = [int(np.searchsorted(share, q)) + 1 for q in np.linspace(0.05, 0.95, 37)]
    at = np.arange(len(exposure))
    rows = [at < cut for cut in sorted(set(cuts)) if 0 < cut < len(exposure)]
    return np.array(rows, dtype=bool).reshape(-1, len(exposure)), (1 / 3, 3.0)


def _change_finding(sittings: Sittings, pace: _Pace, before: NDArray[np.bool_], p_value: float) -> Finding:
    cut = round(pace.first_day + int(before.sum()) * pace.step)
    early = sittings.wall < cut
    days_before = float(pace.exposure[before].sum())
    days_after = float(pace.exposure[~before].sum())
    rate_before, rate_after = early.sum() / days_before * 7, (~early).sum() / days_after * 7
    faster = rate_after > rate_before
    ratio = min(rate_before, rate_after) / max(rate_before, rate_after, 1e-9)
    return Finding(
        kind="rate_change",
        p_value=p_value,
        weight=0.145,
        strength=float(1 - ratio),
        description=f"{'More' if faster else 'Less'} often since {date_text(cut)}: {rate_after:.1f} times a week, "
        f"{rate_before:.1f} before.",
        memory_indices=evidence(sittings, ~early if faster else early),
        details={
            "since": date_text(cut),
            "per_week_before": round(float(rate_before), 2),
            "per_week_after": round(float(rate_after), 2),
        },
    )


def _burst_given_week(sittings: Sittings, pace: _Pace, rng: np.random.Generator) -> WindowTest:
    """Whether the burst is more than a busy weekday."""
    rate = np.bincount((sittings.days + 3) % 7, minlength=7) + 0.5
    rate = rate / _week_exposure(sittings.wall[0], sittings.wall[-1])
    each = max(1, round(pace.step))
    days = np.floor(pace.first_day + np.arange(len(pace.counts) * each) * (pace.step / each)).astype(np.int64)
    busy = rate[(days + 3) % 7].reshape(-1, each).mean(axis=1)
    windows = _burst_windows(len(pace.counts), pace.step)
    return window_test(pace.counts, pace.exposure * busy, windows, rng=rng)

"""How much power any report could have: tests that know what was planted, and are told everything but where.

For a share of false alarms the likelihood ratio is the most powerful test there is (Neyman and Pearson 1933); where the
place is unknown, its mean over all places is so on average. A report that makes four tests has to share its 5% among
them: the shares here are those that make the least of the four powers greatest.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks._analysis_people import DAYS, moments

__all__ = ["bound"]

Floats = NDArray[np.float64]

_PAIRS = list(itertools.combinations(range(7), 2))
_HOURS = np.arange(0, 24, 0.25)
_BEGINS = np.arange(10, DAYS - 13, 0.1)
_CUTS = np.arange(0.2, 0.81, 0.05)


def _mean(logs: Floats) -> float:
    top = logs.max()
    return float(top + np.log(np.exp(logs - top).mean()))


def _weekday(t: Floats) -> float:
    count = np.bincount(t.astype(np.int64) % 7, minlength=7)
    inside = np.array([count[a] + count[b] for a, b in _PAIRS])
    return _mean(inside * np.log(2.0) + (len(t) - inside) * np.log(0.6))


def _hour(t: Floats) -> float:
    away = ((t % 1) * 24 - _HOURS[:, None] + 12) % 24 - 12
    return _mean(np.log(0.6 + 0.4 * 24 * np.exp(-(away**2) / 2) / np.sqrt(2 * np.pi)).sum(axis=1))


def _burst(t: Floats) -> float:
    inside = np.searchsorted(t, _BEGINS + 3) - np.searchsorted(t, _BEGINS)
    return _mean(inside * np.log(8.8) + (len(t) - inside) * np.log(0.8))


def _shift(t: Floats) -> float:
    share = np.concatenate([1 - _CUTS, _CUTS])
    late = len(t) - np.searchsorted(t, _CUTS * DAYS)
    inside = np.concatenate([late, len(t) - late])
    there = 4 * share / (4 * share + 1 - share)  # four times the rate of the rest
    return _mean(inside * np.log(there / share) + (len(t) - inside) * np.log((1 - there) / (1 - share)))


_TESTS: dict[str, Callable[[Floats], float]] = {
    "weekday": _weekday,
    "hour": _hour,
    "burst": _burst,
    "shift": _shift,
}


def bound(count: int, users: int = 8000, planted: int = 4000) -> list[tuple[str, float, float]]:
    """``(planted, power of its test alone at 5%, power with 5% shared by the four)`` for ``count`` events."""
    rng = np.random.default_rng(count)
    chance = [moments("random", count, rng) for _ in range(users)]
    power: dict[str, Callable[[float], float]] = {}
    for kind, test in _TESTS.items():
        usual = np.array([test(t) for t in chance])
        found = np.array([test(moments(kind, count, rng)) for _ in range(planted)])
        power[kind] = lambda alpha, u=usual, f=found: float((f > np.quantile(u, 1 - alpha)).mean())  # type: ignore[misc]
    # The least false alarms that reach a power, summed over the four: the greatest power with a sum of at most 5%.
    alphas = np.geomspace(0.0005, 0.05, 120)
    best = dict.fromkeys(_TESTS, (0.0, 0.0))
    for wanted in np.arange(0.80, 1.0, 0.0025):
        needed = {}
        for kind, reach in power.items():
            enough = [a for a in alphas if reach(float(a)) >= wanted]
            needed[kind] = float(enough[0]) if enough else 1.0
        if sum(needed.values()) > 0.05:
            break
        best = {kind: (needed[kind], power[kind](needed[kind])) for kind in _TESTS}
    return [(kind, power[kind](0.05), best[kind][1]) for kind in _TESTS]

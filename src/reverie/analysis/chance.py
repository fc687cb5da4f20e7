"""What chance alone would do: exact tests by simulation, and control of false discoveries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["WindowTest", "benjamini_hochberg", "best_window", "circular_windows", "linear_windows", "window_test"]

Floats = NDArray[np.float64]

Draw = Callable[[int], NDArray[np.integer]]

_DRAWS = 1999
_ENOUGH = 25
"""Simulations at least as extreme as the data after which a test stops: its p-value is then far from small."""
_FIRST_BLOCK = 100
_BLOCK_CELLS = 2_000_000


@dataclass(frozen=True, slots=True)
class WindowTest:
    """Outcome of ``window_test``."""

    p_value: float
    #: Row of the window that explains the counts best.
    window: int
    #: Events in it, expected events in it.
    observed: float
    expected: float
    #: Log of the mean likelihood ratio: the evidence against an even rate.
    evidence: float


def window_test(
    counts: NDArray[np.integer],
    exposure: Floats,
    windows: NDArray[np.bool_],
    *,
    ratios: Sequence[float] = (2.0, 4.0, 8.0),
    prior: Floats | None = None,
    rng: np.random.Generator,
    draws: int = _DRAWS,
    chance: Draw | None = None,
) -> WindowTest:
    """Is the rate of events in some window other than elsewhere, given how long each bin was observed?

    ``counts`` (b,) events per bin, ``exposure`` (b,) observed time per bin, ``windows`` (w, b) sets of bins, ``prior``
    (w,) how likely each is held to be before any count is seen (evenly by default).
    The statistic is the mean, over windows and rate ``ratios``, of the likelihood ratio against one even rate
    (a scan statistic, Kulldorff 1997, averaged as in Gelfand and Dey rather than maximised: more power against
    unknown windows). Its p-value is by simulation from the null given the number of events (Barnard 1963), hence
    right at every sample size; simulation stops early once chance is a plain explanation (Besag and Clifford 1991).
    ``chance`` draws from another null: ``(size,)`` to (size, b) counts.
    """
    share = exposure / exposure.sum()
    inside = windows.astype(np.float32)
    total = int(counts.sum())
    weight = inside @ share.astype(np.float32)
    logs = np.log(np.array(ratios, dtype=np.float32))
    offset = total * np.log1p((np.array(ratios)[:, None] - 1) * weight[None, :].astype(np.float64))
    if prior is not None:
        offset -= np.log(prior / prior.mean())
    observed = _evidence(counts[None, :], inside, logs, offset)[0]
    draw = chance or (lambda size: rng.multinomial(total, share, size=size))
    p_value = _simulated(observed, draw, inside, logs, offset, draws)
    found = counts @ inside.T
    best = _likeliest(found, logs, offset)
    return WindowTest(
        p_value=p_value,
        window=best,
        observed=float(found[best]),
        expected=float(total * weight[best]),
        evidence=float(observed),
    )


def best_window(
    counts: NDArray[np.integer], exposure: Floats, windows: NDArray[np.bool_], ratios: Sequence[float]
) -> int:
    """Row of the window that explains the counts best, as in ``window_test``."""
    inside = windows.astype(np.float32)
    logs = np.log(np.array(ratios, dtype=np.float32))
    share = (inside @ (exposure / exposure.sum()).astype(np.float32)).astype(np.float64)
    offset = int(counts.sum()) * np.log1p((np.array(ratios)[:, None] - 1) * share[None, :])
    return _likeliest(counts @ inside.T, logs, offset)


def _likeliest(found: NDArray[np.floating], logs: NDArray[np.float32], offset: Floats) -> int:
    each = np.max(logs[:, None] * found[None, :] - offset, axis=0)
    return int(np.argmax(np.round(each, 6)))


def _simulated(
    observed: float,
    draw: Draw,
    inside: NDArray[np.float32],
    logs: NDArray[np.float32],
    offset: Floats,
    draws: int,
) -> float:
    """Sequential Monte Carlo p-value: h / l when the h-th extreme draw is the l-th, else (1 + g) / (1 + draws)."""
    most = max(1, _BLOCK_CELLS // max(1, len(inside)))
    extreme = done = 0
    size = min(_FIRST_BLOCK, most)
    while done < draws:
        size = min(size, draws - done)
        hits = np.flatnonzero(_evidence(draw(size), inside, logs, offset, least=observed) >= observed - 1e-6)
        if extreme + len(hits) >= _ENOUGH:
            return _ENOUGH / (done + int(hits[_ENOUGH - extreme - 1]) + 1)
        extreme += len(hits)
        done += size
        size = min(2 * size, most)
    return (1 + extreme) / (1 + draws)


def _evidence(
    counts: NDArray[np.integer],
    inside: NDArray[np.float32],
    logs: NDArray[np.float32],
    offset: Floats,
    *,
    least: float = -np.inf,
) -> Floats:
    """Log of the mean likelihood ratio of each row of ``counts``; -inf where it is plain that it is below ``least``."""
    found = counts.astype(np.float32) @ inside.T
    # The offset of counts that are large is larger still: subtracted in double precision, then shrunk.
    top = np.full(len(counts), -np.inf)
    parts = []
    for log, base in zip(logs.tolist(), offset, strict=True):
        part = (log * found.astype(np.float64) - base).astype(np.float32)
        parts.append(part)
        top = np.maximum(top, part.max(axis=1))
    # A mean is at most the greatest: where the data holds a pattern, few draws need the exponentials.
    near = np.flatnonzero(top >= least - 1e-3)
    shift = top[near].astype(np.float32)[:, None]
    total = np.zeros(len(near))
    for part in parts:
        some = part[near] if len(near) < len(part) else part
        some -= shift
        np.exp(some, out=some)
        total += some.sum(axis=1, dtype=np.float64)
    out = np.full(len(counts), -np.inf)
    out[near] = top[near] + np.log(total / (len(parts) * found.shape[1]))
    return out


@lru_cache(maxsize=16)
def circular_windows(bins: int, widths: tuple[int, ...]) -> NDArray[np.bool_]:
    """(w, bins): every run of ``widths`` bins on a circle. Shared: not to be written to."""
    start, width = _runs(tuple((w, 1, bins) for w in widths if w < bins))
    return np.asarray((np.arange(bins) - start) % bins < width)


@lru_cache(maxsize=16)
def linear_windows(bins: int, widths: tuple[int, ...]) -> NDArray[np.bool_]:
    """(w, bins): runs of ``widths`` bins on a line, wide ones in steps of a sixth of their width. Shared."""
    start, width = _runs(tuple((w, max(1, w // 6), bins - w + 1) for w in widths if w < bins))
    at = np.arange(bins)
    return np.asarray((at >= start) & (at < start + width))


def _runs(spans: tuple[tuple[int, int, int], ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Columns of starts and widths from ``(width, step, end of starts)``."""
    starts = [np.arange(0, end, step) for _, step, end in spans] or [np.zeros(0, dtype=np.int64)]
    widths = [np.full(len(s), w) for s, (w, _, _) in zip(starts, spans, strict=False)] or starts
    return np.concatenate(starts)[:, None], np.concatenate(widths)[:, None]


def benjamini_hochberg(p_values: Sequence[float], weights: Sequence[float] | None = None) -> list[float]:
    """q-values (Benjamini and Hochberg 1995), with prior ``weights`` (Genovese, Roeder and Wasserman 2006).

    Weights are scaled to a mean of 1, must not depend on the p-values, and say how the error is shared out.
    """
    m = len(p_values)
    if m == 0:
        return []
    w = np.ones(m) if weights is None else np.asarray(weights, dtype=np.float64)
    p = np.asarray(p_values, dtype=np.float64) / (w * m / w.sum())
    order = np.argsort(p, kind="stable")
    q = np.minimum.accumulate((p[order] * m / np.arange(1, m + 1))[::-1])[::-1]
    out = np.empty(m)
    out[order] = np.minimum(q, 1.0)
    return [float(x) for x in out]

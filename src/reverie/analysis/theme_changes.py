"""How the themes of a user come, go and meet: tests on which sittings a theme is in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr

from reverie.analysis.findings import Finding
from reverie.analysis.moments import Sittings

__all__ = ["ThemeOf", "theme_findings"]

ThemeOf = NDArray[np.int64]
"""(n,) theme of each memory, -1 for none."""

_MOST_THEMES = 8
_FEWEST = 6
_PERMUTATIONS = 1999
_FEW_PERMUTATIONS = 199
_PLAIN_CHANCE = 0.1
_MOST_SHUFFLED = 4_000_000
_TREND_WEIGHT = 0.015
_STOPPED_WEIGHT = 0.01
_TOGETHER_WEIGHT = 0.01


def theme_findings(sittings: Sittings, themes: ThemeOf, names: Sequence[tuple[str, str]], seed: int) -> list[Finding]:
    """Trends, stops and meetings of the eight largest themes with at least six sittings each.

    All take the times of the sittings as given and ask which of them a theme is in, so bursts, habits and gaps of
    the whole history cannot look like a change of a theme.
    """
    present = _presence(sittings, themes)
    count = present.sum(axis=0)
    chosen = [c for c in range(present.shape[1]) if _FEWEST <= count[c] <= 0.9 * len(sittings)][:_MOST_THEMES]
    if not chosen:
        return []
    out: list[Finding] = []
    for c in chosen:
        out.append(_trend(sittings, present[:, c], themes, c, names[c], _TREND_WEIGHT / len(chosen)))
        out.append(_stopped(sittings, present[:, c], themes, c, names[c], _STOPPED_WEIGHT / len(chosen)))
    if len(chosen) > 1:
        out += _together(sittings, present[:, chosen], themes, chosen, names, np.random.default_rng([seed, 100]))
    return out


def _presence(sittings: Sittings, themes: ThemeOf) -> NDArray[np.bool_]:
    out = np.zeros((len(sittings), int(themes.max(initial=-1)) + 1), dtype=bool)
    for s, members in enumerate(sittings.members):
        for i in members:
            if themes[i] >= 0:
                out[s, themes[i]] = True
    return out


def _members(sittings: Sittings, inside: NDArray[np.bool_], themes: ThemeOf, theme: int) -> list[int]:
    return [i for s in np.flatnonzero(inside) for i in sittings.members[s] if themes[i] == theme]


def _trend(
    sittings: Sittings, inside: NDArray[np.bool_], themes: ThemeOf, theme: int, labelled: tuple[str, str], weight: float
) -> Finding:
    """Mann-Whitney (1947): do the theme's sittings come later, or earlier, among all sittings?"""
    theme_id, name = labelled
    n, m = len(inside), int(inside.sum())
    ranks = np.arange(1, n + 1)
    u = float(ranks[inside].sum() - m * (m + 1) / 2)
    pairs = m * (n - m)
    spread = np.sqrt(pairs * (n + 1) / 12)
    z = (abs(u - pairs / 2) - 0.5) / spread
    effect = 2 * u / pairs - 1
    half = n // 2
    early, late = float(inside[:half].mean()), float(inside[half:].mean())
    return Finding(
        kind="theme_trend",
        p_value=float(min(1.0, 2 * ndtr(-z))),
        weight=weight,
        strength=abs(effect),
        description=f"“{name}” comes up {'more' if effect > 0 else 'less'} and {'more' if effect > 0 else 'less'}: "
        f"in {100 * early:.0f}% of the earlier half, {100 * late:.0f}% of the later.",
        memory_indices=_members(sittings, inside, themes, theme),
        details={"theme": name, "theme_id": theme_id, "direction": "rising" if effect > 0 else "fading"},
    )


def _stopped(
    sittings: Sittings, inside: NDArray[np.bool_], themes: ThemeOf, theme: int, labelled: tuple[str, str], weight: float
) -> Finding:
    """Chance that all m sittings of the theme fall among the first k of n: C(k, m) / C(n, m), exact."""
    theme_id, name = labelled
    n, m = len(inside), int(inside.sum())
    last = int(np.flatnonzero(inside)[-1])
    k = last + 1
    log_p = gammaln(k + 1) - gammaln(k - m + 1) - gammaln(n + 1) + gammaln(n - m + 1)
    since = str(np.datetime64(int(sittings.days[last]), "D"))
    return Finding(
        kind="theme_stopped",
        p_value=float(min(1.0, np.exp(log_p))),
        weight=weight,
        strength=float((n - k) / n),
        description=f"“{name}” has not come up since {since}: {m} times before, none in the {n - k} sittings after.",
        memory_indices=_members(sittings, inside, themes, theme),
        details={"theme": name, "theme_id": theme_id, "last": since},
    )


def _together(
    sittings: Sittings,
    present: NDArray[np.bool_],
    themes: ThemeOf,
    chosen: list[int],
    names: Sequence[tuple[str, str]],
    rng: np.random.Generator,
) -> list[Finding]:
    """Pairs of themes on the same days more than shuffled themes are: adjusted over pairs by the maximum of the
    simulated scores (Westfall and Young 1993), so all pairs are one test."""
    days, day = np.unique(sittings.days, return_inverse=True)
    if len(days) < 10:
        return []
    pairs = [(a, b) for a in range(len(chosen)) for b in range(a + 1, len(chosen))]
    bits = (present.astype(np.int64) << np.arange(len(chosen))).sum(axis=1)
    starts = np.searchsorted(day, np.arange(len(days)))
    every = np.arange(1 << len(chosen))
    both_bits = np.stack([((every >> a) & (every >> b) & 1) for a, b in pairs], axis=1)

    def meetings(masks: NDArray[np.int64]) -> NDArray[np.float64]:
        seen = np.bincount(np.bitwise_or.reduceat(masks, starts), minlength=len(every))
        return np.asarray(seen @ both_bits, dtype=np.float64)

    observed = meetings(bits)
    for count in (_FEW_PERMUTATIONS, int(np.clip(_MOST_SHUFFLED // len(bits), _FEW_PERMUTATIONS, _PERMUTATIONS))):
        draws = np.stack([meetings(rng.permutation(bits)) for _ in range(count)])
        mean, spread = draws.mean(axis=0), np.maximum(draws.std(axis=0), 0.5)
        score = (observed - mean) / spread
        highest = np.max((draws - mean) / spread, axis=1)
        # A first look that is plainly chance is enough; fresh draws decide what is not.
        if 1 + int((highest >= score.max() - 1e-9).sum()) > _PLAIN_CHANCE * (1 + count):
            break
    out = []
    for number, (a, b) in enumerate(pairs):
        p = (1 + int((highest >= score[number] - 1e-9).sum())) / (1 + len(draws))
        (id_a, one), (id_b, two) = names[chosen[a]], names[chosen[b]]
        with_a, with_b = (np.isin(day, day[present[:, x]]) for x in (a, b))
        both = with_a & with_b
        found = int(observed[number])
        most = max(1.0, float(min(len(np.unique(day[present[:, x]])) for x in (a, b))))
        out.append(
            Finding(
                kind="theme_cooccurrence",
                p_value=p,
                # Already adjusted over all pairs: each may use the whole share, the family counts once.
                weight=_TOGETHER_WEIGHT / len(pairs),
                strength=float(np.clip((found - mean[number]) / max(most - mean[number], 1e-9), 0, 1)),
                description=f"“{one}” and “{two}” come up on the same days: {found} days, "
                f"where chance would give {mean[number]:.1f}.",
                memory_indices=sorted(
                    _members(sittings, present[:, a] & both, themes, chosen[a])
                    + _members(sittings, present[:, b] & both, themes, chosen[b])
                ),
                details={"themes": [one, two], "theme_ids": [id_a, id_b], "days": found},
            )
        )
    best = min(out, key=lambda f: f.p_value)
    best.weight = _TOGETHER_WEIGHT
    return [best]

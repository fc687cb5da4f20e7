"""Regularities in when memories were made and what they are about, each beyond chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from reverie.analysis.budget import TimeBudget
from reverie.analysis.chance import benjamini_hochberg
from reverie.analysis.findings import FEWEST, Finding
from reverie.analysis.moments import dated, sittings
from reverie.analysis.rhythms import rhythm_findings
from reverie.analysis.theme_changes import ThemeOf, theme_findings
from reverie.contracts import Memory, Pattern

__all__ = ["FALSE_DISCOVERIES", "find_patterns"]

FALSE_DISCOVERIES = 0.045
"""Share of reported patterns that may be chance. Where all is chance: share of users that get any.

Promised are 5%; the margin keeps a thousand users of random dates below that, not only their expectation.
"""

_LEAST_STRENGTH = 0.05
"""In a long history, chance is excluded for effects too small for anybody to care."""
_MOST_EVIDENCE = 1000


def find_patterns(
    memories: Sequence[Memory],
    themes: ThemeOf,
    names: Sequence[tuple[str, str]],
    *,
    zone: ZoneInfo,
    budget: TimeBudget,
    seed: int = 0,
) -> tuple[list[Pattern], list[str], dict[str, Any]]:
    """Patterns (most certain first), notes on what could not be tested, and counts for the stats.

    All tests of the report share one control of false discoveries (weighted Benjamini-Hochberg). The weights say,
    before any date is looked at, how the error is shared out: most goes to the four rhythms people ask about, and more
    to what needs it more (a set of weekdays is hard to tell from chance, an hour of the day easy).
    """
    notes: list[str] = []
    known = dated(memories)
    if len(known) < FEWEST:
        whose = f"{len(known)} of {len(memories)} {'memory' if len(memories) == 1 else 'memories'}"
        notes.append(f"{whose} {'has' if len(known) == 1 else 'have'} a date; rhythms need {FEWEST}")
        return [], notes, {"dated": len(known), "sittings": 0, "tests": 0}
    events = sittings(memories, zone)
    if len(events) < FEWEST:
        times = "one time" if len(events) == 1 else f"{len(events)} different times"
        notes.append(f"{len(known)} memories with a date were made at {times}; rhythms need {FEWEST}")
        return [], notes, {"dated": len(known), "sittings": len(events), "tests": 0}
    if events.timed.sum() < FEWEST:
        notes.append("not enough memories with a time of day for a daily rhythm (dates without a time)")
    if events.span < 21:
        notes.append(f"the memories span {events.span:.0f} days: too short for a weekly rhythm")
    budget.progress("patterns", 0, 2)
    findings = rhythm_findings(events, seed)
    budget.progress("patterns", 1, 2)
    findings += theme_findings(events, themes, names, seed)
    budget.progress("patterns", 2, 2)
    counts = {"dated": len(known), "sittings": len(events), "tests": len(findings), "p_values": _least(findings)}
    return _kept(findings, memories), notes, counts


def _least(findings: list[Finding]) -> dict[str, float]:
    """The least p-value of each kind of test that was made, found or not."""
    out: dict[str, float] = {}
    for finding in findings:
        out[finding.kind] = min(finding.p_value, out.get(finding.kind, 1.0))
    return out


def _kept(findings: list[Finding], memories: Sequence[Memory]) -> list[Pattern]:
    q_values = benjamini_hochberg([f.p_value for f in findings], [f.weight for f in findings])
    out = [
        Pattern(
            kind=f.kind,
            description=f.description,
            strength=round(f.strength, 4),
            p_value=f.p_value,
            q_value=q,
            period=f.period,
            memory_ids=[memories[i].id for i in f.memory_indices[:_MOST_EVIDENCE]],
            details={**f.details, "evidence": len(f.memory_indices)},
        )
        for f, q in zip(findings, q_values, strict=True)
        if q <= FALSE_DISCOVERIES and f.strength >= _LEAST_STRENGTH
    ]
    return sorted(out, key=lambda p: (p.q_value or 0.0, -p.strength, p.kind))

"""How much of a task each stage is, so that one bar can show the whole."""

from __future__ import annotations

from reverie.contracts import OPERATIONS

__all__ = ["overall"]


def overall(operation: str, stage: str, done: int, total: int) -> float | None:
    """Fraction of the whole task, 0 to 1; None for a stage outside the plan."""
    before = 0.0
    for name, share in OPERATIONS[operation].stages:
        if name == stage:
            return min(1.0, before + share * (min(done, total) / total if total else 0.0))
        before += share
    return None

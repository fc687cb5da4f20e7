"""How much of a task each stage is, so that one bar can show the whole."""

from __future__ import annotations

__all__ = ["overall"]

# Shares of a cold run; they only shape a progress bar.
_SHARES: dict[str, tuple[tuple[str, float], ...]] = {
    "cluster": (("embedding", 0.75), ("clustering", 0.12), ("labelling", 0.05), ("mapping", 0.08)),
    "analyze": (
        ("embedding", 0.6),
        ("graph", 0.12),
        ("importance", 0.08),
        ("duplicates", 0.06),
        ("patterns", 0.1),
        ("emotion", 0.02),
        ("advice", 0.02),
    ),
    "embed": (("embedding", 1.0),),
    "recall": (("embedding", 0.9), ("ranking", 0.1)),
}


def overall(operation: str, stage: str, done: int, total: int) -> float | None:
    """Fraction of the whole task, 0 to 1; None for a stage outside the plan."""
    before = 0.0
    for name, share in _SHARES.get(operation, ()):
        if name == stage:
            return min(1.0, before + share * (min(done, total) / total if total else 0.0))
        before += share
    return None

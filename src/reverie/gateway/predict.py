"""How long a task will take, and so in which lane it travels."""

from __future__ import annotations

from reverie.contracts import Lane, Operation

__all__ = ["FAST_SECONDS", "Predictor"]

FAST_SECONDS = 0.1
"""Work predicted to be shorter than this takes the fast lane."""

# Start values in seconds: (once, per text, per 1,000 characters); measured on two AVX2 cores, cold cache.
_START: dict[str, tuple[float, float, float]] = {
    Operation.CLUSTER: (0.03, 0.0006, 0.075),
    Operation.ANALYZE: (0.05, 0.0008, 0.075),
    Operation.EMBED: (0.004, 0.0001, 0.075),
    Operation.RECALL: (0.006, 0.00003, 0.004),
    "chart": (0.5, 0.0, 0.0),
}


class Predictor:
    """Predicts seconds of work from what is known at submission."""

    def predict(self, operation: str, items: int, chars: int) -> float:
        """Seconds from start to end."""
        once, per_text, per_1000 = _START[operation]
        return once + per_text * items + per_1000 * chars / 1000

    def lane(self, operation: str, seconds: float) -> Lane:
        """The lane for a predicted time."""
        return Lane.FAST if seconds < FAST_SECONDS or operation in (Operation.RECALL, "chart") else Lane.HEAVY

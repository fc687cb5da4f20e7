"""A deadline that long work asks about, and the progress it reports."""

from __future__ import annotations

import time

from reverie.embedding.base import OnProgress, silent

__all__ = ["OutOfTime", "TimeBudget"]


class OutOfTime(Exception):
    """The deadline has passed; the section under way is dropped."""


class TimeBudget:
    """Ends a section at the deadline. ``check`` is called between blocks of work, some milliseconds apart."""

    def __init__(self, deadline: float | None = None, on_progress: OnProgress = silent) -> None:
        #: ``time.monotonic()`` seconds, or None for no bound.
        self.deadline = deadline
        self._on_progress = on_progress

    def check(self) -> None:
        """Raise ``OutOfTime`` when the deadline has passed."""
        if self.deadline is not None and time.monotonic() >= self.deadline:
            raise OutOfTime

    def pulse(self, _stage: str, _done: int, _total: int) -> None:
        """``check`` as a progress callback, for work whose own progress is not reported."""
        self.check()

    def progress(self, stage: str, done: int, total: int) -> None:
        """Report, then check. Whatever the callback raises (cancellation) ends the analysis."""
        self._on_progress(stage, done, total)
        self.check()

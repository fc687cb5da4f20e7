"""How long the event loop was held up, measured from inside."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from prometheus_client import Histogram

from reverie.aio.background import Background

__all__ = ["LoopWatch"]

_EVERY = 0.02
_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
"""Upper bounds, seconds."""


class LoopWatch:
    """Sleeps for 20 ms over and over, and takes what is more for a hold-up.

    On a machine with too few cores the process also waits for its turn. The kernel says for how long (the second
    number of ``schedstat``, Linux only), and that time is counted apart: ``blocked`` is what our own code held up.
    """

    def __init__(self) -> None:
        self._background = Background()
        self._schedstat: BinaryIO | None = None
        #: Longest delay and longest hold-up by our own code since the start, seconds.
        self.worst_lag = 0.0
        self.worst_blocked = 0.0
        self.blocked = Histogram(
            "reverie_loop_blocked_seconds",
            "How long the event loop was held up by the gateway's own code, every 20 ms",
            buckets=_BUCKETS,
            registry=None,
        )

    def start(self) -> None:
        """Start in the loop that runs now."""
        path = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
        with suppress(OSError):
            self._schedstat = path.open(
                "rb", buffering=0
            )  # once: opening it 50 times a second costs more than all else
        self._background.run(self._run, "loop-watch")

    async def stop(self) -> None:
        """Stop."""
        await self._background.stop()
        if self._schedstat is not None:
            self._schedstat.close()
            self._schedstat = None

    def _waited(self) -> float:
        """Seconds this thread was ready to run and had no core, since its start."""
        if self._schedstat is None:
            return 0.0
        self._schedstat.seek(0)
        return int(self._schedstat.read(256).split()[1]) / 1e9

    async def _run(self) -> None:
        before, waited = time.monotonic(), self._waited()
        while True:
            await asyncio.sleep(_EVERY)
            now, has_waited = time.monotonic(), self._waited()
            lag = max(0.0, now - before - _EVERY)
            blocked = max(0.0, lag - (has_waited - waited))
            self.worst_lag = max(self.worst_lag, lag)
            self.worst_blocked = max(self.worst_blocked, blocked)
            self.blocked.observe(blocked)
            before, waited = now, has_waited

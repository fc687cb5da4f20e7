"""The analysis's work with times, in arrays as it stands and in pandas: lines, seconds, and whether they agree.

Local wall times in a zone with summer time, and counts per day, weekday and half hour, from the same memories.
"""

from __future__ import annotations

import argparse
import inspect
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from benchmarks._report import machine, table
from reverie.analysis import moments
from reverie.contracts import Memory

ZONE = ZoneInfo("Europe/Berlin")
DAY = 86_400


def in_arrays(memories: Sequence[Memory]) -> tuple[dict[str, int], list[int], list[int]]:
    """Counts per local day, weekday and half hour, with the analysis's own functions."""
    wall, _ = moments.local_days(memories, ZONE)
    wall = wall[~np.isnan(wall)]
    day = np.floor(wall).astype(np.int64)
    half = np.floor((wall % 1) * 48 + 1e-7).astype(np.int64) % 48
    return (
        moments.timeline(memories, ZONE),
        np.bincount((day + 3) % 7, minlength=7).tolist(),
        np.bincount(half, minlength=48).tolist(),
    )


def local_in_pandas(memories: Sequence[Memory]) -> tuple[Any, Any]:
    """What ``moments.local_days`` answers: dates without a time of day keep their calendar day in every zone."""
    universal = pd.Series(pd.to_datetime([m.created_at for m in memories], utc=True))
    there = universal.dt.tz_convert(ZONE).dt.tz_localize(None)
    plain = universal.dt.tz_localize(None)
    midnight = (plain == plain.dt.normalize()) | (there == there.dt.normalize())
    known = there.notna()
    if midnight.sum() > 0.1 * max(1, known.sum()):
        return there.where(plain != plain.dt.normalize(), plain), known & ~midnight
    return there, known


def in_pandas(memories: Sequence[Memory]) -> tuple[dict[str, int], list[int], list[int]]:
    """The same counts with pandas."""
    wall = local_in_pandas(memories)[0].dropna()
    days = wall.dt.strftime("%Y-%m-%d").value_counts().sort_index()
    weekday = wall.dt.day_of_week.value_counts().reindex(range(7), fill_value=0)
    half = (wall.dt.hour * 2 + wall.dt.minute // 30).value_counts().reindex(range(48), fill_value=0)
    return {str(day): int(n) for day, n in days.items()}, weekday.tolist(), half.tolist()


def made(count: int, seed: int = 0) -> list[Memory]:
    """Memories over three years, a tenth without a date."""
    rng = np.random.default_rng(seed)
    start = datetime(2023, 1, 1, tzinfo=UTC)
    at = rng.integers(0, 3 * 365 * DAY, count)
    dated = rng.random(count) >= 0.1
    return [
        Memory(id=str(i), text="tea", created_at=start + timedelta(seconds=int(s)) if d else None)
        for i, (s, d) in enumerate(zip(at, dated, strict=True))
    ]


def best(work: Callable[[], object], rounds: int) -> float:
    """CPU seconds of the quickest of several rounds."""
    took = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return min(took)


def lines(*functions: Callable[..., Any]) -> int:
    """Lines of code, without signatures, documentation and blank lines."""
    total = 0
    for function in functions:
        body = inspect.getsource(function).split('"""')
        rest = (body[2] if len(body) > 2 else body[0].split("\n", 1)[1]).splitlines()
        total += sum(bool(line.strip()) and not line.strip().startswith("#") for line in rest)
    return total


def loading(module: str) -> float:
    """CPU seconds that importing ``module`` costs a process that has NumPy and SciPy."""
    code = f"import numpy, scipy.sparse, time; t = time.process_time(); import {module}; print(time.process_time() - t)"
    return min(float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(3))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1_000, 10_000, 100_000])
    arguments = parser.parse_args()
    print(machine(), end="\n\n")
    rows = []
    for size in arguments.sizes:
        memories = made(size)
        assert in_arrays(memories) == in_pandas(memories)
        rounds = max(5, min(200, 200_000 // size))
        own, theirs = best(lambda m=memories: in_arrays(m), rounds), best(lambda m=memories: in_pandas(m), rounds)
        rows.append([f"{size:,}", f"{own * 1e3:.2f} ms", f"{theirs * 1e3:.2f} ms", f"{theirs / own:.2f} x"])
    print(table(["memories", "arrays", "pandas", "pandas / arrays"], rows), end="\n\n")
    own_lines = lines(moments.local_days, moments._offset, moments.timeline, in_arrays)
    print(f"Lines: {own_lines} in arrays, {lines(local_in_pandas, in_pandas)} in pandas.")
    print(f"Importing pandas: {loading('pandas'):.2f} s of CPU in each process.")


if __name__ == "__main__":
    main()

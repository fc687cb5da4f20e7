"""How many processors this process may use: affinity, and the quota of its container."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

__all__ = ["processors"]


def processors(root: Path = Path("/")) -> int:
    """Processors to run work on: those of the affinity, or as many as the quotas of all control groups pay for.

    Part of a processor counts as one. ``root``: where ``/proc`` and ``/sys`` are found. Both versions of control groups
    are read (``cpu.max``; ``cpu.cfs_quota_us`` and ``cpu.cfs_period_us``); what cannot be read limits nothing.
    """
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([own, *(math.ceil(quota) for quota in _quotas(root))]))


def _quotas(root: Path) -> Iterator[float]:
    """Processors that each group pays for, where one has a quota."""
    for folder, newer in _groups(root):
        with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
            if newer:
                quota, period = (folder / "cpu.max").read_text().split()
                if quota != "max":
                    yield int(quota) / int(period)
            elif (own := int((folder / "cpu.cfs_quota_us").read_text())) > 0:
                yield own / int((folder / "cpu.cfs_period_us").read_text())


def _groups(root: Path) -> Iterator[tuple[Path, bool]]:
    """Folders of this process's group and those above it, and whether they are of version 2."""
    mounted = root / "sys/fs/cgroup"
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        number, _, rest = line.partition(":")
        kinds, _, path = rest.partition(":")
        newer = number == "0" and not kinds
        if not newer and "cpu" not in kinds.split(","):
            continue
        # In a container its own group is the mounted root, and the path may be one of the host.
        own = PurePosixPath(path.lstrip("/"))
        for base in (mounted,) if newer else (mounted / kinds, mounted / "cpu"):
            for part in (own, *own.parents):
                yield base / part, newer

"""What Linux tells about processes, and signals to whole groups of them."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable
from pathlib import Path

__all__ = ["children", "memory_mb", "open_files", "parent", "send", "tree"]


def children(pid: int) -> list[int]:
    """Direct children of a process, in any of its threads."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(word) for word in thread.read_text().split()]
    return found


def tree(pid: int) -> list[int]:
    """The process and all its descendants, parents first."""
    out = [pid]
    for child in children(pid):
        out += tree(child)
    return out


def parent(pid: int) -> int | None:
    """The parent's id, None when the process is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[1])


def send(pids: Iterable[int], signum: signal.Signals) -> None:
    """Signal those that are still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signum)


def memory_mb(pid: int) -> float:
    """Resident memory in MB that no other process shares (a forked child shares most of its code); 0 when gone."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def open_files(pid: int) -> int:
    """Open file descriptors; 0 when gone."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0

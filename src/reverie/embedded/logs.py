"""Log files that are kept, and kept small: the present one and the one before it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

__all__ = ["LARGEST", "prepare", "tail", "trim"]

LARGEST = 10 * 2**20
"""Size from which a log is moved aside, bytes."""


def prepare(folder: Path, name: str) -> Path:
    """The path of log ``name`` for a process about to start; a large one is moved aside first."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.log"
    if _size(path) > LARGEST:
        path.replace(_before(path))
    return path


def trim(folder: Path) -> None:
    """Move aside what large logs hold while their processes write on.

    A writer that opened its log for appending goes on at the new, empty end; lines written between the copy and
    the cut are lost.
    """
    for path in folder.glob("*.log"):
        if _size(path) > LARGEST:
            shutil.copyfile(path, _before(path))
            os.truncate(path, 0)


def _before(path: Path) -> Path:
    return path.with_suffix(".log.1")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def tail(log: Path) -> str:
    """The last 2,000 bytes of a log."""
    try:
        return log.read_bytes()[-2000:].decode(errors="replace")
    except OSError:
        return "(no log)"

"""Where Reverie keeps its files; usable by the bare client too."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["data_dir"]


def data_dir() -> Path:
    """``REVERIE_DATA_DIR``, else the user's data folder."""
    given = os.environ.get("REVERIE_DATA_DIR")
    if given:
        return Path(given).expanduser()
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "reverie"

"""Which release of the package this is."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

__all__ = ["release"]


@cache
def release() -> str:
    """The version that is installed; "0" where the code runs without being installed."""
    try:
        return version("reverie")
    except PackageNotFoundError:
        return "0"

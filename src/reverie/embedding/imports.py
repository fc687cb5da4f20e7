"""Importing an engine without what it would pull in on the side."""

from __future__ import annotations

import importlib
import sys
import threading
from typing import Any

__all__ = ["import_without"]

_lock = threading.Lock()


def import_without(name: str, *hidden: str) -> Any:
    """Import the module ``name`` as if the modules ``hidden`` were not installed; those already loaded stay.

    A ``None`` in ``sys.modules`` is Python's way to say "not importable"; it stays only during this import.
    """
    with _lock:
        absent = [module for module in hidden if module not in sys.modules]
        sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
        try:
            return importlib.import_module(name)
        finally:
            for module in absent:
                sys.modules.pop(module, None)

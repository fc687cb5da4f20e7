"""The part of your bot that thinks in the background."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reverie.client import AsyncReverie, AsyncTask, Reverie, SyncTask
    from reverie.contracts import AnalyzeResult, ClusterResult, Event, Memory, RecallResult, Task, Theme

__all__ = [
    "AnalyzeResult",
    "AsyncReverie",
    "AsyncTask",
    "ClusterResult",
    "Event",
    "Memory",
    "RecallResult",
    "Reverie",
    "SyncTask",
    "Task",
    "Theme",
]


def __getattr__(name: str) -> Any:
    # Loaded on first use: a role that needs no client does not pay for one.
    if name not in __all__:
        raise AttributeError(f"module 'reverie' has no attribute {name!r}")
    home = "reverie.client" if name in ("AsyncReverie", "AsyncTask", "Reverie", "SyncTask") else "reverie.contracts"
    return getattr(import_module(home), name)

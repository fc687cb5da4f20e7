"""What an installation chose once and keeps with its data."""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from reverie.store.sql import sql

__all__ = ["PRECISION", "kept_precision"]

PRECISION = "precision"
"""Name of the choice of what vectors are computed in."""


def kept_precision(database_url: str, setting: str, choose: Callable[[], str]) -> str:
    """The precision of this installation's vectors.

    A ``setting`` other than ``auto`` is taken and kept; ``auto`` is what was kept before, and ``choose()`` where
    nothing was. Whoever asks first decides for all.
    """
    with psycopg.connect(database_url, autocommit=True, connect_timeout=10) as connection:
        if setting != "auto":
            connection.execute(sql("choose_anew"), {"choice": PRECISION, "value": setting})
            return setting
        kept = connection.execute(sql("get_chosen"), {"choice": PRECISION}).fetchone()
        if kept is None:
            connection.execute(sql("choose"), {"choice": PRECISION, "value": choose()})
            kept = connection.execute(sql("get_chosen"), {"choice": PRECISION}).fetchone()
        return str(kept[0]) if kept else setting

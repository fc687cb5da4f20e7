"""Parquet, the tables of data science: a column of texts, and what else a memory has."""

from __future__ import annotations

from typing import Any

from reverie.errors import InvalidInput, MissingExtra
from reverie.readers.base import Collector
from reverie.readers.inputs import Input

__all__ = ["MAGIC", "read_parquet"]

MAGIC = b"PAR1"
"""What such a file begins with."""

_BATCH = 1000
"""Rows in memory at a time."""


def read_parquet(source: Input, collector: Collector) -> None:
    """Rows by the names of their columns. Raises ``InvalidInput`` for a damaged file, ``MissingExtra``."""
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ModuleNotFoundError as error:
        raise MissingExtra("pandas", what=f"{source.name} (parquet)") from error
    source.handle.seek(0)
    number = 0
    try:
        for batch in ParquetFile(source.handle).iter_batches(batch_size=_BATCH):
            for row in batch.to_pylist():
                number += 1
                kept = {str(name): _plain(value) for name, value in row.items() if value is not None}
                collector.take(f"row {number}", kept)
    except (ArrowException, OSError, ValueError) as error:
        raise InvalidInput(f"{source.name}: no parquet that can be read after row {number} ({error})"[:300]) from None


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value

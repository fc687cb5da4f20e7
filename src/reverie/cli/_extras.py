"""What a command needs beyond the bare install."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from reverie._garbage import uncollected
from reverie.errors import MissingExtra

__all__ = ["needed"]


@contextmanager
def needed(extra: str, what: str) -> Iterator[None]:
    """For the imports in the block: where a package is missing, raises ``MissingExtra``, which prints its cure.

    ``what`` needs ``extra``. A missing module of our own is a mistake, and raised as it is.
    """
    try:
        with uncollected():
            yield
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("reverie"):
            raise
        raise MissingExtra(extra, what=what) from error

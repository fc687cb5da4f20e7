"""What the commands about stored memories share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

from reverie.cli._arguments import add_service_options
from reverie.cli._service import Reached, client_of
from reverie.client import AsyncReverie

__all__ = ["add_json_option", "asked", "shorten"]

T = TypeVar("T")

_WIDTH = 100


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """``--json`` and where the service is."""
    parser.add_argument("--json", action="store_true", help="print the whole answer as JSON")
    add_service_options(parser)


def asked(arguments: argparse.Namespace, ask: Callable[[AsyncReverie], Awaitable[T]]) -> T:
    """What the running service answers."""

    async def work(reached: Reached) -> T:
        async with reached.client() as client:
            return await ask(client)

    reached = client_of(arguments)
    return reached.run(work(reached))


def shorten(text: str) -> str:
    """A text on one line; control characters must not reach the terminal."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _WIDTH or not sys.stdout.isatty() else line[: _WIDTH - 1] + "…"

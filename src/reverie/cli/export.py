"""``reverie export USER``: everything held on somebody, as JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from reverie.cli._arguments import add_service_options
from reverie.errors import InvalidInput

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("export", help="everything held on a user, as JSON")
    parser.add_argument("user", metavar="USER", help="the user's id")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write there instead of to standard output")
    add_service_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Fetch and write."""
    from reverie.cli._service import Reached, client_of, say

    async def fetch(reached: Reached) -> dict[str, Any]:
        async with reached.client() as client:
            return await client.export_user(arguments.user)

    reached = client_of(arguments)
    held = reached.run(fetch(reached))
    text = json.dumps(held, ensure_ascii=False, indent=2) + "\n"
    if arguments.out is None:
        sys.stdout.write(text)
        return 0
    try:
        # Somebody's whole memory: readable by its owner only.
        descriptor = os.open(arguments.out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InvalidInput(f"{arguments.out} cannot be written: {error.strerror or error}") from None
    say(f"{len(held.get('tasks', ())):,} tasks of {arguments.user} written to {arguments.out}")
    return 0

"""``reverie erase USER``: forget somebody."""

from __future__ import annotations

import argparse
import sys

from reverie.cli._arguments import add_service_options
from reverie.contracts import Receipt

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("erase", help="forget everything about a user")
    parser.add_argument("user", metavar="USER", help="the user's id")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="print the receipt as JSON")
    add_service_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Ask, erase, show the receipt."""
    from reverie.cli._service import Reached, client_of, say

    async def erase(reached: Reached) -> Receipt:
        async with reached.client() as client:
            return await client.forget_user(arguments.user)

    reached = client_of(arguments)
    if not arguments.yes:
        if not sys.stdin.isatty():
            say("Nothing was erased: there is nobody to ask here; confirm with --yes.")
            return 2
        print(f"Everything held on {arguments.user!r} will be erased for good. Type yes: ", end="", file=sys.stderr)
        sys.stderr.flush()
        if sys.stdin.readline().strip().casefold() != "yes":
            say("Nothing was erased.")
            return 1
    receipt = reached.run(erase(reached))
    if arguments.json:
        print(receipt.model_dump_json(indent=2))
        return 0
    print(f"Erased {receipt.user_id} at {receipt.erased_at:%Y-%m-%d %H:%M:%S} UTC:")
    for name in ("memories", "views", "tasks", "stopped", "results", "vectors", "themes", "cache_keys"):
        print(f"  {name.replace('_', ' '):<12} {getattr(receipt, name):>8,}")
    return 0

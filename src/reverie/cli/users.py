"""``reverie users``: who keeps memories, and how current their views are."""

from __future__ import annotations

import argparse

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    from reverie.cli._stored import add_json_option

    parser = subparsers.add_parser("users", help="who keeps memories in the service")
    parser.add_argument("--stale", action="store_true", help="only those whose views do not know all changes")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List them, as they come."""
    from reverie.cli._stored import asked, shorten
    from reverie.client import AsyncReverie

    async def show(ai: AsyncReverie) -> None:
        async for one in ai.users(stale=arguments.stale):
            if arguments.json:
                print(one.model_dump_json())
                continue
            state = f"{one.stale.changes:,} changes not in the views" if one.stale else "current"
            print(f"{one.memories:>8,}  {shorten(one.user_id)}  ({state})")

    asked(arguments, show)
    return 0

"""``reverie remember USER TEXT``: keep one memory."""

from __future__ import annotations

import argparse

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    from reverie.cli._stored import add_json_option

    parser = subparsers.add_parser("remember", help="keep a memory of a user in the service")
    parser.add_argument("user", metavar="USER", help="the user's id")
    parser.add_argument("text", metavar="TEXT", help="what is remembered")
    parser.add_argument("--id", help="id of the memory (default: one is made); one that is there is replaced")
    parser.add_argument("--kind", help="what sort of memory it is, in words of yours")
    parser.add_argument("--created-at", metavar="WHEN", help="when it was made, as 2026-05-01T09:00:00Z (default: now)")
    parser.add_argument("--pin", action="store_true", help="always worth keeping")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Keep it, say under which id."""
    from reverie.cli._stored import asked

    kept = asked(
        arguments,
        lambda ai: ai.user(arguments.user).remember(
            arguments.text,
            id=arguments.id,
            kind=arguments.kind,
            created_at=arguments.created_at,
            pinned=arguments.pin or None,
        ),
    )
    if arguments.json:
        print(kept.model_dump_json(indent=2))
    else:
        place = f", in {kept.place.label}" if kept.place is not None else ""
        print(f"Kept as {kept.memory.id}{place}.")
    return 0

"""``reverie import FILE --user USER``: keep the memories of a file."""

from __future__ import annotations

import argparse

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    from reverie.cli._arguments import add_source_options
    from reverie.cli._stored import add_json_option

    parser = subparsers.add_parser("import", help="keep the memories of a file in the service")
    add_source_options(parser)
    parser.add_argument("--user", help="whose memories these are (default: as the file says, else its name)")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read, keep, say how many; a second time changes nothing."""
    from pathlib import Path

    from rich.console import Console

    from reverie.cli._run_file import read_source
    from reverie.cli._show import show_rejected
    from reverie.cli._stored import asked
    from reverie.errors import InvalidInput

    source, name = read_source(arguments)
    show_rejected(Console(stderr=True, highlight=False, soft_wrap=True), source, name)
    if not source.memories:
        raise InvalidInput(f"{name} holds no memory")
    user = arguments.user or source.user_id or Path(name).stem
    added = asked(arguments, lambda ai: ai.user(user).remember_many(source.memories))
    if arguments.json:
        print(added.model_dump_json(indent=2))
    else:
        print(f"{user}: {added.added:,} added, {added.updated:,} updated, {added.unchanged:,} unchanged.")
    return 0

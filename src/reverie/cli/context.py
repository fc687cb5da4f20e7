"""``reverie context USER QUESTION``: what a language model should know of a user before it answers."""

from __future__ import annotations

import argparse
import sys

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    from reverie.cli._stored import add_json_option

    parser = subparsers.add_parser("context", help="what a language model should know of a user, within a budget")
    parser.add_argument("user", metavar="USER", help="the user's id")
    parser.add_argument("question", metavar="QUESTION", nargs="?", help="what is asked")
    parser.add_argument("--max-tokens", type=int, default=600, help="most tokens of the block (default 600)")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the block; what is to be said of it goes to standard error."""
    from reverie.cli._stored import asked

    found = asked(
        arguments, lambda ai: ai.user(arguments.user).context(arguments.question, max_tokens=arguments.max_tokens)
    )
    if arguments.json:
        print(found.model_dump_json(indent=2))
        return 0
    if found.text:
        print(found.text)
    for note in found.notes:
        print(note, file=sys.stderr)
    return 0

"""``reverie recall USER QUESTION``: the stored memories that bear on a question."""

from __future__ import annotations

import argparse

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    from reverie.cli._stored import add_json_option

    parser = subparsers.add_parser("recall", help="the stored memories of a user that bear on a question")
    parser.add_argument("user", metavar="USER", help="the user's id")
    parser.add_argument("question", metavar="QUESTION", help="what is asked")
    parser.add_argument("--top", type=int, default=10, help="most memories to show (default 10)")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Ask and show, the best first."""
    from reverie.cli._stored import asked, shorten

    found = asked(arguments, lambda ai: ai.user(arguments.user).recall(arguments.question, top=arguments.top))
    if arguments.json:
        print(found.model_dump_json(indent=2))
        return 0
    for hit in found.memories:
        print(f"{hit.score:6.3f}  {shorten(hit.text)}  [{hit.memory_id}]")
    return 0

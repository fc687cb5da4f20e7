"""``reverie analyze FILE``: what matters in somebody's memories and what repeats."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from reverie.cli._arguments import add_file_options
from reverie.cli._extras import needed

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("analyze", help="what matters in the memories of a file, and what repeats")
    add_file_options(parser)
    parser.add_argument("--timezone", metavar="ZONE", help="the person's time zone, such as Europe/Berlin")
    parser.add_argument("--top", type=int, default=5, metavar="N", help="entries of each list (default: %(default)s)")
    parser.add_argument("--graph", type=Path, metavar="PNG", help="write the graph of similar memories to this file")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read, analyse, show."""
    with needed("cli", "reverie analyze"):
        from reverie.cli._run_file import run_file
        from reverie.cli._show import show_analysis
    return run_file(
        arguments,
        lambda client, user, memories: client.submit_analysis_task(
            user, memories, timezone=arguments.timezone, model=arguments.model
        ),
        partial(show_analysis, top=max(1, arguments.top)),
        {"graph": arguments.graph},
    )

"""``reverie cluster FILE``: the themes of somebody's memories."""

from __future__ import annotations

import argparse
from pathlib import Path

from reverie.cli._arguments import add_file_options
from reverie.cli._extras import needed

__all__ = ["add_parser", "run"]


def _granularity(text: str) -> str | float:
    if text in ("coarse", "medium", "fine"):
        return text
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is neither coarse, medium, fine nor a number from 0 to 1")
    return value


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("cluster", help="group the memories of a file into themes")
    add_file_options(parser)
    parser.add_argument("--granularity", type=_granularity, help="coarse, medium, fine, or 0 to 1 (default: medium)")
    parser.add_argument("--max-themes", type=int, metavar="N", help="most themes")
    parser.add_argument("--min-size", type=int, metavar="N", help="fewest memories of a theme")
    parser.add_argument("--seed", type=int, metavar="N", help="another draw of the same themes")
    parser.add_argument("--map", type=Path, metavar="PNG", help="write the map of themes to this file")
    parser.add_argument("--timeline", type=Path, metavar="PNG", help="write the timeline of themes to this file")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read, group, show."""
    with needed("cli", "reverie cluster"):
        from reverie.cli._run_file import run_file
        from reverie.cli._show import show_themes
    return run_file(
        arguments,
        lambda client, user, memories: client.submit_clustering_task(
            user,
            memories,
            granularity=arguments.granularity,
            max_themes=arguments.max_themes,
            min_cluster_size=arguments.min_size,
            seed=arguments.seed,
            model=arguments.model,
        ),
        show_themes,
        {"map": arguments.map, "timeline": arguments.timeline},
    )

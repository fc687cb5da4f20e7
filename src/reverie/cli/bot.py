"""``reverie bot``: the Discord bot."""

from __future__ import annotations

import argparse

from reverie.cli._extras import needed

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("bot", help="run the Discord bot (needs DISCORD_TOKEN)")
    parser.add_argument("--url", help="address of the service (REVERIE_URL)")
    parser.add_argument(
        "--store", help="where memories are kept: sqlite:///path or postgresql://... (REVERIE_BOT_STORE)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run until Ctrl-C or SIGTERM."""
    with needed("discord", "The bot"):
        from reverie.bot.runner import main
    return main(arguments.url, arguments.store)

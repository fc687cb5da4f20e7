"""``reverie themes USER``: the current themes of what is kept on a user."""

from __future__ import annotations

import argparse

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    from reverie.cli._stored import add_json_option

    parser = subparsers.add_parser("themes", help="the current themes of a user's stored memories")
    parser.add_argument("user", metavar="USER", help="the user's id")
    parser.add_argument("--now", action="store_true", help="bring them up to date first")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show the view, and what it does not know yet."""
    from reverie.cli._stored import asked, shorten
    from reverie.client import AsyncReverie
    from reverie.contracts import ThemesView

    async def ask(ai: AsyncReverie) -> ThemesView:
        user = ai.user(arguments.user)
        if arguments.now:
            await (await user.upkeep()).result()
        return await user.themes()

    view = asked(arguments, ask)
    if arguments.json:
        print(view.model_dump_json(indent=2))
        return 0
    for theme in view.themes:
        print(f"{theme.size:>6,}  {shorten(theme.label)}  [{theme.id}]")
    print(f"{len(view.unclustered):>6,}  in no theme")
    if view.stale is not None:
        print(f"As of {view.as_of:%Y-%m-%d %H:%M} UTC; {view.stale.changes:,} changes since.")
    return 0

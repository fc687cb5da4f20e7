"""``reverie mcp``: stored memories as tools of an agent, over stdio."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping

from reverie.cli._extras import needed

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("mcp", help="serve stored memories to an agent over stdio (Model Context Protocol)")
    parser.add_argument("--user", metavar="USER", help="the one user whose memories the agent may see and change")
    parser.add_argument("--url", help="the service (REVERIE_URL, or the one that runs on this machine)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until the agent closes the connection."""
    with needed("mcp", "reverie mcp"):
        from reverie.mcp_server.tools import build_server
    from reverie.client import AsyncReverie

    def connect(_: Mapping[str, str] | None) -> AsyncReverie:
        return AsyncReverie(arguments.url)

    if sys.stdin.isatty():
        print(
            "reverie mcp speaks the Model Context Protocol on stdin; an agent starts it (docs/mcp.md).", file=sys.stderr
        )
    asyncio.run(build_server(connect, user_id=arguments.user).run_stdio_async())
    return 0

"""``reverie gateway``: the role that accepts, routes and pushes."""

from __future__ import annotations

import argparse
import importlib.util
from typing import TYPE_CHECKING

from reverie._listen import check_address
from reverie.aio.on_demand import OnDemand
from reverie.cli._arguments import port
from reverie.cli._extras import needed

if TYPE_CHECKING:
    from reverie.mcp_server.http import McpEndpoint

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("gateway", help="run the gateway alone (needs REVERIE_DATABASE_URL and REDIS_URL)")
    parser.add_argument("--host", help="address to listen on (REVERIE_HOST)")
    parser.add_argument("--port", type=port, help="port to listen on (REVERIE_PORT)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM."""
    with needed("gateway", "The gateway"):
        from reverie.gateway.submissions import parser_process
        from reverie.settings import Settings
    server = Settings.load().server
    host, port = arguments.host or server.host, server.port if arguments.port is None else arguments.port
    check_address(host, port)
    # Before the gateway's own code is read, which takes as long: the service is ready when both are.
    parser = parser_process.start()
    with needed("gateway", "The gateway"):
        from reverie.gateway.serve import main
    return main(arguments.host, arguments.port, mcp=_mcp(host, port), parser=parser)


def _mcp(host: str, port: int) -> OnDemand | None:
    """What answers ``/mcp``; None where the extra is not installed. Here, since the gateway does not import the SDK."""
    if importlib.util.find_spec("mcp") is None or not port:
        return None
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, host)

    def make() -> McpEndpoint:
        from reverie.mcp_server.http import McpEndpoint

        return McpEndpoint(f"http://{reachable}:{port}")

    return OnDemand(make)

"""``reverie health``: what a container's health check asks."""

from __future__ import annotations

import argparse
import urllib.error
import urllib.request

from reverie.errors import InvalidInput, MissingExtra

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("health", help="whether the gateway or worker of this machine can take work")
    parser.add_argument("role", choices=("gateway", "worker"))
    parser.add_argument("--port", type=int, help="where it answers (REVERIE_PORT or REVERIE_WORKER_PORT)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what it says of itself; 1 when it is not ready or does not answer."""
    try:
        from reverie.settings import QueueSettings, ServerSettings
    except ModuleNotFoundError as error:
        raise MissingExtra(arguments.role, what=f"The {arguments.role}") from error
    port = arguments.port
    if port is None:
        server, queue = ServerSettings(), QueueSettings()  # type: ignore[call-arg]
        port = server.port if arguments.role == "gateway" else queue.worker_port
    if not port:
        raise InvalidInput("a worker answers only when REVERIE_WORKER_PORT names a port")
    url = f"http://127.0.0.1:{port}/readyz"
    # The system's proxy has no business with a service on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=4) as answer:
            print(answer.read().decode())
        return 0
    except urllib.error.HTTPError as error:
        print(error.read().decode(errors="replace"))
    except OSError as error:
        print(f"nothing answers at {url}: {error}")
    return 1

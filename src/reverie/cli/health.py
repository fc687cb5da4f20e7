"""``reverie health``: what a container's health check asks."""

from __future__ import annotations

import argparse
import http.client
import os

from reverie.errors import InvalidInput

__all__ = ["add_parser", "run"]

# The answer itself waits two seconds at most for each thing it asks; the rest is for a machine that is busy.
_PATIENCE = 20.0

# What `ServerSettings` and `QueueSettings` read. Loading those costs more than the whole check, on every run of it.
_VARIABLES = {"gateway": ("REVERIE_PORT", "8000"), "worker": ("REVERIE_WORKER_PORT", "")}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("health", help="whether the gateway or worker of this machine can take work")
    parser.add_argument("role", choices=("gateway", "worker"))
    parser.add_argument("--port", type=int, help="where it answers (REVERIE_PORT or REVERIE_WORKER_PORT)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what it says of itself; 1 when it is not ready or does not answer."""
    variable, default = _VARIABLES[arguments.role]
    port = arguments.port or os.environ.get(variable) or default
    if not port:
        raise InvalidInput("a worker answers only when REVERIE_WORKER_PORT names a port")
    try:
        # Straight to this machine, whatever proxy the environment names.
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=_PATIENCE)
    except ValueError as error:
        raise InvalidInput(f"{variable} must be a number, not {port!r}") from error
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        print(answer.read().decode(errors="replace"))
        return 0 if answer.status == 200 else 1
    except (OSError, http.client.HTTPException) as error:
        print(f"nothing answers at http://127.0.0.1:{port}/readyz: {error}")
        return 1
    finally:
        connection.close()

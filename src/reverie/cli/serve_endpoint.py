"""``reverie serve-endpoint``: whole tasks behind a SageMaker, Vertex AI or Azure ML endpoint."""

from __future__ import annotations

import argparse
import os

from reverie.cli._extras import needed

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand. Vertex AI tells port and paths by its own variables (AIP_...)."""
    parser = subparsers.add_parser(
        "serve-endpoint", help="run whole tasks for a cloud endpoint: /ping and /invocations, no database"
    )
    parser.add_argument("--host", default="0.0.0.0", help="(default: %(default)s, as containers need)")
    port = int(os.environ.get("AIP_HTTP_PORT", "8080"))
    parser.add_argument("--port", type=int, default=port, help="port to listen on (AIP_HTTP_PORT, 8080)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM."""
    with needed("worker", "The endpoint"):
        from reverie.worker.endpoint import main
    return main(
        arguments.host,
        arguments.port,
        key=os.environ.get("REVERIE_ENDPOINT_KEY") or None,
        predict=os.environ.get("AIP_PREDICT_ROUTE", "/invocations"),
        health=os.environ.get("AIP_HEALTH_ROUTE", "/ping"),
    )

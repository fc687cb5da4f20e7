"""``reverie worker``: the role that computes."""

from __future__ import annotations

import argparse

from reverie.cli._arguments import count_or_auto
from reverie.cli._extras import needed

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("worker", help="run a worker alone (needs REVERIE_DATABASE_URL and REDIS_URL)")
    parser.add_argument(
        "--queues", default="fast,clustering,analysis,upkeep", help="queues to serve, separated by commas"
    )
    parser.add_argument(
        "--concurrency",
        type=count_or_auto,
        default=1,
        help="worker processes; auto: one for each processor of the affinity and the container's quota (default: 1)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Work until SIGTERM."""
    with needed("worker", "The worker"):
        from reverie.worker.app import main
    queues = [queue.strip() for queue in arguments.queues.split(",") if queue.strip()]
    return main(queues, concurrency=arguments.concurrency)

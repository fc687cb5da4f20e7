"""``reverie up``: all of it, on this machine."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

from reverie._listen import check_address
from reverie.cli._arguments import count, port
from reverie.cli._extras import needed

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("up", help="run everything on this machine: servers, gateway, workers")
    parser.add_argument("--data-dir", type=Path, help="folder of data, keys and logs (REVERIE_DATA_DIR)")
    parser.add_argument("--host", help="address to listen on (REVERIE_HOST, 127.0.0.1)")
    parser.add_argument("--port", type=port, help="port to listen on, 0 for a free one (REVERIE_PORT, 8000)")
    parser.add_argument("--workers", type=count, help="processes for heavy work (default: cores - 1, at least 2)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run until Ctrl-C or SIGTERM."""
    with needed("embedded", "reverie up"):
        from reverie.embedded.service import Service
        from reverie.embedding.factory import check_embedder
        from reverie.settings import Settings
    settings = Settings.load()
    server = settings.server
    chosen = server.port if arguments.port is None else arguments.port
    data_dir = arguments.data_dir or server.data_dir
    check_embedder(settings.embedding, data_dir)
    if settings.clustering.steps != "own":
        # Otherwise the engines are not read here: the workers do that.
        from reverie.clustering.reference import steps_named

        steps_named(settings.clustering.steps)
    host = arguments.host or server.host
    check_address(host, chosen)
    print("Starting ...", flush=True)
    service = Service(data_dir, host=host, port=chosen, workers=arguments.workers, say=_say)
    with service:
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Under nohup it outlives its terminal.
            if signum != signal.SIGHUP or signal.getsignal(signum) is not signal.SIG_IGN:
                signal.signal(signum, lambda *_: service.request_stop())
        print(f"Reverie is running.\n\n  Service    {service.url}\n  API docs   {service.url}/docs")
        if service.api_key and (service.data_dir / "key").exists():
            print(f"  API key    in {service.data_dir / 'key'} (clients of this user find it by themselves)")
        print(
            f"  Data       {service.data_dir}\n  Logs       {service.data_dir / 'logs'}\n\nCtrl-C stops it.", flush=True
        )
        service.run()
        print("\nStopping; running work is finished or handed back ...", flush=True)
    print("Stopped. Everything accepted is kept.")
    return 0


def _say(message: str) -> None:
    print(message, flush=True)

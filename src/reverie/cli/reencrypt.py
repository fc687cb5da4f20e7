"""``reverie reencrypt``: bring everything stored under the present encryption key."""

from __future__ import annotations

import argparse
from pathlib import Path

from reverie.cli._extras import needed
from reverie.errors import InvalidInput

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "reencrypt", help="seal all stored texts and results under the first REVERIE_ENCRYPTION_KEY"
    )
    parser.add_argument("--data-dir", type=Path, help="folder of data, keys and logs (REVERIE_DATA_DIR)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do it beside the running service; may be stopped and run again."""
    with needed("gateway", "reverie reencrypt"):
        from reverie.cli.keys import servers
        from reverie.settings import Settings
        from reverie.store.codec import Codec
        from reverie.store.reencrypt import reencrypt
    key = Settings.load().server.encryption_key
    if key is None:
        raise InvalidInput("set REVERIE_ENCRYPTION_KEY: the new key first, older ones after commas")
    codec = Codec(keys=key.get_secret_value())
    with servers(arguments) as (database_url, _):
        done = reencrypt(database_url, codec, lambda table, count: None)
    print("Sealed anew: " + ", ".join(f"{count} {table.replace('_', ' ')}" for table, count in done.items()))
    return 0

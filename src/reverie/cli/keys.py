"""``reverie keys``: who may use the service."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from reverie.cli._database import servers, tell
from reverie.cli._extras import needed
from reverie.errors import NotFound, StartupError

if TYPE_CHECKING:
    from reverie.store.keys import Key, KeyStore

__all__ = ["add_parser", "run", "servers"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand and its three actions."""
    parser = subparsers.add_parser("keys", help="make, list and revoke API keys (on the service's machine)")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = actions.add_parser("create", help="make a key; it is shown once")
    create.add_argument("name", metavar="NAME", help="what it is for")
    create.add_argument("--scopes", default="submit,read", help="of submit, read, erase, admin (default: %(default)s)")
    create.add_argument("--tenant", default="default", help="whose data it opens (default: %(default)s)")
    listing = actions.add_parser("list", help="all keys, without their secrets")
    listing.add_argument("--json", action="store_true", help="as JSON")
    revoke = actions.add_parser("revoke", help="end a key at once")
    revoke.add_argument("key", metavar="KEY", help="its id (key_...) or the key itself")
    for action in (create, listing, revoke):
        action.add_argument("--data-dir", type=Path, help="folder of data, keys and logs (REVERIE_DATA_DIR)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do it in the database that the environment names, else in the embedded one."""
    with needed("gateway", "reverie keys"):
        from reverie.store.keys import KeyStore
    import psycopg

    try:
        with servers(arguments) as (database_url, redis_url):
            return _act(arguments, KeyStore(database_url), redis_url)
    except psycopg.OperationalError as error:
        raise StartupError(f"The database does not answer: {str(error).splitlines()[0]}") from None


def _act(arguments: argparse.Namespace, store: KeyStore, redis_url: str | None) -> int:
    if arguments.action == "create":
        scopes = tuple(scope.strip() for scope in arguments.scopes.split(",") if scope.strip())
        secret = store.create(arguments.name, tenant=arguments.tenant, scopes=scopes)
        print(secret)
        return 0
    if arguments.action == "revoke":
        if not store.revoke(arguments.key):
            raise NotFound("There is no such live key; reverie keys list shows them.")
        tell(redis_url, "keys")
        print("Revoked.")
        return 0
    keys = store.list()
    if arguments.json:
        print(json.dumps([_plain(key) for key in keys], indent=2))
        return 0
    if not keys:
        print("No keys yet: reverie keys create NAME")
        return 0
    print(f"{'id':<21}{'name':<16}{'tenant':<12}{'scopes':<25}last used")
    for key in keys:
        last = "revoked" if key.revoked_at else f"{key.last_used_at:%Y-%m-%d}" if key.last_used_at else "never"
        opened = ",".join(sorted(key.scopes))
        print(f"{key.id:<21}{_cut(key.name, 15):<16}{_cut(key.tenant, 11):<12}{opened:<25}{last}")
    return 0


def _plain(key: Key) -> dict[str, object]:
    moments = {
        name: moment.isoformat() if (moment := getattr(key, name)) else None
        for name in ("created_at", "revoked_at", "last_used_at")
    }
    return {"id": key.id, "name": key.name, "tenant": key.tenant, "scopes": sorted(key.scopes), **moments}


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"

"""``reverie cloud``: whose texts may go to which provider, and at what cost."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from reverie.cli._database import servers, tell
from reverie.cli._extras import needed
from reverie.errors import StartupError

if TYPE_CHECKING:
    from reverie.store import PolicyStore, TenantPolicy

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand and its four actions."""
    parser = subparsers.add_parser("cloud", help="whose texts may go to which cloud provider, and at what cost")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    allow = actions.add_parser("allow", help="let a tenant's requests use the cloud (they must ask for it too)")
    allow.add_argument("tenant", metavar="TENANT", nargs="?", default="default", help="(default: %(default)s)")
    allow.add_argument("--providers", default="", help="in order of preference, separated by commas (default: any)")
    allow.add_argument("--max-usd-task", type=float, help="ceiling of fees for one task, US dollars (default: none)")
    allow.add_argument("--max-usd-day", type=float, help="ceiling of fees for one day (UTC), US dollars")
    allow.add_argument("--region", default="", help="a note: where texts may be processed, and on what ground")
    deny = actions.add_parser("deny", help="keep a tenant's texts here, at once")
    deny.add_argument("tenant", metavar="TENANT", nargs="?", default="default", help="(default: %(default)s)")
    listing = actions.add_parser("list", help="all policies, and what was spent today")
    listing.add_argument("--json", action="store_true", help="as JSON")
    actions.add_parser("providers", help="which providers are configured here, and what the others lack")
    for action in (allow, deny, listing):
        action.add_argument("--data-dir", type=Path, help="folder of data, keys and logs (REVERIE_DATA_DIR)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do it in the database that the environment names, else in the embedded one."""
    if arguments.action == "providers":
        return _providers()
    with needed("gateway", "reverie cloud"):
        from reverie.store import PolicyStore
    import psycopg

    try:
        with servers(arguments) as (database_url, redis_url):
            return _act(arguments, PolicyStore(database_url), redis_url)
    except psycopg.OperationalError as error:
        raise StartupError(f"The database does not answer: {str(error).splitlines()[0]}") from None


def _act(arguments: argparse.Namespace, store: PolicyStore, redis_url: str | None) -> int:
    from reverie.store import TenantPolicy

    if arguments.action == "list":
        return _list(arguments, store)
    if arguments.action == "deny":
        policy = TenantPolicy(arguments.tenant, allowed=False)
    else:
        names = tuple(name.strip() for name in arguments.providers.split(",") if name.strip())
        policy = TenantPolicy(
            arguments.tenant,
            allowed=True,
            providers=names,
            max_usd_task=arguments.max_usd_task,
            max_usd_day=arguments.max_usd_day,
            region=arguments.region,
        )
    store.put(policy)
    tell(redis_url, "policies")
    print(f"{arguments.tenant}: {_words(policy)}")
    return 0


def _list(arguments: argparse.Namespace, store: PolicyStore) -> int:
    found = store.list()
    if arguments.json:
        rows = [{**asdict(policy), "usd_today": usd, "tokens_today": tokens} for policy, usd, tokens in found]
        print(json.dumps(rows, indent=2))
        return 0
    if not found:
        print("No policies yet, so no text leaves: reverie cloud allow TENANT")
    for policy, usd, tokens in found:
        print(f"{policy.tenant}: {_words(policy)}; today ${usd:.4f}, {tokens:,} tokens")
    return 0


def _words(policy: TenantPolicy) -> str:
    if not policy.allowed:
        return "the cloud is not allowed"
    parts = ["allowed: " + (", ".join(policy.providers) or "any configured provider")]
    for name, usd in (("a task", policy.max_usd_task), ("a day", policy.max_usd_day)):
        if usd is not None:
            parts.append(f"at most ${usd:g} {name}")
    if policy.region:
        parts.append(f"region: {policy.region}")
    return ", ".join(parts)


def _providers() -> int:
    with needed("worker", "reverie cloud providers"):
        from reverie.embedding.providers import PROVIDERS, missing
    for name in PROVIDERS:
        lacks = missing(name)
        print(f"{name:<20}{'configured' if lacks is None else 'not configured: ' + lacks}")
    return 0

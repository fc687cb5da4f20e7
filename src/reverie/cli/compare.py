"""``reverie compare``: local and cloud embedders side by side: speed, cost, and whether the themes agree."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from reverie.cli._extras import needed
from reverie.errors import InvalidInput, ReverieError

if TYPE_CHECKING:
    from reverie.cli._comparison import Measured
    from reverie.contracts import Memory

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("compare", help="local and cloud embedders: speed, cost, agreement of the themes")
    parser.add_argument("--file", help="memories, as for reverie cluster (default: the demo's 300)")
    parser.add_argument("--author", metavar="WHO", help="whose messages are taken from a chat: an id or a name")
    parser.add_argument(
        "--providers", default="local,openai,azure,sagemaker,bedrock,vertex", help="(default: %(default)s)"
    )
    parser.add_argument("--limit", type=int, default=1000, help="most memories to embed (default: %(default)s)")
    parser.add_argument("--singles", type=int, default=30, help="texts timed one by one (default: %(default)s)")
    parser.add_argument("--usd-per-hour", type=float, help="what your own machine costs an hour, US dollars")
    parser.add_argument("--max-usd", type=float, default=1.0, help="ceiling of fees for each provider (%(default)s)")
    parser.add_argument("--label", default="label", help="name in a memory's metadata that holds its true theme")
    parser.add_argument("--chart", type=Path, metavar="PNG", help="draw the figures")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--data-dir", type=Path, help="folder of models (REVERIE_DATA_DIR)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure each embedder that can be used here, and say what is missing for the others."""
    with needed("embedded", "reverie compare"):
        from reverie.cli import _comparison as comparison
        from reverie.cli import _comparison_view as view
    if arguments.usd_per_hour is not None and not 0 < arguments.usd_per_hour < 1e6:
        raise InvalidInput("--usd-per-hour: an amount of US dollars")
    memories = _memories(arguments.file, arguments.author, arguments.limit)
    names = list(dict.fromkeys(name.strip() for name in arguments.providers.split(",") if name.strip()))
    rows = [_measured(name, memories, arguments) for name in names]
    labels = [str((memory.metadata or {}).get(arguments.label, "")) for memory in memories]
    comparison.agreement(rows, labels if all(labels) else None)
    advice = comparison.recommendation(rows, arguments.usd_per_hour)
    from reverie.embedding.providers.prices import load_prices
    from reverie.settings import CloudSettings

    head = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "measured_on": f"{platform.node()}, {os.cpu_count()} cores, {platform.machine()}, Python "
        f"{platform.python_version()}",
        "memories": len(memories),
        "prices_as_of": load_prices(CloudSettings().prices).as_of,  # type: ignore[call-arg]
        "usd_per_hour": arguments.usd_per_hour,
    }
    where = f"{len(memories)} memories, measured {head['measured_at']} on {head['measured_on']}"
    prices = f"prices of {head['prices_as_of']}, US dollars"
    if arguments.usd_per_hour is not None:
        prices += f"; your own machine: ${arguments.usd_per_hour:g} an hour, at full load"
    if arguments.chart is not None:
        view.draw(arguments.chart, rows, "Embedders side by side", f"{where}; {prices}")
    if arguments.json:
        print(json.dumps({**head, "rows": [row.plain() for row in rows], "recommendation": advice}, indent=2))
        return 0
    print(f"{where}\n{prices}\n\n{view.table(rows)}\n")
    if agreed := view.agreement_table(rows):
        print(f"{agreed}\n")
    for row in rows:
        if row.missing is None:
            print(f"{row.name}: {row.model}, {row.dimensions} dimensions, {row.where}")
    print("\n" + "\n".join(textwrap.fill(line, 100) for line in advice))
    return 0


def _memories(file: str | None, author: str | None, limit: int) -> list[Memory]:
    from reverie.demo import PEOPLE, load
    from reverie.readers import read_file

    if file is None:
        found = [m for person in PEOPLE for m in load(person.id)]
        # Three people number their memories alike, and the person who made a memory is no theme.
        found = [m.model_copy(update={"id": str(i)}) for i, m in enumerate(found)]
    else:
        found = list(read_file(file, author=author).memories)
    if len(found) < 2:
        raise InvalidInput("at least two memories are needed to compare anything")
    found = found[: max(2, limit)]
    return [m if m.id is not None else m.model_copy(update={"id": str(i)}) for i, m in enumerate(found)]


def _measured(name: str, memories: Sequence[Memory], arguments: argparse.Namespace) -> Measured:
    from reverie.cli import _comparison as comparison
    from reverie.embedding import create_embedder
    from reverie.embedding.providers import PROVIDERS, Budget, create_provider, missing
    from reverie.settings import Settings

    def say(what: str) -> None:
        print(what, file=sys.stderr)

    settings = Settings.load()
    try:
        if name == "local":
            chosen = settings.embedding.embedder
            local = create_embedder(
                "auto" if chosen in PROVIDERS else chosen,
                settings.embedding.model,
                precision=settings.embedding.precision,
                threads=settings.embedding.embed_threads,
                data_dir=arguments.data_dir or settings.server.data_dir,
            )
            try:
                return comparison.measure(
                    name,
                    local,
                    memories,
                    singles=arguments.singles,
                    usd_per_token=None,
                    usd_per_hour=arguments.usd_per_hour,
                    where="this machine",
                    say=say,
                )
            finally:
                local.close()
        if (lacks := missing(name)) is not None:
            return comparison.unmeasured(name, f"not configured: {lacks}")
        provider = create_provider(name)
        where = comparison.where_of(name, PROVIDERS[name].settings().model_dump(exclude_none=True))
        say(f"{name}: these memories go to {where}")
        price = provider.usd_per_million
        try:
            return comparison.measure(
                name,
                provider.within(Budget(usd=arguments.max_usd)) if price is not None else provider,
                memories,
                singles=arguments.singles,
                usd_per_token=None if price is None else price / 1e6,
                usd_per_hour=None,
                where=where,
                say=say,
            )
        finally:
            provider.close()
    except ReverieError as error:
        return comparison.unmeasured(name, f"failed: {error.message}")

"""The database behind the service, for commands that run on its machine."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from reverie.errors import InvalidInput

__all__ = ["servers", "tell"]


@contextlib.contextmanager
def servers(arguments: argparse.Namespace) -> Iterator[tuple[str, str | None]]:
    """``(database_url, redis_url)``: given, of the service that runs on the folder, or started for a moment."""
    from reverie.settings import Settings

    server = Settings.load().server
    redis_url = server.redis_url.get_secret_value() if server.redis_url else None
    if server.database_url is not None:
        yield server.database_url.get_secret_value(), redis_url
        return
    folder = arguments.data_dir or server.data_dir
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        running = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        urls = str(running["database_url"]), running.get("redis_url")
        if _alive(running["pid"]):
            yield urls
            return
    if not (folder / "postgres").exists() and not (folder / "pg").exists():
        raise InvalidInput(f"there is no data in {folder} yet; start the service once with: reverie up")
    from reverie.embedded import start_servers
    from reverie.store import migrate

    with start_servers(folder) as servers:
        migrate(servers.database_url)
        yield servers.database_url, None


def _alive(pid: object) -> bool:
    return isinstance(pid, int) and Path(f"/proc/{pid}").exists() if Path("/proc/self").exists() else True


def tell(redis_url: str | None, kind: str) -> None:
    """Make gateways forget what they cached of ``kind`` (keys, policies); without Redis that takes two seconds."""
    if redis_url is None:
        return
    import redis

    from reverie.queue.bus import CONTROL
    from reverie.queue.redis_connection import open_sync

    client = open_sync(redis_url, seconds=1.0)
    assert client is not None
    with contextlib.suppress(redis.RedisError), contextlib.closing(client):
        client.publish(CONTROL, json.dumps({"kind": kind}))

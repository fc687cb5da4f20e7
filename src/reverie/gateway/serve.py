"""Runs the gateway as a process of its own."""

from __future__ import annotations

import contextlib
import gc
import logging
import socket
from concurrent.futures import ProcessPoolExecutor

import uvicorn

from reverie._garbage import set_aside
from reverie._logs import configure_logs
from reverie.errors import StartupError
from reverie.gateway.app import Endpoint, create_app
from reverie.gateway.submissions.protocol import SubmissionProtocol
from reverie.settings import Settings
from reverie.store import KeyStore, migrate

__all__ = ["ensure_first_key", "main"]

log = logging.getLogger(__name__)

_NOT_STARTED = 3
"""Exit status of a server that could not start, as uvicorn's own command has it."""

BOT_SCOPES = ("submit", "read", "erase")
"""What a bot needs; managing webhooks and seeing the whole service is for people."""


def ensure_first_key(settings: Settings) -> str | None:
    """Make the first key when there is none, and return its secret; None when keys exist already.

    ``REVERIE_API_KEY`` becomes a key whenever it never was one (a revoked one stays revoked), and so does
    ``REVERIE_BOT_API_KEY`` with fewer scopes. Otherwise a new secret is written to
    ``data_dir/key``, readable by its owner only, where the SDK and the command line of the same user find it.
    """
    assert settings.server.database_url is not None
    keys = KeyStore(settings.server.database_url.get_secret_value())
    if settings.server.bot_api_key is not None:
        keys.create("bot", scopes=BOT_SCOPES, secret=settings.server.bot_api_key.get_secret_value())
    given = settings.server.api_key
    if given is not None:
        return keys.create("first", secret=given.get_secret_value())
    if keys.any():
        return None
    secret = keys.create("first")
    folder = settings.server.data_dir
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "key"
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(secret + "\n", encoding="utf-8")
    return secret


def main(
    host: str | None = None,
    port: int | None = None,
    *,
    mcp: Endpoint | None = None,
    parser: ProcessPoolExecutor | None = None,
) -> int:
    """Serve until SIGTERM; migrations run first. ``mcp`` answers ``/mcp``. Returns the exit status."""
    settings = Settings.load()
    configure_logs(settings.server.log_level, settings.server.log_format)
    if settings.server.database_url is None:
        raise StartupError("No database: set REVERIE_DATABASE_URL, or start everything with: reverie up")
    migrate(settings.server.database_url.get_secret_value(), wait=settings.server.database_wait)
    ensure_first_key(settings)
    config = uvicorn.Config(
        create_app(settings, mcp=mcp, parser=parser),
        host=host or settings.server.host,
        port=settings.server.port if port is None else port,
        log_level=settings.server.log_level.lower(),
        access_log=False,
        log_config=None,
        http=SubmissionProtocol,
        ws="websockets-sansio",
        ws_max_size=64 * 1024,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
        server_header=False,
    )
    server = _Server(config)
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    return 0 if server.started else _NOT_STARTED


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        gc.collect()
        set_aside()

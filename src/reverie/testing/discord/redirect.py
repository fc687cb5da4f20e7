"""Pointing discord.py at a local server without touching its code paths."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["Address", "redirected"]


class Address(Protocol):
    """Where a local Discord listens."""

    base: str
    socket_url: str


@contextmanager
def redirected(server: Address) -> Iterator[None]:
    """Send discord.py's REST calls and gateway sockets to ``server`` for the length of the block.

    Two class attributes are all that discord.py 2.7 needs: the base of every route (webhooks too) and the first
    gateway address. A resume follows READY's own ``resume_gateway_url``.
    """
    import discord.gateway
    import discord.http
    import yarl

    route, socket = discord.http.Route, discord.gateway.DiscordWebSocket
    before = route.BASE, socket.DEFAULT_GATEWAY
    route.BASE = f"{server.base}/api/v10"
    socket.DEFAULT_GATEWAY = yarl.URL(server.socket_url)
    try:
        yield
    finally:
        route.BASE, socket.DEFAULT_GATEWAY = before

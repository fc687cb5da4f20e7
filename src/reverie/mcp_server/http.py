"""The tools over streamable HTTP, for the gateway's ``/mcp``: each call uses the key of its own request."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import Receive, Scope, Send

from reverie.client import AsyncReverie
from reverie.errors import Unauthorized
from reverie.mcp_server.tools import build_server

__all__ = ["McpEndpoint"]


class McpEndpoint:
    """An ASGI application; ``run`` is its lifespan. It keeps no session, so that any gateway answers any call."""

    def __init__(self, url: str) -> None:
        """``url``: where the service's own API answers."""

        def connect(headers: Mapping[str, str] | None) -> AsyncReverie:
            scheme, _, key = (headers or {}).get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not key.strip():
                raise Unauthorized
            return AsyncReverie(url, api_key=key.strip())

        self._manager = StreamableHTTPSessionManager(
            build_server(connect)._lowlevel_server,
            stateless=True,
            # A key is needed for every call, and a page of another origin has none; hosts behind proxies have any name.
            security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )

    def run(self) -> AbstractAsyncContextManager[None]:
        """For the length of the block, calls are answered."""
        return self._manager.run()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._manager.handle_request(scope, receive, send)

"""An ASGI application that is made at its first request, not at the start of who serves it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

__all__ = ["OnDemand"]


class _Application(Protocol):
    def run(self) -> AbstractAsyncContextManager[None]: ...

    def __call__(self, scope: Any, receive: Any, send: Any, /) -> Awaitable[None]: ...


class OnDemand:
    """See the module. ``make`` runs in a thread: what it imports may take half a second."""

    def __init__(self, make: Callable[[], _Application]) -> None:
        self._make = make
        self._made: asyncio.Future[_Application] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._over = asyncio.Event()

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Its lifespan: what was made meanwhile ends with the block."""
        try:
            yield
        finally:
            self._over.set()
            if self._keeper is not None:
                await asyncio.gather(self._keeper, return_exceptions=True)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Answer a request. Raises what ``make`` raises, and tries again at the next one."""
        if self._made is None:
            self._made = asyncio.get_running_loop().create_future()
            self._keeper = asyncio.create_task(self._keep(self._made), name="on-demand")
        application = await asyncio.shield(self._made)
        await application(scope, receive, send)

    async def _keep(self, made: asyncio.Future[_Application]) -> None:
        """Hold the application's lifespan open; it is entered and left by this one task."""
        try:
            application = await asyncio.to_thread(self._make)
            async with application.run():
                made.set_result(application)
                await self._over.wait()
        except Exception as error:
            if made.done():
                raise
            self._made = None
            made.set_exception(error)

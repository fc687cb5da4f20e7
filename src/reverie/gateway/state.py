"""What a gateway process holds, opened in the lifespan and handed to the routes as one typed value."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from starlette.requests import HTTPConnection

from reverie.errors import ServiceUnavailable
from reverie.gateway.accept import Acceptor
from reverie.gateway.answers import AnswerCache
from reverie.gateway.auth import Auth
from reverie.gateway.body import SpooledBody
from reverie.gateway.frames import Frames
from reverie.gateway.gists import Gists
from reverie.gateway.hub import Hub
from reverie.gateway.intake import Intake, IntakeLimits, end_with_parent, take_in, take_in_file
from reverie.gateway.loopwatch import LoopWatch
from reverie.gateway.policy import Policies
from reverie.gateway.predict import Predictor
from reverie.gateway.together import Together
from reverie.queue import Dispatcher
from reverie.settings import Settings
from reverie.store import Codec, GatewayStore, TaskRow

if TYPE_CHECKING:
    from reverie.gateway.admission import Admission
    from reverie.gateway.sweeper import Sweeper
    from reverie.gateway.webhooks import WebhookSender

__all__ = ["INLINE_BYTES", "State", "Whole", "new_intake_pool", "state_of"]

Whole = Callable[[], Awaitable[Intake]]
"""Gives the whole of a submission whose gist did not suffice."""

INLINE_BYTES = 128 * 1024
"""Bodies up to this size are checked on the event loop (a few milliseconds), larger ones in another process."""

_PACKED_BYTES = 16 * 1024
"""Bodies above this size wait for the database packed, lest thousands of them take too much memory."""


def new_intake_pool() -> ProcessPoolExecutor:
    """One process that checks large bodies. It starts with the first of them."""
    # Spawned, not forked: this process has threads.
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=end_with_parent)


@dataclass(slots=True)
class State:
    """The gateway's resources."""

    settings: Settings
    store: GatewayStore
    codec: Codec
    auth: Auth
    hub: Hub
    frames: Frames
    acceptor: Acceptor
    answers: AnswerCache
    dispatcher: Dispatcher
    predictor: Predictor
    policies: Policies
    admission: Admission
    sweeper: Sweeper
    loop_watch: LoopWatch
    intake_pool: ProcessPoolExecutor
    webhooks: WebhookSender
    #: Looks for stored results of the same content, many in one query.
    looks: Together[tuple[str, bytes], tuple[TaskRow, bytes] | None]
    #: Whether content is in flight or done.
    known: Together[tuple[str, bytes], bool]
    gists: Gists = field(default_factory=Gists)
    #: Whether spans are sent somewhere.
    tracing: bool = False

    async def take_in(self, operation: str, body: bytes | SpooledBody) -> tuple[Intake, Whole | None]:
        """A submission; or its gist alone and what gives the whole of it. A spooled body is closed."""
        if isinstance(body, SpooledBody):
            return await self._check(operation, body), None
        name = self.gists.name(operation, body)
        gist = self.gists.get(name)
        if gist is not None:
            return gist, partial(self._check, operation, body)
        intake = await self._check(operation, body)
        self.gists.put(name, intake)
        return intake, None

    async def _check(self, operation: str, body: bytes | SpooledBody) -> Intake:
        """Check a body without holding up the event loop."""
        limits = IntakeLimits(self.settings.limits.memories, self.settings.limits.text_chars)
        if isinstance(body, bytes):
            if len(body) <= INLINE_BYTES:
                # Small ones are packed when they are stored, many at once.
                return take_in(operation, body, limits, pack=len(body) > _PACKED_BYTES)
            return await self._elsewhere(take_in, operation, body, limits)
        try:
            return await self._elsewhere(take_in_file, operation, body.path, limits)
        finally:
            body.close()

    async def _elsewhere(self, check: Callable[..., Intake], *arguments: Any) -> Intake:
        loop = asyncio.get_running_loop()
        pool = self.intake_pool
        try:
            return await loop.run_in_executor(pool, check, *arguments)
        except BrokenProcessPool:
            # Its process was killed, for lack of memory perhaps. Large bodies must not be refused for ever after.
            if self.intake_pool is pool:
                pool.shutdown(wait=False)
                self.intake_pool = new_intake_pool()
        try:
            return await loop.run_in_executor(self.intake_pool, check, *arguments)
        except BrokenProcessPool:
            raise ServiceUnavailable("The body could not be checked; send it again.", retry_after=2.0) from None


def state_of(connection: HTTPConnection) -> State:
    """The state of the application that serves this connection."""
    return cast(State, connection.app.state.reverie)

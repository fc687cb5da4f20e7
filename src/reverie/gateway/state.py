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

from reverie.aio.batcher import Batcher
from reverie.errors import ServiceUnavailable
from reverie.gateway.auth import Auth
from reverie.gateway.background.loop_watch import LoopWatch
from reverie.gateway.push.event_frames import EventFrames
from reverie.gateway.push.hub import Hub
from reverie.gateway.submissions.cloud_policy import CloudPolicies
from reverie.gateway.submissions.duration_estimate import DurationEstimator
from reverie.gateway.submissions.group_commit import GroupCommit
from reverie.gateway.submissions.parse import (
    Parsed,
    ParseLimits,
    end_with_parent,
    parse_submission,
    parse_submission_file,
)
from reverie.gateway.submissions.read_body import SpooledBody
from reverie.gateway.submissions.recent_bodies import RecentBodies
from reverie.gateway.submissions.result_cache import ResultCache
from reverie.queue import Dispatcher
from reverie.settings import Settings
from reverie.store import Codec, GatewayStore, TaskRow

if TYPE_CHECKING:
    from reverie.gateway.background.sweeper import Sweeper
    from reverie.gateway.push.webhooks import WebhookSender
    from reverie.gateway.submissions.admission import Admission

__all__ = ["INLINE_BYTES", "State", "Whole", "new_parse_pool", "state_of"]

Whole = Callable[[], Awaitable[Parsed]]
"""Gives the whole of a submission whose gist did not suffice."""

INLINE_BYTES = 128 * 1024
"""Bodies up to this size are checked on the event loop (a few milliseconds), larger ones in another process."""

_PACKED_BYTES = 16 * 1024
"""Bodies above this size wait for the database packed, lest thousands of them take too much memory."""


def new_parse_pool() -> ProcessPoolExecutor:
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
    event_frames: EventFrames
    group_commit: GroupCommit
    result_cache: ResultCache
    dispatcher: Dispatcher
    durations: DurationEstimator
    cloud_policies: CloudPolicies
    admission: Admission
    sweeper: Sweeper
    loop_watch: LoopWatch
    parse_pool: ProcessPoolExecutor
    webhooks: WebhookSender
    #: Looks for stored results of the same content, many in one query.
    stored_answers: Batcher[tuple[str, bytes], tuple[TaskRow, bytes] | None]
    #: Whether content is in flight or done.
    in_flight_or_done: Batcher[tuple[str, bytes], bool]
    recent_bodies: RecentBodies = field(default_factory=RecentBodies)
    #: Whether spans are sent somewhere.
    tracing: bool = False

    async def parse_submission(self, operation: str, body: bytes | SpooledBody) -> tuple[Parsed, Whole | None]:
        """A submission; or its gist alone and what gives the whole of it. A spooled body is closed."""
        if isinstance(body, SpooledBody):
            return await self._check(operation, body), None
        name = self.recent_bodies.name(operation, body)
        gist = self.recent_bodies.get(name)
        if gist is not None:
            return gist, partial(self._check, operation, body)
        intake = await self._check(operation, body)
        self.recent_bodies.put(name, intake)
        return intake, None

    async def _check(self, operation: str, body: bytes | SpooledBody) -> Parsed:
        """Check a body without holding up the event loop."""
        limits = ParseLimits(self.settings.limits.memories, self.settings.limits.text_chars)
        if isinstance(body, bytes):
            if len(body) <= INLINE_BYTES:
                # Small ones are packed when they are stored, many at once.
                return parse_submission(operation, body, limits, pack=len(body) > _PACKED_BYTES)
            return await self._elsewhere(parse_submission, operation, body, limits)
        try:
            return await self._elsewhere(parse_submission_file, operation, body.path, limits)
        finally:
            body.close()

    async def _elsewhere(self, check: Callable[..., Parsed], *arguments: Any) -> Parsed:
        loop = asyncio.get_running_loop()
        pool = self.parse_pool
        try:
            return await loop.run_in_executor(pool, check, *arguments)
        except BrokenProcessPool:
            # Its process was killed, for lack of memory perhaps. Large bodies must not be refused for ever after.
            if self.parse_pool is pool:
                pool.shutdown(wait=False)
                self.parse_pool = new_parse_pool()
        try:
            return await loop.run_in_executor(self.parse_pool, check, *arguments)
        except BrokenProcessPool:
            raise ServiceUnavailable("The body could not be checked; send it again.", retry_after=2.0) from None


def state_of(connection: HTTPConnection) -> State:
    """The state of the application that serves this connection."""
    return cast(State, connection.app.state.reverie)

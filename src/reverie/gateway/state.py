"""What a gateway process holds, opened in the lifespan and handed to the routes as one typed value."""

from __future__ import annotations

import asyncio
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from starlette.requests import HTTPConnection

from reverie.gateway.accept import Acceptor
from reverie.gateway.answers import AnswerCache
from reverie.gateway.auth import Auth
from reverie.gateway.hub import Hub
from reverie.gateway.intake import Intake, IntakeLimits, take_in
from reverie.gateway.predict import Predictor
from reverie.queue import Dispatcher
from reverie.settings import Settings
from reverie.store import Codec, GatewayStore

if TYPE_CHECKING:
    from reverie.gateway.admission import Admission
    from reverie.gateway.sweeper import Sweeper
    from reverie.gateway.webhooks import WebhookSender

__all__ = ["State", "state_of"]

_INLINE_BYTES = 128 * 1024
"""Bodies up to this size are checked on the event loop (a few milliseconds), larger ones in another process."""


@dataclass(slots=True)
class State:
    """The gateway's resources."""

    settings: Settings
    store: GatewayStore
    codec: Codec
    auth: Auth
    hub: Hub
    acceptor: Acceptor
    answers: AnswerCache
    dispatcher: Dispatcher
    predictor: Predictor
    admission: Admission
    sweeper: Sweeper
    intake_pool: ProcessPoolExecutor
    webhooks: WebhookSender

    async def take_in(self, operation: str, body: bytes) -> Intake:
        """Check a body without holding up the event loop."""
        limits = IntakeLimits(self.settings.limits.memories, self.settings.limits.text_chars)
        if len(body) <= _INLINE_BYTES:
            return take_in(operation, body, limits)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.intake_pool, take_in, operation, body, limits)


def state_of(connection: HTTPConnection) -> State:
    """The state of the application that serves this connection."""
    return cast(State, connection.app.state.reverie)

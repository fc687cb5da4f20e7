"""What routes ask for by type: the caller's key with the needed scope, and the state."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from reverie.errors import InvalidInput
from reverie.gateway.auth import bearer
from reverie.gateway.state import State, state_of
from reverie.store import Key

__all__ = ["Admin", "Eraser", "GatewayState", "Reader", "Submitter", "parse_prefer"]

# For the OpenAPI document only: checking is ours, so that errors are problems.
_scheme = HTTPBearer(auto_error=False, description="An API key, made with `reverie keys create`.")


def _scope(scope: str) -> Callable[..., Awaitable[Key]]:
    async def dependency(request: Request, _: Annotated[object, Depends(_scheme)]) -> Key:
        return await state_of(request).auth.check(bearer(request.headers.get("authorization")), scope)

    return dependency


def _state(request: Request) -> State:
    return state_of(request)


GatewayState = Annotated[State, Depends(_state)]
Submitter = Annotated[Key, Depends(_scope("submit"))]
Reader = Annotated[Key, Depends(_scope("read"))]
Eraser = Annotated[Key, Depends(_scope("erase"))]
Admin = Annotated[Key, Depends(_scope("admin"))]

_WAIT = re.compile(r'^wait\s*=\s*"?(\d{1,9}(?:\.\d{1,9})?)"?$')
_MOST_WAIT = 60.0


def parse_prefer(header: str) -> tuple[float | None, bool]:
    """``(seconds to wait, respond-async asked)`` of the Prefer header (RFC 7240): of one name the first counts."""
    wait: float | None = None
    asynchronous = False
    for part in header.split(","):
        name = part.partition(";")[0].strip().lower()
        if name == "respond-async":
            asynchronous = True
        elif wait is None and (match := _WAIT.match(name)):
            wait = min(float(match[1]), _MOST_WAIT)
    return wait, asynchronous


def parse_deadline(value: str | None) -> float | None:
    """Seconds the client will wait at most (``Reverie-Deadline``); afterwards queued work is dropped."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86_400:
        raise InvalidInput("Reverie-Deadline: seconds between 0 and 86400")
    return seconds

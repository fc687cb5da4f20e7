"""What routes ask for by type: the caller's key with the needed scope, and the state."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from fastapi.security import HTTPBearer
from pydantic import AfterValidator

from reverie.gateway.auth import bearer
from reverie.gateway.state import State, state_of
from reverie.store import Key

__all__ = ["Admin", "Eraser", "ForDocumentation", "GatewayState", "Reader", "Submitter", "TaskId", "Text", "Ticket"]

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
ForDocumentation = Annotated[object, Depends(_scheme)]
"""For a route that checks its key itself: the document says that it needs one."""


def _storable(value: str) -> str:
    if "\x00" in value:
        raise ValueError("must not contain NUL, which no text of the database can hold")
    return value


Text = Annotated[str, AfterValidator(_storable)]
"""A text of an address that the database is asked for."""
TaskId = Annotated[Text, Path(description="Id of a task.")]
Ticket = Annotated[str | None, Query(description="From `POST /tickets`, instead of the header Authorization.")]

"""``POST /users/{user_id}/memories`` from a request's head and body to the answer, for both callers that read them.

``SubmissionProtocol`` calls this from the socket, ``routes/memories.py`` the second half of it from the framework.
"""

from __future__ import annotations

import logging
import re

from pydantic import TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect

from reverie.errors import InvalidInput, ReverieError
from reverie.gateway.auth import bearer
from reverie.gateway.http.headers import rate_headers
from reverie.gateway.http.problems import item_errors, problem_response
from reverie.gateway.http.raw_paths import DecodedId
from reverie.gateway.http.responses import RawResponse
from reverie.gateway.state import State
from reverie.gateway.submissions.endpoint import ReadBody
from reverie.store import Key

__all__ = ["ADD_PATH", "add_memories", "answer_add"]

log = logging.getLogger(__name__)

ADD_PATH = re.compile(rb"(?:/v1)?/users/([^/?#]+)/memories")
"""The paths that are answered here, as they are sent; the group is the user's id, percent-encoded."""

_ids = TypeAdapter(DecodedId)


async def answer_add(
    state: State, user_id: str, path: str, headers: dict[str, str], read_body: ReadBody
) -> RawResponse:
    """The reply to one add; errors are problems. ``user_id`` is as it was sent.

    Raises ``ClientDisconnect`` when nobody is left to reply to.
    """
    try:
        key = await state.auth.check(bearer(headers.get("authorization")), "submit")
        return await add_memories(state, key, _checked(user_id), headers, read_body)
    except ReverieError as error:
        return RawResponse.of(problem_response(error, path))
    except ClientDisconnect:
        raise
    except Exception:
        log.exception("an add of memories failed")
        return RawResponse.of(problem_response(ReverieError(), path))


async def add_memories(
    state: State, key: Key, user_id: str, headers: dict[str, str], read_body: ReadBody
) -> RawResponse:
    """Add the memories of one body. Raises whatever refuses them."""
    limits = state.admission.spend_change(key)
    answer = await state.memories.add_body(state.parser.elsewhere, key, user_id, headers, await read_body())
    return RawResponse.json(200, answer, rate_headers(*limits))


def _checked(user_id: str) -> str:
    if user_id.isascii() and user_id.isalnum() and len(user_id) <= 64:  # most are; nothing is left to check
        return user_id
    try:
        return _ids.validate_python(user_id)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        for one in found:
            one["loc"] = ("path", "user_id")
        detail, items = item_errors(found)
        raise InvalidInput(detail, errors=items) from None

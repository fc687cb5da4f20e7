"""A context, ordered of a worker and waited for; the same question on the same memories is answered from the cache."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from reverie.contracts import Context, ContextQuery, ContextRequest
from reverie.errors import Conflict, ServiceUnavailable
from reverie.gateway.http.responses import split_task
from reverie.gateway.submissions.parse import Parsed, Summary
from reverie.gateway.submissions.submit import submit
from reverie.store import Key

if TYPE_CHECKING:
    from reverie.gateway.state import State

__all__ = ["answer_context"]


async def answer_context(state: State, key: Key, user_id: str, ask: ContextQuery, *, wait: float) -> bytes:
    """The contract's Context as JSON. A user of whom nothing is stored has an empty one.

    Raises ``ServiceUnavailable`` when it is not there after ``wait`` seconds: a retry joins the same work.
    """
    view = await state.context_views.get(key.tenant, user_id)
    if view is None:
        return _empty(ask)
    body = ContextRequest(user_id=user_id, ask=ask, view=view).model_dump_json(exclude_defaults=True).encode()
    summary = Summary(
        operation="context",
        user_id=user_id,
        content_hash=hashlib.blake2b(body, digest_size=32, person=b"context").digest(),
        model=None,
        callback_url=None,
        cloud=None,
        stored=True,
    )
    done = await submit(state, key, Parsed(summary, items=0, chars=0, body=body), wait=wait)
    _, result = split_task(done.body)
    if result is not None:
        return result
    if done.status == 200:
        raise Conflict("The context could not be made.")
    raise ServiceUnavailable("The context is not ready yet; the same request joins the work.", retry_after=1.0)


def _empty(ask: ContextQuery) -> bytes:
    nothing = Context(
        text="" if ask.format == "text" else None,
        messages=[] if ask.format == "messages" else None,
        sections=[] if ask.format == "json" else None,
        tokens=0,
        tokenizer=ask.tokenizer,
        used=[],
        left_out={"below_floor": 0, "repeats": 0, "superseded": 0, "over_budget": 0},
        notes=["nothing is stored for this user"],
    )
    return nothing.model_dump_json().encode()

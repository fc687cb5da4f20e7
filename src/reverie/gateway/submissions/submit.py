"""Accepting a task: cache, lane, row, publication. The order matters: the row is durable before the 202."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from reverie import _tracing
from reverie.aio.deadline import within
from reverie.contracts import TERMINAL, Lane, Operation
from reverie.errors import Conflict, InvalidInput, ServiceUnavailable, TooManyRequests, UnsupportedModel
from reverie.gateway.http.responses import TaskFacts, task_json, unpack
from reverie.gateway.push.hub import Subscription
from reverie.gateway.state import State, Whole
from reverie.gateway.submissions.parse import Parsed
from reverie.queue import queue_for
from reverie.store import CloudChoice, Key, NewTask, TaskRow

__all__ = ["Answer", "new_task_id", "submit", "wait_for_end"]

_DEADLINE = 0.75
"""Seconds until a submission is answered with 503 when it could not be confirmed, whatever holds it up."""

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _CROCKFORD for second in _CROCKFORD]


class IdempotencyMismatch(InvalidInput):
    """This idempotency key was used with another body."""

    slug = "idempotency-mismatch"


@dataclass(slots=True)
class Answer:
    """A submission's outcome: its task, the task's JSON, the HTTP status, and whether it was finished before."""

    facts: TaskFacts
    body: bytes
    status: int
    cached: bool = False


def new_task_id() -> str:
    """48 bits of time and 80 random bits (the ULID layout), so that ids sort by age."""
    value = (int(time.time() * 1000) << 80) | int.from_bytes(os.urandom(10))
    return "tsk_" + "".join([_PAIRS[(value >> shift) & 1023] for shift in range(120, -1, -10)])


async def submit(
    state: State,
    key: Key,
    gist: Parsed,
    *,
    whole: Whole | None,
    idempotency_key: str | None = None,
    wait: float = 0.0,
    deadline: float | None = None,
    trace: str | None = None,
) -> Answer:
    """Accept one task, or answer it at once. ``whole`` gives the submission where ``gist`` is no more than that.

    ``trace`` is a traceparent. Raises ``TooManyRequests``, ``ServiceUnavailable``, ``IdempotencyMismatch`` or
    ``UnsupportedModel``.
    """
    if gist.callback_url is not None:
        state.webhooks.policy.check_url(gist.callback_url)
    late = "The service did not confirm in time; a retry finds the task if it was stored all the same."
    accepted = await within(
        _DEADLINE,
        _accept(state, key, gist, whole, idempotency_key=idempotency_key, deadline=deadline, trace=trace),
        otherwise=late,
    )
    if isinstance(accepted, Answer):
        return accepted
    try:
        row = accepted
        if wait > 0 and not row.ended:
            row = await wait_for_end(state, row, wait) or row
        return await _answer(state, row)
    except ServiceUnavailable:
        # What is accepted is accepted: a database that goes away now must not make it look refused.
        return Answer(TaskFacts.of(accepted), task_json(accepted, None), 202)


async def _accept(
    state: State,
    key: Key,
    gist: Parsed,
    whole: Whole | None,
    *,
    idempotency_key: str | None,
    deadline: float | None,
    trace: str | None,
) -> Answer | TaskRow:
    """The stored row, new or found, or the answer that was there already."""
    choice = await state.cloud_policies.choose(key.tenant, gist.cloud)
    content = _content(state, gist, choice)
    body_hash = hashlib.blake2b(gist.operation.encode() + gist.content_hash, digest_size=16).digest()
    if idempotency_key is not None:
        if not 1 <= len(idempotency_key) <= 255 or not idempotency_key.isprintable():
            raise InvalidInput("Idempotency-Key: 1 to 255 printable characters")
        # Two questions, to two servers.
        replayed, (cached, vectors) = await asyncio.gather(
            _replay(state, key, idempotency_key, body_hash),
            _cached(state, key.tenant, gist.user_id, content, repeated=whole is not None),
        )
        if replayed is not None:
            return replayed
    else:
        cached, vectors = await _cached(state, key.tenant, gist.user_id, content, repeated=whole is not None)
    if cached is not None:
        if gist.callback_url is not None:
            await state.webhooks.webhooks.add(key.tenant, cached.facts.id, gist.callback_url)
            state.webhooks.wake()
        if idempotency_key is not None:
            await state.store.remember_idempotency(key.tenant, idempotency_key, body_hash, cached.facts.id)
        return cached
    try:
        await state.admission.admit(key.tenant)
    except (TooManyRequests, ServiceUnavailable):
        # What is in flight or done already makes no new work, however much waits.
        if not await state.in_flight_or_done.get((key.tenant, content)):
            raise
    intake = gist if whole is None else await whole()
    missing = 1.0
    if vectors and not choice.provider:
        missing = await state.result_cache.missing_share(
            key.tenant, intake.user_id, state.durations.vector_model, intake.sample
        )
    estimate = state.durations.predict(
        intake.operation, intake.items, intake.chars, missing=missing, provider=choice.provider
    )
    # Waiting for a provider must not hold up those in the fast lane.
    lane = Lane.CLOUD if choice.provider else state.durations.lane(intake.operation, estimate)
    new = NewTask(
        id=new_task_id(),
        tenant=key.tenant,
        user_id=intake.user_id,
        operation=intake.operation,
        lane=lane,
        queue=queue_for(intake.operation, lane),
        content_hash=content,
        items=intake.items,
        chars=intake.chars,
        body=state.codec.seal(intake.body) if intake.packed else intake.body,
        packed=intake.packed,
        estimate=estimate,
        callback=intake.callback_url,
        deadline=deadline,
        idempotency_key=idempotency_key,
        body_hash=body_hash,
        trace=_tracing.traceparent(trace),
    )
    submitted = await state.group_commit.submit(new)
    if submitted.conflict:
        raise IdempotencyMismatch
    if submitted.row is None:
        raise ServiceUnavailable("The submission met an erasure or a sweep; send it again.", retry_after=1.0)
    row = submitted.row
    if submitted.done:
        if intake.callback_url is not None:
            state.webhooks.wake()
        return await _done(state, row)
    if intake.callback_url is not None:
        state.webhooks.watch(row.id)
    if submitted.created:
        state.dispatcher.put(row.id, row.queue)
        state.hub.publish(row)
    return row


def _content(state: State, gist: Parsed, choice: CloudChoice) -> bytes:
    """The exact cache's key: content, user and whatever else decides the result."""
    embedding = state.settings.embedding
    if gist.model is not None and gist.model != embedding.model and choice.provider is None:
        raise UnsupportedModel(
            f"options.model: {gist.model[:80]!r} is not served here; this service runs {embedding.model!r}",
            errors=[{"item": "options.model", "message": f"only {embedding.model!r} is served here"}],
        )
    parts = [embedding.embedder, embedding.model, embedding.precision, gist.content_hash.hex()]
    if choice.provider is not None:
        # Once policy takes another turn, an answer of the old one no longer counts.
        parts.append(choice.provider)
    if gist.operation in (Operation.ANALYZE, Operation.RECALL):
        # Without an explicit `now` these depend on the day: yesterday's answer is not today's.
        parts.append(datetime.now(UTC).date().isoformat())
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=32).digest()


async def _replay(state: State, key: Key, idempotency_key: str, body_hash: bytes) -> Answer | None:
    known = await state.store.idempotent(key.tenant, idempotency_key)
    if known is None:
        return None
    if known[1] != body_hash:
        raise IdempotencyMismatch
    found = await state.store.task_with_result(key.tenant, known[0])
    if found is None:
        raise Conflict("The task of this idempotency key was erased.")
    return await _answer(state, found[0], found[1])


async def _cached(
    state: State, tenant: str, user_id: str, content: bytes, *, repeated: bool
) -> tuple[Answer | None, bool]:
    """The finished answer of the same content, and whether any vectors of the user are at hand.

    PostgreSQL is asked only for bodies that came here before: of all others the insertion finds out.
    """
    encoded, vectors = await state.result_cache.get(tenant, user_id, content)
    if encoded is not None:
        head_size = int.from_bytes(encoded[:4])
        head = orjson.loads(encoded[4 : 4 + head_size])
        body = await unpack(state.codec, encoded[4 + head_size :])
        return Answer(TaskFacts(head["id"], head["etag"]), body, 200, cached=True), vectors
    found = await state.stored_answers.get((tenant, content)) if repeated else None
    return (await _done(state, *found) if found is not None else None), vectors


async def _done(state: State, row: TaskRow, stored: bytes | None = None) -> Answer:
    """The answer that was there before, to be at hand from now on."""
    stored = stored or await state.store.result(row.id)
    if stored is None:
        raise ServiceUnavailable("The answer was erased this instant; send it again.", retry_after=1.0)
    body = task_json(row, await unpack(state.codec, stored), cached=True)
    # Whoever asks first need not wait until it is at hand for others.
    state.result_cache.later(_keep(state, row, body))
    return Answer(TaskFacts.of(row), body, 200, cached=True)


async def _keep(state: State, row: TaskRow, body: bytes) -> None:
    facts = TaskFacts.of(row)
    head = orjson.dumps({"id": facts.id, "etag": facts.etag})
    packed = len(head).to_bytes(4) + head + await asyncio.to_thread(state.codec.encode, body)
    accepted_ms = int(row.created_at.timestamp() * 1000)
    await state.result_cache.put(row.tenant, row.user_id, row.content_hash, accepted_ms, packed)


async def _answer(state: State, row: TaskRow, stored: bytes | None = None) -> Answer:
    if row.status == "succeeded":
        stored = stored or await state.store.result(row.id)
        return Answer(TaskFacts.of(row), task_json(row, await unpack(state.codec, stored) if stored else None), 200)
    return Answer(TaskFacts.of(row), task_json(row, None), 200 if row.ended else 202)


async def wait_for_end(state: State, row: TaskRow, seconds: float) -> TaskRow | None:
    """The task's row once it has ended, None when it has not within ``seconds``."""
    subscription = Subscription(row.tenant, row.id)
    with state.hub.subscribe(subscription):
        present = await state.store.task(row.tenant, row.id)
        if present is None or present.ended:
            return present
        try:
            async with asyncio.timeout(seconds):
                while True:
                    event = await subscription.events.get()
                    if event is None or event["type"] in TERMINAL:
                        break
        except TimeoutError:
            return None
    return await state.store.task(row.tenant, row.id)

"""Accepting a task: replay, cache, admission, estimate, storing, announcing. The row is durable before the 202."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import orjson

from reverie import _tracing
from reverie._ids import new_task_id
from reverie._models import accepted, listed
from reverie._release import release
from reverie.aio.deadline import within
from reverie.contracts import OPERATIONS, TERMINAL, Lane
from reverie.errors import (
    Conflict,
    IdempotencyMismatch,
    InvalidInput,
    ServiceUnavailable,
    TooManyRequests,
    UnsupportedModel,
)
from reverie.gateway.http.responses import TaskFacts, opened_result, task_json
from reverie.gateway.push.hub import Subscription
from reverie.gateway.state import State
from reverie.gateway.submissions.parse import Known, Parsed, Summary
from reverie.queue import queue_for
from reverie.store import CloudChoice, Key, NewTask, Submitted, TaskRow, places
from reverie.store.memory_rows import Person
from reverie.store.rows import PLAIN_CONTRACT, TASK_CONTRACT

__all__ = ["Outcome", "submit", "wait_for_end"]

_DEADLINE = 0.75
"""Seconds until a submission is answered with 503 when it could not be confirmed, whatever holds it up."""


@dataclass(slots=True)
class Outcome:
    """A submission's outcome: its task, the task's JSON, the HTTP status, and whether it was finished before."""

    facts: TaskFacts
    body: bytes
    status: int
    cached: bool = False


async def submit(
    state: State,
    key: Key,
    submission: Parsed | Known,
    *,
    idempotency_key: str | None = None,
    wait: float = 0.0,
    deadline: float | None = None,
    trace: str | None = None,
) -> Outcome:
    """Accept one task, or answer it at once.

    ``wait``: seconds to wait for the task's end. ``deadline``: seconds after which queued work is dropped. ``trace``: a
    traceparent. Raises ``TooManyRequests``, ``ServiceUnavailable``, ``IdempotencyMismatch`` or ``UnsupportedModel``.
    """
    callback_url = submission.summary.callback_url
    if callback_url is not None:
        state.webhooks.policy.check_url(callback_url)
    late = "The service did not confirm in time; a retry finds the task if it was stored all the same."
    accepted = await within(
        _DEADLINE, _take(state, key, submission, idempotency_key, deadline=deadline, trace=trace), otherwise=late
    )
    if isinstance(accepted, Outcome):
        return accepted
    try:
        row, stored = accepted, None
        if wait > 0 and not row.ended:
            row, stored = await wait_for_end(state, row, wait) or (row, None)
        return await _outcome(state, row, stored)
    except ServiceUnavailable:
        # What is accepted is accepted: a database that goes away now must not make it look refused.
        return Outcome(TaskFacts.of(accepted), task_json(accepted, None), 202)


async def _take(
    state: State,
    key: Key,
    submission: Parsed | Known,
    idempotency_key: str | None,
    *,
    deadline: float | None,
    trace: str | None,
) -> Outcome | TaskRow:
    """The row of the task, new or joined, or the outcome of one that was finished before.

    The steps, in their order: replay, cached, admit, estimate, store, announce.
    """
    summary = submission.summary
    choice = await state.cloud_policies.choose(key.tenant, summary.cloud)
    person = await _person(state, key.tenant, summary) if summary.stored else None
    content = _content_key(state, summary, choice, person, await state.precision())
    repeat = _Repeat.of(idempotency_key, summary)
    known_body = isinstance(submission, Known)
    look = _cached(state, key.tenant, summary.user_id, content, known_body=known_body)
    if repeat is None:  # by far the most; waiting for one question needs no task of its own
        cached, vectors = await look
    else:
        # Two questions, to two servers.
        replayed, (cached, vectors) = await asyncio.gather(_replay(state, key, repeat), look)
        if replayed is not None:
            return replayed
    if cached is not None:
        await _remember(state, key, cached.facts.id, summary, repeat)
        return cached
    await _admit(state, key, content)
    parsed = await submission.parse() if isinstance(submission, Known) else submission
    if person is not None:
        parsed = replace(parsed, items=person.memories, chars=person.chars)
    estimate, lane = await _estimate(state, key.tenant, parsed, choice, person, vectors=vectors)
    new = NewTask(
        id=new_task_id(),
        tenant=key.tenant,
        user_id=summary.user_id,
        operation=summary.operation,
        lane=lane,
        queue=queue_for(summary.operation, lane),
        content_hash=content,
        items=parsed.items,
        chars=parsed.chars,
        body=parsed.body,
        estimate=estimate,
        callback=summary.callback_url,
        deadline=deadline,
        idempotency_key=idempotency_key,
        body_hash=repeat.body_hash if repeat else b"",
        trace=_tracing.traceparent(trace),
        contract=PLAIN_CONTRACT if person is None else TASK_CONTRACT,
    )
    return await _announce(state, new, await _store(state, new))


@dataclass(frozen=True, slots=True)
class _Repeat:
    """An idempotency key, and the hash of the submission that it was sent with."""

    key: str
    body_hash: bytes

    @classmethod
    def of(cls, key: str | None, summary: Summary) -> _Repeat | None:
        """None without a key. Raises ``InvalidInput`` for one that cannot be kept."""
        if key is None:
            return None
        if not 1 <= len(key) <= 255 or not key.isprintable():
            raise InvalidInput("Idempotency-Key: 1 to 255 printable characters")
        return cls(key, hashlib.blake2b(summary.operation.encode() + summary.content_hash, digest_size=16).digest())


async def _replay(state: State, key: Key, repeat: _Repeat) -> Outcome | None:
    """The outcome that this idempotency key stands for already."""
    known = await state.store.idempotent(key.tenant, repeat.key)
    if known is None:
        return None
    if known[1] != repeat.body_hash:
        raise IdempotencyMismatch
    found = await state.store.task_with_result(key.tenant, known[0])
    if found is None:
        raise Conflict("The task of this idempotency key was erased.")
    return await _outcome(state, found[0], found[1])


async def _remember(state: State, key: Key, task_id: str, summary: Summary, repeat: _Repeat | None) -> None:
    """Keep a submission's webhook and idempotency key with the task that answered it."""
    if summary.callback_url is not None:
        await state.webhooks.webhooks.add(key.tenant, task_id, summary.callback_url)
        state.webhooks.wake()
    if repeat is not None:
        await state.store.remember_idempotency(key.tenant, summary.user_id, repeat.key, repeat.body_hash, task_id)


async def _admit(state: State, key: Key, content: bytes) -> None:
    """Raises ``TooManyRequests`` or ``ServiceUnavailable`` where a limit leaves no room for new work."""
    try:
        await state.admission.admit(key.tenant)
    except (TooManyRequests, ServiceUnavailable):
        # What is in flight or done already makes no new work, however much waits.
        if not await state.in_flight_or_done.get((key.tenant, content)):
            raise


async def _estimate(
    state: State, tenant: str, parsed: Parsed, choice: CloudChoice, person: Person | None, *, vectors: bool
) -> tuple[float, Lane]:
    """Predicted seconds, and the lane. ``vectors``: whether any of the user's vectors are cached."""
    summary, durations, provider = parsed.summary, state.durations, choice.provider
    missing = 1.0
    if person is not None:
        # What an upkeep or a question has seen has its vectors.
        missing = durations.missing_share(person)
    elif vectors and not provider:
        model = durations.vector_model
        missing = await state.result_cache.missing_share(tenant, summary.user_id, model, parsed.sample)
    estimate = durations.predict(summary.operation, parsed.items, parsed.chars, missing=missing, provider=provider)
    # Waiting for a provider must not hold up those in the fast lane.
    return estimate, Lane.CLOUD if provider else durations.lane(summary.operation, estimate)


async def _person(state: State, tenant: str, summary: Summary) -> Person:
    """Whose stored memories are meant, and which version of them. Raises ``InvalidInput`` when there are none."""
    row = await state.store.row("get_person", tenant=tenant, user_id=summary.user_id)
    if row is None:
        message = "Field required: nothing is stored for this user"
        raise InvalidInput.at("memories", message)
    return Person.of(row)


async def _store(state: State, new: NewTask) -> Submitted:
    """Commit the row, or find the one that it joins. Raises ``IdempotencyMismatch``."""
    submitted = await state.group_commit.submit(new)
    if submitted.conflict:
        raise IdempotencyMismatch
    return submitted


async def _announce(state: State, new: NewTask, submitted: Submitted) -> Outcome | TaskRow:
    """Tell workers, subscribers and webhooks of the row. Raises ``ServiceUnavailable`` where it is gone already."""
    row = submitted.row
    if row is None:
        raise ServiceUnavailable("The submission met an erasure or a sweep; send it again.", retry_after=1.0)
    if submitted.done:
        if new.callback is not None:
            state.webhooks.wake()
        return await _stored_outcome(state, row)
    if new.callback is not None:
        state.webhooks.watch(row.id)
    if submitted.created:
        state.dispatcher.put(row.id, row.queue)
        state.hub.publish(row)
    return row


def _content_key(state: State, summary: Summary, choice: CloudChoice, person: Person | None, precision: str) -> bytes:
    """The key of the result in the cache: the content and whatever else decides it. Raises ``UnsupportedModel``."""
    embedding = state.settings.embedding
    if (
        summary.model is not None
        and choice.provider is None
        and summary.model not in accepted(embedding.model, embedding.embedder)
    ):
        names = " and ".join(map(repr, listed(embedding.model, embedding.embedder)))
        raise UnsupportedModel(
            f"options.model: {summary.model[:80]!r} is not served here; this service runs {names}",
            errors=[{"item": "options.model", "message": f"only {names} is served here"}],
        )
    # The release too: a newer one may name and group otherwise.
    parts = [release(), embedding.embedder, embedding.model, precision, summary.content_hash.hex()]
    if state.settings.clustering.steps != "own":
        parts.append(f"steps {state.settings.clustering.steps}")
    if person is not None:
        parts.append(f"{person.id} at {person.version}")
    if choice.provider is not None:
        # Once policy takes another turn, an answer of the old one no longer counts.
        parts.append(choice.provider)
    if OPERATIONS[summary.operation].depends_on_day:
        # Without an explicit `now` these depend on the day: yesterday's answer is not today's.
        parts.append(datetime.now(UTC).date().isoformat())
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=32).digest()


async def _cached(
    state: State, tenant: str, user_id: str, content: bytes, *, known_body: bool
) -> tuple[Outcome | None, bool]:
    """The finished answer of the same content, and whether any vectors of the user are cached.

    PostgreSQL is asked only for bodies that came here before: of all others the insertion finds out.
    """
    encoded, vectors = await state.result_cache.get(tenant, user_id, content)
    if encoded is not None:
        head_size = int.from_bytes(encoded[:4])
        head = orjson.loads(encoded[4 : 4 + head_size])
        place = places.cached_answer(tenant, user_id, content)
        body = await state.store.load(encoded[4 + head_size :], place)
        return Outcome(TaskFacts(head["id"], head["etag"]), body, 200, cached=True), vectors
    found = await state.stored_answers.get((tenant, content)) if known_body else None
    return (await _stored_outcome(state, *found) if found is not None else None), vectors


async def _stored_outcome(state: State, row: TaskRow, stored: bytes | None = None) -> Outcome:
    """An answer that was stored before; it is cached from now on."""
    stored = stored or await state.store.result(row.id)
    if stored is None:
        raise ServiceUnavailable("The answer was erased this instant; send it again.", retry_after=1.0)
    body = task_json(row, await opened_result(state.store, row, stored) or b"null", cached=True)
    # The first caller does not wait until the answer is cached for others.
    state.result_cache.later(_keep(state, row, body))
    return Outcome(TaskFacts.of(row), body, 200, cached=True)


async def _keep(state: State, row: TaskRow, body: bytes) -> None:
    """Cache a finished answer."""
    facts = TaskFacts.of(row)
    head = orjson.dumps({"id": facts.id, "etag": facts.etag})
    place = places.cached_answer(row.tenant, row.user_id, row.content_hash)
    packed = len(head).to_bytes(4) + head + await state.store.save(body, place)
    accepted_ms = int(row.created_at.timestamp() * 1000)
    await state.result_cache.put(row.tenant, row.user_id, row.content_hash, accepted_ms, packed)


async def _outcome(state: State, row: TaskRow, stored: bytes | None = None) -> Outcome:
    """The outcome of a row. ``stored``: its result, where that was read already."""
    if row.status == "succeeded":
        stored = stored or await state.store.result(row.id)
        return Outcome(TaskFacts.of(row), task_json(row, await opened_result(state.store, row, stored)), 200)
    return Outcome(TaskFacts.of(row), task_json(row, None), 200 if row.ended else 202)


async def wait_for_end(state: State, row: TaskRow, seconds: float) -> tuple[TaskRow, bytes | None] | None:
    """A task's row and its stored result once it has ended; None when it has not within ``seconds``."""
    subscription = Subscription(row.tenant, row.id)
    with state.hub.subscribe(subscription):
        present = await state.store.task_with_result(row.tenant, row.id)
        if present is None or present[0].ended:
            return present
        try:
            async with asyncio.timeout(seconds):
                while True:
                    event = await subscription.events.get()
                    if event is None or event["type"] in TERMINAL:
                        break
        except TimeoutError:
            return None
    return await state.store.task_with_result(row.tenant, row.id)

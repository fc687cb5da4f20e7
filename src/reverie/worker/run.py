"""Claim, work, commit: the life of one message."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict
from typing import Any

import psycopg

from reverie import _tracing
from reverie.errors import LeaseLost, OutOfMemory, ReverieError
from reverie.store import TaskRow, is_outage
from reverie.worker.attempt import Attempt, TryAgain
from reverie.worker.operations import RUNNERS
from reverie.worker.outcome import Outcome
from reverie.worker.remote import remote_choice, run_remote
from reverie.worker.resources import Bill
from reverie.worker.runtime import Runtime

__all__ = ["problem_of", "run_next"]

log = logging.getLogger(__name__)


def run_next(runtime: Runtime, queue: str, *, overdue: float = 0.0, most: float | None = None) -> str | None:
    """Run the next task of ``queue``; returns its id, or None when nothing waited.

    A message is a wake-up: which task runs is decided by the database, tenants in turn. With ``overdue``, only a task
    counts that has been waiting for its message for that many seconds; with ``most``, only one that is predicted to
    take no longer (seconds).
    """
    lease = runtime.settings.queue.lease_seconds
    row = runtime.store.claim(queue, runtime.name, lease, overdue=overdue, most=most)
    if row is None:
        return None
    if not runtime.tracing:
        _run(runtime, row)
        return row.id
    parent = runtime.store.trace(row.id)
    attributes = {"task_id": row.id, "attempt": row.attempts, "lane": row.lane, "items": row.items}
    with _tracing.span(f"run {row.operation}", "consumer", parent=parent, **attributes):
        _run(runtime, row)
    return row.id


def _run(runtime: Runtime, row: TaskRow) -> None:
    attempt = Attempt(
        row,
        heartbeat_store=runtime.heartbeat_store,
        events=runtime.events,
        settings=runtime.settings.queue,
        drain_at=runtime.drain_at,
        board=runtime.board,
    )
    runtime.bill = Bill()
    started = time.process_time()
    try:
        # The lease is renewed until the last write is through, however long a database that is away makes that.
        with attempt:
            try:
                outcome = _work(runtime, row, attempt)
            except (LeaseLost, psycopg.Error):
                raise
            except TryAgain:
                attempt.settle()
                _again(runtime, row)
            except Exception as error:
                attempt.settle()
                _fail(runtime, row, error, (time.process_time() - started) * 1000)
            else:
                attempt.settle()
                _finish(runtime, row, outcome, (time.process_time() - started) * 1000)
    except LeaseLost:
        log.info("task %s stopped: %s", row.id, attempt.stopped or "lost")
    except psycopg.Error as error:
        _hand_back(runtime, row, error)


def _hand_back(runtime: Runtime, row: TaskRow, error: psycopg.Error) -> None:
    """The database failed for longer than a store waits. Raises the error again when nothing can be written."""
    if not is_outage(error):
        _fail(runtime, row, error, 0.0)
        return
    log.warning("task %s is handed back: %s", row.id, type(error).__name__)
    _again(runtime, row)


def _again(runtime: Runtime, row: TaskRow) -> None:
    if (released := runtime.store.release(row)) is not None:
        runtime.events.publish(released)


def _work(runtime: Runtime, row: TaskRow, attempt: Attempt) -> Outcome:
    payload = runtime.store.payload(row.tenant, row.id)
    if payload is None:
        raise LeaseLost("the task was erased")
    choice = remote_choice(runtime, row, payload)
    if choice is not None:
        return run_remote(runtime, row, payload, choice, attempt.progress)
    return RUNNERS[row.operation](runtime, row, payload, attempt.progress)


def _finish(runtime: Runtime, row: TaskRow, outcome: Outcome, compute_ms: float) -> None:
    cost = {"tokens": 0, "cached_tokens": 0, **outcome.cost, "compute_ms": compute_ms}
    cost |= {"usd": runtime.bill.usd, "provider": runtime.bill.provider}
    cost["stand_in"] = runtime.bill.stand_in
    write = outcome.also
    also = None if write is None else lambda connection: write(connection, compute_ms / 1000)
    try:
        done = runtime.store.finish(
            row,
            outcome.body,
            cost=cost,
            lane=row.lane,
            themes=outcome.themes,
            also=also,
        )
    except LeaseLost:
        log.info("task %s finished too late; its result is dropped", row.id)
        return
    except TryAgain:
        _again(runtime, row)
        return
    if outcome.then is not None:
        outcome.then()
    runtime.events.publish(done)


def _fail(runtime: Runtime, row: TaskRow, error: Exception, compute_ms: float) -> None:
    problem = problem_of(error)
    _tracing.failed(type(error).__name__)
    # Types and places only: a message may quote a memory, and logs must not.
    log.error("task %s failed: %s", row.id, type(error).__name__, exc_info=not isinstance(error, ReverieError))
    try:
        runtime.events.publish(runtime.store.fail(row, problem, compute_ms=compute_ms, cost=asdict(runtime.bill)))
    except LeaseLost:
        log.info("task %s failed too late; nothing is written", row.id)


def problem_of(error: Exception) -> dict[str, Any]:
    """The problem document of a failed task; unexpected errors tell their type, never their message."""
    if isinstance(error, ReverieError):
        return error.problem()
    if isinstance(error, MemoryError):
        return OutOfMemory("Send fewer or shorter memories, or give the worker more memory.").problem()
    return ReverieError(f"The worker met an unexpected {type(error).__name__}; its log has the details.").problem()

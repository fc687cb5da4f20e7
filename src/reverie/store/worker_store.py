"""The worker's side of the store: synchronous, fenced by the attempt's token on every write."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from reverie.errors import LeaseLost
from reverie.store import places
from reverie.store.cloud import TenantPolicy
from reverie.store.codec import Codec, Place
from reverie.store.rows import TASK_CONTRACT, ClaimedTask, TaskRow
from reverie.store.sql import sql

__all__ = ["UserModel", "WorkerStore", "is_outage"]

_Connection = psycopg.Connection[dict[str, Any]]
T = TypeVar("T")
log = logging.getLogger(__name__)


def is_outage(error: psycopg.Error) -> bool:
    """Whether the server, and not the task, is to blame: unreachable, shutting down, out of disk or of connections."""
    state = error.sqlstate
    if state is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return state.startswith(("08", "53", "57P"))


@dataclass(frozen=True, slots=True)
class UserModel:
    """The model of one user."""

    model: str
    #: Set by a person.
    pinned: bool
    #: Whether the user's texts were embedded by it already, or soon will be.
    moved: bool


class WorkerStore:
    """One connection, reopened when it breaks. Not thread-safe: the heartbeat thread has its own store.

    ``codec`` says how values are stored; without one they are not encrypted.
    """

    def __init__(self, database_url: str, codec: Codec | None = None, *, statement_timeout: float = 60.0) -> None:
        self.codec = codec or Codec()
        self._url = database_url
        self._options = f"-c statement_timeout={int(statement_timeout * 1000)}"
        self._connection: _Connection | None = None

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> _Connection:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._url,
                autocommit=True,
                row_factory=dict_row,
                connect_timeout=5,
                tcp_user_timeout=10_000,
                keepalives_idle=10,
                options=self._options,
            )
        return self._connection

    def run(self, work: Callable[[_Connection], T], *, patience: float = 30.0) -> T:
        """Run ``work`` with a connection, again on a new one while the server is away for less than ``patience`` s."""
        end = time.monotonic() + patience
        wait = 0.1
        while True:
            try:
                return work(self._open())
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                self.close()
                if time.monotonic() + wait > end:
                    raise
                log.warning("database not usable, trying again: %s", type(error).__name__)
                time.sleep(wait)
                wait = min(wait * 2, 2.0)

    def rows(self, query: str, patience: float = 30.0, /, **values: Any) -> list[dict[str, Any]]:
        """What the query of this name finds; tried for ``patience`` seconds."""
        return self.run(lambda c: c.execute(sql(query), values).fetchall(), patience=patience)

    def row(self, query: str, patience: float = 30.0, /, **values: Any) -> dict[str, Any] | None:
        """The first row of it."""
        return self.run(lambda c: c.execute(sql(query), values).fetchone(), patience=patience)

    def fenced(self, task: ClaimedTask, work: Callable[[_Connection], T], *, person: int | None = None) -> T | None:
        """Run ``work`` in a transaction; None, and nothing done, when the attempt no longer owns its task.

        With ``person`` also when that person was erased. Both rows are held until the transaction ends.
        """

        def held(connection: _Connection) -> T | None:
            with connection.transaction():
                if connection.execute(sql("hold_task"), {"id": task.id, "token": task.token}).fetchone() is None:
                    return None
                known = person is None or connection.execute(sql("hold_person"), {"person": person}).fetchone()
                return work(connection) if known else None

        return self.run(held)

    # -- the attempt -----------------------------------------------------------------------------

    def claim(
        self, queue: str, worker: str, lease: float, *, overdue: float = 0.0, most: float | None = None
    ) -> TaskRow | None:
        """Take the next task of a queue, tenants in turn; None when nothing waits.

        With ``overdue`` only tasks count whose message is that many seconds old, and so may be lost; with ``most``
        those that are predicted to take no longer (seconds).
        """

        def work(connection: _Connection) -> TaskRow | None:
            for turn in connection.execute(sql("waiting_tenants"), {"queue": queue}).fetchall():
                who = {"queue": queue, "tenant": turn["tenant"], "worker": worker, "lease": lease, "overdue": overdue}
                more = {"contract": TASK_CONTRACT, "most": most}
                row = connection.execute(sql("claim_task"), {**who, **more}).fetchone()
                if row is not None:
                    return TaskRow.of(row)
            return None

        return self.run(work)

    def load(self, stored: bytes, place: Place) -> bytes:
        """A stored value. Raises what ``Codec.load`` does."""
        return self.codec.load(bytes(stored), place)

    def save(self, plain: bytes, place: Place) -> bytes:
        """A value as it is stored."""
        return self.codec.save(plain, place)

    def payload(self, tenant: str, task_id: str) -> bytes | None:
        """A task's request; None when the task was erased."""
        row = self.row("get_payload", id=task_id)
        return self.load(row["body"], places.payload(tenant, task_id)) if row else None

    def trace(self, task_id: str) -> str | None:
        """The traceparent of a task's submission."""
        row = self.row("get_trace", id=task_id)
        return row["trace"] if row else None

    def result(self, tenant: str, task_id: str) -> bytes | None:
        """A task's result (for charts)."""
        row = self.row("get_result", id=task_id)
        return self.load(row["body"], places.result(tenant, task_id)) if row else None

    def heartbeat(self, task: TaskRow, lease: float, seq: int, progress: tuple[str, int, int, float]) -> bool:
        """Renew the lease and store the progress; False when the attempt no longer owns the task."""
        stage, done, total, fraction = progress
        parameters = {
            "id": task.id,
            "token": task.token,
            "lease": lease,
            "seq": seq,
            "stage": stage,
            "done": done,
            "total": total,
            "fraction": fraction,
        }
        return self.row("heartbeat", 0.0, **parameters) is not None

    def renew(self, task_id: str, token: int, lease: float) -> bool:
        """Renew the lease alone; False when the attempt no longer owns the task."""
        parameters = {"id": task_id, "token": token, "lease": lease}
        return self.row("renew_lease", 0.0, **parameters) is not None

    def deadline_left(self, task: TaskRow) -> float | None:
        """Seconds until the task's deadline as it is now; None without one, or when the attempt lost the task."""
        parameters = {"id": task.id, "token": task.token}
        row = self.row("deadline_left", 0.0, **parameters)
        return row["seconds"] if row else None

    def finish(
        self,
        task: TaskRow,
        body: bytes,
        *,
        cost: dict[str, Any],
        lane: str,
        themes: tuple[str, bytes, int] | None = None,
        also: Callable[[psycopg.Connection[dict[str, Any]]], None] | None = None,
    ) -> TaskRow:
        """Write result, themes and final state in one transaction.

        Both are sealed here.
        ``themes`` is ``(model key, body, count)``; ``also`` writes what else belongs to it, and may raise to refuse.
        Raises ``LeaseLost`` when another attempt, a cancellation or an erasure came first; then nothing was written.
        """

        known = {"provider": None, "vector_model": None, "stand_in": False, **cost}
        parameters = {**known, "id": task.id, "token": task.token, "lane": lane}
        parameters["body"] = self.save(body, places.result(task.tenant, task.id))
        alone = themes is None and also is None
        carried: dict[str, Any] | None = None
        if themes is not None:
            model, states, count = themes
            who = {"tenant": task.tenant, "user_id": task.user_id, "model": model}
            carried = {**who, "body": self.save(states, places.themes(**who)), "count": count, "task_id": task.id}

        def work(connection: _Connection) -> TaskRow:
            # One statement is a transaction of its own, without the round trips of one.
            with contextlib.nullcontext() if alone else connection.transaction():
                row = connection.execute(sql("finish_task"), parameters).fetchone()
                if row is None:
                    if again := self._already_finished(connection, task):
                        return again
                    raise LeaseLost
                if carried is not None:
                    connection.execute(sql("put_themes"), carried)
                if also is not None:
                    also(connection)
                return TaskRow.of(row)

        return self.run(work, patience=60.0)

    @staticmethod
    def _already_finished(connection: _Connection, task: TaskRow) -> TaskRow | None:
        # The connection may break after the commit and before its answer: then this attempt did finish.
        row = connection.execute(sql("get_task"), {"id": task.id, "tenant": task.tenant}).fetchone()
        if row is not None and row["token"] == task.token and row["status"] == "succeeded":
            return TaskRow.of(row)
        return None

    def fail(
        self,
        task: TaskRow,
        error: dict[str, Any],
        *,
        dead: bool = False,
        compute_ms: float = 0.0,
        cost: dict[str, Any] | None = None,
    ) -> TaskRow:
        """End the task without a result. Raises ``LeaseLost`` when the attempt no longer owns it."""
        spent = {"tokens": 0, "usd": 0.0, "provider": None, **(cost or {}), "compute_ms": compute_ms}
        parameters = {**spent, "id": task.id, "token": task.token, "error": Jsonb(error), "dead": dead}
        row = self.row("fail_task", 60.0, **parameters)
        if row is None:
            raise LeaseLost
        return TaskRow.of(row)

    def release(self, task: TaskRow) -> TaskRow | None:
        """Hand the task back on a graceful stop; None when it was no longer ours."""
        row = self.row("release_task", 5.0, id=task.id, token=task.token)
        return TaskRow.of(row) if row else None

    # -- the cloud ---------------------------------------------------------------------------------

    def cloud_policy(self, tenant: str) -> TenantPolicy | None:
        """What a tenant allows of the cloud, now."""
        row = self.row("get_cloud_policy", tenant=tenant)
        return TenantPolicy.of(row) if row else None

    def hold_cloud_usd(self, tenant: str, usd: float, ceiling: float | None) -> date | None:
        """Count ``usd`` as spent today; the day it counts for, None when the ceiling does not cover it."""
        parameters = {"tenant": tenant, "usd": usd, "ceiling": ceiling}
        row = self.row("hold_cloud_usd", 10.0, **parameters)
        return row["day"] if row else None

    def settle_cloud_usd(self, tenant: str, day: date, *, change: float, tokens: int) -> None:
        """Correct what was held by what was charged."""
        parameters = {"tenant": tenant, "day": day, "change": change, "tokens": tokens}
        self.run(lambda c: c.execute(sql("settle_cloud_usd"), parameters), patience=10.0)

    def record_cloud(self, task: ClaimedTask, provider: str) -> None:
        """Note, before they go, to whom the task's texts go."""
        parameters = {"id": task.id, "token": task.token, "provider": provider}
        self.run(lambda c: c.execute(sql("record_cloud"), parameters), patience=10.0)

    # -- vectors and themes ------------------------------------------------------------------------

    def vectors(self, task: ClaimedTask, model: str, keys: Sequence[bytes]) -> dict[bytes, tuple[bytes, int]]:
        """Stored vectors of the task's user: ``{text key: (float32 bytes, tokens)}``."""
        parameters = {"tenant": task.tenant, "user_id": task.user_id, "model": model, "keys": list(keys)}

        def work(connection: _Connection) -> dict[bytes, tuple[bytes, int]]:
            # Binary, since half of a text answer would be spent on hexadecimal digits.
            with connection.cursor(binary=True) as cursor:
                rows = cursor.execute(sql("select_vectors"), parameters).fetchall()
            if any(row["idle"] for row in rows):
                connection.execute(sql("touch_vectors"), parameters)
            return {row["text_key"]: (row["vector"], row["tokens"]) for row in rows}

        return self.run(work)

    def put_vectors(
        self,
        task: ClaimedTask,
        model: str,
        keys: Sequence[bytes],
        vectors: Sequence[bytes],
        tokens: Sequence[int],
        *,
        person: int | None = None,
    ) -> bool:
        """Keep new vectors, unless the attempt no longer owns its task (then False).

        With ``person`` only those of texts that this person still keeps.
        """
        parameters = {
            "tenant": task.tenant,
            "user_id": task.user_id,
            "model": model,
            "keys": list(keys),
            "vectors": list(vectors),
            "tokens": list(tokens),
        }

        def work(connection: _Connection) -> bool:
            if person is None:
                connection.execute(sql("insert_vectors"), parameters)
            else:
                # Under their lock no memory goes until these vectors can be seen, and go with it.
                connection.execute(sql("insert_stored_vectors"), {**parameters, "person": person})
            return True

        return self.fenced(task, work, person=person) is not None

    def themes(self, task: ClaimedTask, model: str) -> bytes | None:
        """The themes of the user's previous run with this model."""
        parameters = {"tenant": task.tenant, "user_id": task.user_id, "model": model}
        row = self.row("get_themes", **parameters)
        return self.load(row["body"], places.themes(**parameters)) if row else None

    def themes_of_another_model(self, task: ClaimedTask, key: str) -> bytes | None:
        """The user's latest themes with any model: of their view for a view's ``key``, else of calls."""
        parameters = {"tenant": task.tenant, "user_id": task.user_id, "view": key.startswith("view:")}
        row = self.row("themes_of_another_model", **parameters)
        return self.load(row["body"], places.themes(task.tenant, task.user_id, row["model"])) if row else None

    def stored_memories(self, person: int) -> int:
        """How many memories a person keeps here."""
        row = self.row("count_stored", person=person)
        return int(row["memories"]) if row else 0

    def user_model(self, task: ClaimedTask) -> UserModel | None:
        """The model that the task's user has, by their own or the tenant's choice or by their language."""
        who = {"tenant": task.tenant, "user_id": task.user_id}
        row = self.row("get_user_model", **who)
        return UserModel(row["model"], row["pinned"], row["moved"]) if row else None

    def set_user_model(self, task: ClaimedTask, model: str, *, moved: bool) -> None:
        """Give the task's user ``model``, and forget their answers once they are ``moved``; not against a person's
        choice, and not when the attempt no longer owns its task."""
        who = {"tenant": task.tenant, "user_id": task.user_id}

        def work(connection: _Connection) -> None:
            connection.execute(sql("set_user_model"), {**who, "model": model, "pinned": False, "moved": moved})
            if moved:
                connection.execute(sql("forget_answers"), who)

        self.fenced(task, work)

    def latest_themes(self, task: ClaimedTask) -> tuple[str, bytes] | None:
        """``(model key, themes)`` of the user's previous run with any model."""
        parameters = {"tenant": task.tenant, "user_id": task.user_id}
        row = self.row("latest_themes", **parameters)
        if row is None:
            return None
        return row["model"], self.load(row["body"], places.themes(task.tenant, task.user_id, row["model"]))

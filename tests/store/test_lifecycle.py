"""A model of a task's life beside the real PostgreSQL: any order of events must leave both in the same state.

States: queued, running, succeeded, failed (dead-lettered or not), cancelled, erased. Events: submission, claim, beat,
end, hand-back, a worker that falls silent or dies, the sweep, cancellation, redrive, erasure, and at every moment the
late writes of attempts that were fenced. After each event the named rules of ``tests.invariants`` hold.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg.rows import dict_row

from reverie.errors import LeaseLost
from reverie.store import GatewayStore, NewTask, TaskRow, WorkerStore, decompressed, sweeps
from reverie.store.user_data import erase_user
from tests.invariants import INVARIANTS

MAX_ATTEMPTS = 3
DEAD = {"type": "https://reverie.dev/problems/dead-lettered", "title": "given up", "status": 500}
COST = {"tokens": 1, "cached_tokens": 0, "compute_ms": 1.0, "usd": 0.0}
TENANTS = ("a", "b")


@dataclass
class Life:
    """What the model holds of a task."""

    tenant: str
    user: str
    content: int
    status: str = "queued"
    attempts: int = 0
    token: int = 0
    dead: bool = False
    #: The attempt whose result is visible.
    by: int | None = None
    #: Successes are numbered in their order; 0 is none.
    finished: int = 0

    @property
    def open(self) -> bool:
        return self.status in ("queued", "running")


class Lifecycle(RuleBasedStateMachine):
    """Runs against one database, which is emptied for each example."""

    def __init__(self, database_url: str) -> None:
        super().__init__()
        self.url = database_url
        self.runner = asyncio.Runner()
        self.gateway = GatewayStore(database_url)
        self.await_(self.gateway.open())
        self.worker = WorkerStore(database_url)
        self.sql = psycopg.connect(database_url, autocommit=True, row_factory=dict_row)
        self.sql.execute("TRUNCATE tasks, idempotency, turns, vectors, themes CASCADE")
        self.numbers = itertools.count()
        self.endings = itertools.count(1)
        self.lives: dict[str, Life] = {}
        self.keys: dict[tuple[str, str], str] = {}

    def await_(self, work: Any) -> Any:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.await_(self.gateway.close())
        self.runner.close()
        self.worker.close()
        self.sql.close()

    tasks = Bundle("tasks")
    attempts = Bundle("attempts")

    def current(self, attempt: TaskRow) -> Life | None:
        """The life that an attempt still owns."""
        life = self.lives.get(attempt.id)
        return life if life is not None and life.status == "running" and life.token == attempt.token else None

    # -- clients ------------------------------------------------------------------------------------

    @rule(
        target=tasks,
        tenant=st.sampled_from(TENANTS),
        content=st.integers(0, 3),
        key=st.sampled_from(["k1", "k2", None]),
    )
    def submit(self, tenant: str, content: int, key: str | None) -> Any:
        user = f"u{content % 2}"
        body_hash = bytes([content])
        new = NewTask(
            id=f"tsk_{next(self.numbers)}", tenant=tenant, user_id=user, operation="cluster", lane="heavy",
            queue="clustering", content_hash=bytes([content]), items=1, chars=1, body=b"payload",
            idempotency_key=key, body_hash=body_hash,
        )  # fmt: skip
        [answer] = self.await_(self.gateway.submit([new]))
        known = self.keys.get((tenant, key)) if key else None
        if known is not None and self.lives[known].content != content:
            assert answer.conflict
            assert answer.row is None
            return multiple()
        there = known or next(
            (i for i, life in self.lives.items() if life.open and (life.tenant, life.content) == (tenant, content)),
            None,
        )
        done = None
        if there is None:  # what was done before is the answer, the newest of it
            same = [i for i, life in self.lives.items() if (life.tenant, life.content) == (tenant, content)]
            done = max((i for i in same if self.lives[i].finished), key=lambda i: self.lives[i].finished, default=None)
        assert answer.done == (done is not None)
        there = there or done
        assert answer.created == (there is None)
        assert answer.row.id == (there or new.id)
        if there is None:
            self.lives[new.id] = Life(tenant, user, content)
        if key:
            self.keys[tenant, key] = answer.row.id
        return answer.row.id

    @rule(task=tasks)
    def cancel(self, task: str) -> None:
        life = self.lives.get(task)
        row = self.await_(self.gateway.cancel(life.tenant if life else "a", task))
        assert (row is not None) == (life is not None and life.open)
        if row is not None:
            life.status, life.token = "cancelled", life.token + 1

    @rule(task=tasks)
    def redrive(self, task: str) -> None:
        life = self.lives.get(task)
        row = self.await_(self.gateway.redrive(life.tenant if life else "a", task))
        allowed = life is not None and life.status == "failed"
        allowed = allowed and not any(
            other.open and (other.tenant, other.content) == (life.tenant, life.content) for other in self.lives.values()
        )
        assert (row is not None) == allowed
        if row is not None:
            life.status, life.dead, life.attempts, life.token = "queued", False, 0, life.token + 1

    @rule(tenant=st.sampled_from(TENANTS), user=st.sampled_from(["u0", "u1"]))
    def erase(self, tenant: str, user: str) -> None:
        erased = self.await_(erase_user(self.gateway, tenant, user))
        gone = {i for i, life in self.lives.items() if (life.tenant, life.user) == (tenant, user)}
        assert {row["id"] for row in erased.tasks} == gone
        for task in gone:
            del self.lives[task]
        self.keys = {k: v for k, v in self.keys.items() if v not in gone}

    # -- workers ------------------------------------------------------------------------------------

    @rule(target=attempts)
    def claim(self) -> Any:
        row = self.worker.claim("clustering", "host:1", 60.0)
        waiting = {i for i, life in self.lives.items() if life.status == "queued"}
        if row is None:
            assert not waiting
            return multiple()
        assert row.id in waiting
        life = self.lives[row.id]
        life.status, life.attempts, life.token = "running", life.attempts + 1, life.token + 1
        assert (row.attempts, row.token) == (life.attempts, life.token)
        return row

    @rule(attempt=attempts)
    def beat(self, attempt: TaskRow) -> None:
        owned = self.worker.heartbeat(attempt, 60.0, attempt.token * 1_000_000 + 1, ("embedding", 0, 1, 0.1))
        assert owned == (self.current(attempt) is not None)

    @rule(attempt=attempts)
    def keep_vectors(self, attempt: TaskRow) -> None:
        kept = self.worker.put_vectors(attempt, "aa", [attempt.id.encode()], [b"\0" * 4], [1])
        assert kept == (self.current(attempt) is not None)

    @rule(attempt=attempts)
    def finish(self, attempt: TaskRow) -> None:
        life = self.lives.get(attempt.id)
        body = f"result of {attempt.token}".encode()
        mine = life is not None and life.status == "succeeded" and life.by == attempt.token
        if self.current(attempt) is None and not mine:
            with pytest.raises(LeaseLost):
                self.worker.finish(attempt, body, cost=COST, lane="heavy", themes=("aa", b"states", 1))
            return
        self.worker.finish(attempt, body, cost=COST, lane="heavy", themes=("aa", b"states", 1))
        if not mine:
            life.finished = next(self.endings)
        life.status, life.by = "succeeded", attempt.token

    @rule(attempt=attempts)
    def fail(self, attempt: TaskRow) -> None:
        life = self.current(attempt)
        if life is None:
            with pytest.raises(LeaseLost):
                self.worker.fail(attempt, {"type": "x"})
            return
        self.worker.fail(attempt, {"type": "x"})
        life.status = "failed"

    @rule(attempt=attempts)
    def hand_back(self, attempt: TaskRow) -> None:
        life = self.current(attempt)
        assert (self.worker.release(attempt) is not None) == (life is not None)
        if life is not None:
            life.status, life.attempts, life.token = "queued", life.attempts - 1, life.token + 1

    # -- trouble ------------------------------------------------------------------------------------

    def sweep(self, silence: float = 3.0) -> set[str]:
        async def once() -> list[TaskRow]:
            async with self.gateway.connection() as connection:
                return await sweeps.expire_leases(connection, MAX_ATTEMPTS, DEAD, silence)

        return {row.id for row in self.await_(once())}

    def took_its_worker(self, life: Life) -> None:
        life.token += 1
        life.status = "failed" if life.attempts >= MAX_ATTEMPTS else "queued"
        life.dead = life.status == "failed"

    @rule(attempt=attempts)
    def falls_silent(self, attempt: TaskRow) -> None:
        life = self.current(attempt)
        self.sql.execute(
            "UPDATE tasks SET lease_until = clock_timestamp() - interval '1 ms' WHERE id = %s AND token = %s "
            "AND status = 'running'", (attempt.id, attempt.token)
        )  # fmt: skip
        assert self.sweep() == ({attempt.id} if life else set())
        if life is not None:
            self.took_its_worker(life)

    @rule()
    def the_worker_process_dies(self) -> None:
        """Its session ends, so no lease has to run out; three beats later its tasks are free."""
        row = self.sql.execute(
            "SELECT array_agg(DISTINCT backend) AS pids FROM tasks WHERE status = 'running'"
        ).fetchone()
        self.worker.close()
        end = time.monotonic() + 10
        alive = "SELECT 1 FROM pg_stat_activity WHERE pid = ANY(%s)"
        while row["pids"] and self.sql.execute(alive, (row["pids"],)).fetchone() and time.monotonic() < end:
            time.sleep(0.005)
        assert self.sweep() == set()  # beats may be late without anybody being dead
        running = {i for i, life in self.lives.items() if life.status == "running"}
        self.sql.execute("UPDATE tasks SET beat_at = beat_at - interval '4 s' WHERE status = 'running'")
        assert self.sweep() == running
        for task in running:
            self.took_its_worker(self.lives[task])

    @precondition(lambda self: any(life.status == "queued" for life in self.lives.values()))
    @rule()
    def a_deadline_passes(self) -> None:
        task = next(i for i, life in self.lives.items() if life.status == "queued")
        self.sql.execute("UPDATE tasks SET deadline_at = clock_timestamp() - interval '1 ms' WHERE id = %s", (task,))

        async def once() -> list[TaskRow]:
            async with self.gateway.connection() as connection:
                return await sweeps.expire_deadlines(connection, {"type": "late"})

        assert [row.id for row in self.await_(once())] == [task]
        life = self.lives[task]
        life.status, life.token = "failed", life.token + 1

    @rule(attempt=consumes(attempts))
    def forget_an_attempt(self, attempt: TaskRow) -> None:
        """So that examples do not drown in old ones."""

    # -- always -------------------------------------------------------------------------------------

    @invariant()
    def model_and_database_agree(self) -> None:
        rows = self.sql.execute("SELECT t.*, r.body FROM tasks t LEFT JOIN results r ON r.task_id = t.id").fetchall()
        there = {r["id"]: (r["tenant"], r["status"], r["attempts"], r["token"], r["dead"]) for r in rows}
        assert there == {i: (v.tenant, v.status, v.attempts, v.token, v.dead) for i, v in self.lives.items()}
        for row in rows:
            by = self.lives[row["id"]].by
            expected = f"result of {by}".encode() if row["status"] == "succeeded" else None
            assert (decompressed(row["body"]) if row["body"] else None) == expected

    @invariant()
    def the_rules_hold(self) -> None:
        broken = {name: found for name, query in INVARIANTS.items() if (found := self.sql.execute(query).fetchall())}
        assert not broken


def test_any_order_of_events_leaves_the_model_and_the_database_in_the_same_state(database_url: str) -> None:
    run_state_machine_as_test(
        lambda: Lifecycle(database_url),
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )

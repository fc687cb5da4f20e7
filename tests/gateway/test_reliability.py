"""What the chaos suite shows by force, shown once each by hand: forgotten work, deadlines, frozen and dead parts."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from reverie.embedded import RunningServers
from reverie.errors import TooManyRequests
from reverie.gateway.submissions.admission import Admission
from reverie.settings import Limits
from tests.chaos.labels import Labels
from tests.chaos.processes import children, send, tree
from tests.live import LiveService


@pytest.fixture(scope="module")
def held(database_url: str, redis_url: str) -> Iterator[LiveService]:
    """A service whose tasks can be held: a memory that says ``hold-4`` takes four seconds."""
    with Labels() as labels:
        environment = {"REVERIE_LABEL_URL": labels.url, "REVERIE_LABEL_TIMEOUT": "600", "REVERIE_DRAIN_SECONDS": "1"}
        with LiveService(database_url, redis_url, environment=environment) as live:
            yield live


def memories(hold: int, mark: str) -> list[str]:
    return [f"hold-{hold} {words} {mark} {i}" for i, words in enumerate(["cat cat sofa", "rock wall gym"] * 4)]


async def submit(session, headers=None, **body):
    async with session.post("/cluster/submit", json=body, headers=headers) as answer:
        return answer.status, await answer.json(), answer.headers


async def state_of(service: LiveService, task_id: str, condition: str, seconds: float = 60.0) -> dict:
    async with asyncio.timeout(seconds):
        while True:
            found = await asyncio.to_thread(service.rows, f"SELECT * FROM tasks WHERE id = %s AND {condition}", task_id)
            if found:
                return found[0]
            await asyncio.sleep(0.05)


async def test_a_worker_finds_work_whose_message_was_lost_with_no_gateway_to_send_it_again(held: LiveService) -> None:
    import redis

    async with held.session() as session:
        held.kill("worker")
        _, task, _ = await submit(session, user_id="lost", memories=["a", "b"])
    held.kill("gateway0")
    try:
        with redis.Redis.from_url(held.redis_url) as client:
            client.flushall()
        held.start_worker()
        await state_of(held, task["id"], "status = 'succeeded'")
    finally:
        held.start_gateway()
        held.wait_ready()


async def test_a_deadline_stops_a_task_that_is_running(held: LiveService) -> None:
    async with held.session() as session:
        _, task, _ = await submit(session, {"Reverie-Deadline": "3"}, user_id="late", memories=memories(300, "late"))
        events = await held.follow(session, task["id"])
    assert events[-1]["type"] == "failed"
    assert events[-1]["error"]["type"].endswith("deadline-passed")


async def test_a_terminated_worker_hands_back_what_it_cannot_finish_and_the_attempt_does_not_count(
    held: LiveService,
) -> None:
    async with held.session() as session:
        _, task, _ = await submit(session, user_id="drain", memories=memories(20, "drain"))
        before = await state_of(held, task["id"], "stage = 'labelling'")
        held.kill("worker", signal.SIGTERM)
        held.processes["worker"].wait(timeout=60)
        row = await state_of(held, task["id"], "status = 'queued'")
        assert (row["attempts"], row["token"]) == (0, before["token"] + 1)
        held.start_worker()
        row = await state_of(held, task["id"], "status = 'running'")
        assert row["attempts"] == 1
        async with session.delete(f"/tasks/{task['id']}") as answer:
            assert answer.status == 200


async def test_a_frozen_database_is_answered_with_an_honest_503_and_the_service_goes_on_after_it(
    held: LiveService, servers: RunningServers
) -> None:
    async with held.session() as session:
        await submit(session, user_id="frozen", memories=["warm"])
        frozen = tree(servers.pids["postgres"])
        send(frozen, signal.SIGSTOP)
        try:
            status, problem, headers = await submit(session, user_id="frozen", memories=["a", "b", "c"])
            assert status == 503, problem
            assert int(headers["Retry-After"]) >= 1
            async with session.get("/healthz") as answer:
                assert answer.status == 200
            async with asyncio.timeout(30):
                while True:
                    async with session.get("/readyz") as answer:
                        if answer.status == 503:
                            assert (await answer.json())["checks"]["database"] == "unreachable"
                            break
        finally:
            send(frozen, signal.SIGCONT)
        async with asyncio.timeout(60):
            while (answered := await submit(session, user_id="frozen", memories=["a", "b", "c"]))[0] not in (200, 202):
                await asyncio.sleep(0.1)
        await held.follow(session, answered[1]["id"])


async def test_a_large_body_is_checked_again_when_the_process_that_checks_was_killed(held: LiveService) -> None:
    async with held.session() as session:
        large = [f"{i} " + "word " * 60 for i in range(1_000)]
        assert (await submit(session, user_id="large", memories=large))[0] == 202
        gateway = held.processes["gateway0"].pid
        for child in children(gateway):
            os.kill(child, signal.SIGKILL)
        status, task, _ = await submit(session, user_id="large", memories=[*large, "one more"])
        assert status == 202, task


class _Store:
    """Counts for admission: a tenant at its limit whose tasks end twice a second."""

    async def load_counts(self, tenant: str) -> tuple[int, int]:
        return 5, 5

    async def ended_lately(self, tenant: str, seconds: float) -> tuple[int, int]:
        return int(seconds * 4), int(seconds * 2)


async def test_a_crowd_of_refused_clients_is_told_one_place_each_at_the_rate_at_which_places_become_free() -> None:
    admission = Admission(_Store(), Limits(in_flight=5))  # type: ignore[arg-type, call-arg]
    told = []
    for _ in range(11):
        with pytest.raises(TooManyRequests) as refused:
            await admission.admit("north")
        told.append(refused.value.retry_after)
    assert told == sorted(told)
    assert 4.9 < told[-1] - told[0] + max(0.0, told[0] - 0.5) < 5.6  # ten places at two a second

"""A broker that falls silent while a worker acknowledges: the worker must fetch messages again afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable

import redis

from reverie.queue import QUEUES, broker_name
from tests.chaos.labels import Labels
from tests.live import LiveService


def until(true: Callable[[], bool], what: str, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def test_a_lost_acknowledgement_does_not_end_the_supply_of_messages(database_url: str, redis_url: str) -> None:
    with Labels() as labels, redis.Redis.from_url(redis_url) as broker:
        environment = {"REVERIE_LABEL_URL": labels.url, "REVERIE_LABEL_TIMEOUT": "60"}
        workers = {"worker": (",".join(QUEUES), 1)}
        with LiveService(database_url, redis_url, environment=environment, workers=workers) as live:
            with live.client(prefer="respond-async") as client:

                def submit(name: str) -> str:
                    memories = [f"{name} cat sofa {i}" for i in range(4)] + [f"{name} rock gym {i}" for i in range(4)]
                    answer = client.post("/cluster/submit", json={"user_id": "u", "memories": memories})
                    return str(answer.json()["id"])

                held = submit("hold-3")
                query = "SELECT 1 FROM tasks WHERE id = %s AND stage = 'labelling'"
                until(lambda: bool(live.rows(query, held)), "the task did not start")
                # From before the task's end until after it, and longer than the worker's patience with each answer that
                # it asks for between the two: the cache, the events and the acknowledgement, 2 to 4 s each.
                broker.execute_command("CLIENT", "PAUSE", 25_000, "ALL")
                until(lambda: "Couldn't ack" in live.log("worker"), "no acknowledgement was lost")
                for number in range(3):
                    submit(f"later-{number}")
                # Done they will be in any case, found in PostgreSQL; here they must be taken from the broker too.
                done = "SELECT count(*) AS n FROM tasks WHERE status = 'succeeded'"
                until(lambda: live.rows(done)[0]["n"] == 4, "not all tasks ended")
                until(lambda: not any(broker.llen(broker_name(q)) for q in QUEUES), "nobody fetches messages")

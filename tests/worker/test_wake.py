"""Readiness of a worker, and which errors of the database are nobody's fault."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request

import psycopg
import pytest
from psycopg import errors

from reverie.store import is_outage
from reverie.worker.health import serve_health
from reverie.worker.wake import Pulse


def ask(port: int, path: str) -> tuple[int, dict]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_a_worker_is_ready_when_a_child_reached_the_database_and_the_broker_is_there_and_not_otherwise() -> None:
    pulse = Pulse()
    server = serve_health(pulse, "127.0.0.1", 0)
    port = server.server_port
    try:
        assert ask(port, "/healthz")[0] == 200
        status, body = ask(port, "/readyz")
        assert (status, body["checks"]["database"], body["checks"]["broker"]) == (503, "unreachable", "unreachable")
        pulse.consuming, pulse.turned_at, pulse.worked_at = True, time.monotonic(), time.monotonic()
        assert ask(port, "/readyz")[0] == 200
        pulse.consuming = False  # trying to reach the broker again
        assert ask(port, "/readyz")[1]["checks"]["broker"] == "unreachable"
        pulse.consuming, pulse.draining = True, True
        assert ask(port, "/readyz")[1]["checks"]["state"] == "draining"
        assert ask(port, "/elsewhere")[0] == 404
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("error", "outage"),
    [
        (psycopg.OperationalError("connection refused"), True),  # no answer of a server at all
        (errors.AdminShutdown(), True),
        (errors.DiskFull(), True),
        (errors.TooManyConnections(), True),
        (errors.QueryCanceled(), False),  # this task's statement takes too long, and will again
        (errors.UntranslatableCharacter(), False),
        (errors.UniqueViolation(), False),
    ],
)
def test_only_what_the_server_is_to_blame_for_is_not_counted_against_a_task(error: psycopg.Error, outage: bool) -> None:
    assert is_outage(error) is outage

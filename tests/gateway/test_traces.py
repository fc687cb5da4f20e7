"""One trace from the SDK's call to the worker's stages, received over OTLP as a collector would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from reverie import AsyncReverie, _tracing
from reverie.errors import MissingExtra
from tests.live import LiveService

SECRET = "xyzzyplugh"
"""A word that is only in memories."""


@dataclass
class Collector:
    """An OTLP collector: keeps the spans that came, by name, and the bytes they came in."""

    spans: dict[str, list[tuple[str, object]]] = field(default_factory=dict)
    raw: bytes = b""
    came: asyncio.Condition = field(default_factory=asyncio.Condition)
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        message = ExportTraceServiceRequest.FromString(body)
        async with self.came:
            self.raw += body
            for resource in message.resource_spans:
                service = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        self.spans.setdefault(span.name, []).append((service, span))
            self.came.notify_all()
        return web.Response(content_type="application/x-protobuf")

    async def wait(self, *names: str):
        """The first span of each name, with the service that sent it, once they are there."""
        async with asyncio.timeout(120), self.came:
            await self.came.wait_for(lambda: all(name in self.spans for name in names))
            return [self.spans[name][0] for name in names]


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    collector = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield collector
    await runner.cleanup()


async def test_the_sdk_the_gateway_and_the_worker_tell_one_trace(
    database_url: str, redis_url: str, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(own))
    # As a bot that traces has set up; the API's global one can be set once in a process only.
    monkeypatch.setattr(trace, "get_tracer", lambda name: provider.get_tracer(name))
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100",
                   "REVERIE_LOG_FORMAT": "json"}  # fmt: skip
    service = await asyncio.to_thread(LiveService(database_url, redis_url, environment=environment).__enter__)
    try:
        async with AsyncReverie(service.url, service.key) as ai:
            with provider.get_tracer("bot").start_as_current_span("a command") as command:
                task = await ai.submit_clustering_task("u", [f"{SECRET} one", f"{SECRET} two", "tea"])
            await task.result(timeout=120)
        received, ran, embedding = await collector.wait("POST /cluster/submit", "run cluster", "embedding")
    finally:
        await asyncio.to_thread(service.stop)
    [submitted] = [span for span in own.get_finished_spans() if span.name == "submit cluster"]
    assert submitted.parent.span_id == command.get_span_context().span_id
    told = submitted.get_span_context()
    for service_name, span in (received, ran, embedding):
        assert int.from_bytes(span.trace_id, "big") == told.trace_id, (service_name, span.name)
    assert int.from_bytes(received[1].parent_span_id, "big") == told.span_id
    assert ran[1].parent_span_id == received[1].span_id
    assert embedding[1].parent_span_id == ran[1].span_id
    assert [name for name, _ in (received, ran, embedding)] == ["reverie-gateway", "reverie-worker", "reverie-worker"]
    attributes = {a.key: a.value for a in ran[1].attributes}
    assert attributes["reverie.task_id"].string_value == task.id
    assert attributes["reverie.attempt"].int_value == 1
    assert SECRET.encode() not in collector.raw


def test_without_the_extra_the_cure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tracing, "otel", None)
    with _tracing.span("nothing", "client") as current:
        assert current is None
    assert _tracing.headers() == {}
    assert _tracing.traceparent("00-aa-bb-01") == "00-aa-bb-01"
    _tracing.check()  # nobody asked
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    with pytest.raises(MissingExtra, match=r"pip install 'reverie\[otel\]'"):
        _tracing.check()

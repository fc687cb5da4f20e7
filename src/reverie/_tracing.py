"""OpenTelemetry traces from the SDK to the worker; nothing at all where OpenTelemetry is not installed.

The context of a submission is stored with the task, as a W3C ``traceparent``: which worker takes the task, and when, is
decided in the database, and a message of the queue carries an id only. Spans tell ids, counts and types, never a text.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterator, Mapping
from typing import Any

from reverie.errors import MissingExtra

try:
    from opentelemetry import context as otel_context
    from opentelemetry import trace as otel
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    _propagator = TraceContextTextMapPropagator()
except ImportError:  # the bare client; `reverie[otel]` brings it
    otel = None  # type: ignore[assignment]

__all__ = ["Stages", "asked_for", "check", "failed", "headers", "set_up", "shut_down", "span", "traceparent"]

_providers: list[Any] = []
_ADDRESSES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def asked_for() -> bool:
    """Whether a gateway or worker sends traces: where to is in OpenTelemetry's own variables."""
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return not disabled and any(os.environ.get(name) for name in _ADDRESSES)


def check() -> None:
    """Raises ``MissingExtra`` when traces are asked for and cannot be sent."""
    if asked_for() and (otel is None or importlib.util.find_spec("opentelemetry.exporter.otlp.proto.http") is None):
        raise MissingExtra("otel", what="OTEL_EXPORTER_OTLP_ENDPOINT")


def set_up(role: str) -> bool:
    """Send this process's spans over OTLP as ``reverie-{role}``; whether that was asked for. Call it after a fork.

    Raises ``MissingExtra``.
    """
    check()
    if not asked_for():
        return False
    # The SDK is loaded by those who send; it takes a tenth of a second.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = os.environ.get("OTEL_SERVICE_NAME", f"reverie-{role}")
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    otel.set_tracer_provider(provider)
    _providers.append(provider)
    return True


def shut_down() -> None:
    """Send what waits, and stop sending."""
    while _providers:
        _providers.pop().shutdown()


@contextlib.contextmanager
def span(name: str, kind: str, *, parent: str | None = None, **attributes: Any) -> Iterator[Any]:
    """A span around a block: ``kind`` is client, server, consumer or internal; ``parent`` a traceparent.

    Attributes get the prefix ``reverie.``; those that are None are left out. Yields None without OpenTelemetry.
    """
    if otel is None:
        yield None
        return
    given = _propagator.extract({"traceparent": parent}) if parent else None
    prefixed = {f"reverie.{key}": value for key, value in attributes.items() if value is not None}
    tracer = otel.get_tracer("reverie")
    with tracer.start_as_current_span(
        name, context=given, kind=otel.SpanKind[kind.upper()], attributes=prefixed,
        # An exception's message may quote a memory: its type is enough.
        record_exception=False, set_status_on_exception=False,
    ) as current:  # fmt: skip
        try:
            yield current
        except Exception as error:
            failed(type(error).__name__)
            raise


def failed(kind: str) -> None:
    """Mark the current span as failed with an error's type."""
    if otel is not None:
        otel.get_current_span().set_status(otel.Status(otel.StatusCode.ERROR, kind))


def headers() -> Mapping[str, str]:
    """What carries the current span to a service; empty when nobody traces."""
    carrier: dict[str, str] = {}
    if otel is not None:
        _propagator.inject(carrier)
    return carrier


def traceparent(received: str | None = None) -> str | None:
    """The current span as a traceparent; without one, what the caller sent along."""
    own = headers().get("traceparent")
    if own is not None or received is None or len(received) > 100 or not received.isascii():
        return own
    return received


class Stages:
    """One span a stage of a task, each ended by the next."""

    def __init__(self) -> None:
        self._current: Any = None
        # The context of whoever made this: progress may come from other threads.
        self._context = otel_context.get_current() if otel is not None else None

    def enter(self, stage: str) -> None:
        """The stage before has ended, this one begins."""
        self.end()
        if otel is not None:
            self._current = otel.get_tracer("reverie").start_span(stage, context=self._context)

    def end(self) -> None:
        """No stage runs any more."""
        if self._current is not None:
            self._current.end()
            self._current = None

"""The part of `ingest.system.tracing` that uses OpenTelemetry; imported where traces are on, with the first span.

A thread of the process sends spans by OTLP over HTTP; the variables `OTEL_*` of OpenTelemetry apply. The thread and its
connections are created with the first span, so after every fork of gunicorn and of Airflow. A collector that is unavailable
costs the spans, no error, and the end of an attempt at most FLUSH_SECONDS.
"""

import os
import threading
from collections import Counter
from collections.abc import Sequence

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ingest.system.sanitize import to_one_line
from ingest.system.tracing import TRACEPARENT, Attributes, SpanKind

DEFAULT_SERVICE_NAME = "pacifica-ingest"
SERVICE_NAME_VARIABLE = "OTEL_SERVICE_NAME"
# How long one export may take unless a variable sets it. Too short for a second try, so that the end of an attempt does not
# wait for a collector that is not running.
EXPORT_SECONDS = 0.5
EXPORT_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
FLUSH_SECONDS = 1.0
MAX_TEXT_CHARACTERS = 1000
PROPAGATOR = TraceContextTextMapPropagator()


class Exporter:
    """Starts the spans of this process, and sends them."""

    def __init__(self) -> None:
        is_set = any(os.environ.get(variable) for variable in EXPORT_VARIABLES)
        resource = Resource.create({SERVICE_NAME: os.environ.get(SERVICE_NAME_VARIABLE) or DEFAULT_SERVICE_NAME})
        self._provider = TracerProvider(resource=resource)
        exporter = OTLPSpanExporter(timeout=None if is_set else EXPORT_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(DEFAULT_SERVICE_NAME)

    def start(self, kind: SpanKind, name: str, parents: Sequence[str | None], attributes: Attributes) -> "OpenSpan":
        """Start a span; see `ingest.system.tracing.open_span`. It is also linked to the open span of Airflow, if any."""
        others = [found for each in parents if (found := _read(each)).is_valid]
        parent = trace.NonRecordingSpan(others[0]) if others else trace.INVALID_SPAN
        span = _start(self._tracer, parent, kind, name, attributes)
        airflow = trace.get_current_span().get_span_context()
        # Also where traces of Airflow are off, its tasks have a span, which is not sampled.
        for other in (*others, airflow) if airflow.trace_flags.sampled else others:
            span.link_to_context(other)
        return span

    def flush(self) -> None:
        """Send the spans that have ended; returns after FLUSH_SECONDS at the latest, because `force_flush` has no limit."""
        sender = threading.Thread(target=self._provider.force_flush, name="flush of spans", daemon=True)
        sender.start()
        sender.join(FLUSH_SECONDS)


class OpenSpan:
    """A span that has not ended; all threads that work for it share it."""

    def __init__(self, tracer: trace.Tracer, span: trace.Span) -> None:
        self._tracer = tracer
        self._span = span
        self._own = span.get_span_context()
        self._calls: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.trace_id = trace.format_trace_id(self._own.trace_id) if self._own.is_valid else None
        # The headers that name this span as the parent; none for an invalid span.
        self.headers: dict[str, str] = {}
        PROPAGATOR.inject(self.headers, trace.set_span_in_context(span, Context()))

    def start_child(self, kind: SpanKind, name: str, attributes: Attributes) -> "OpenSpan":
        """Start a span below this one."""
        return _start(self._tracer, self._span, kind, name, attributes)

    def annotate(self, attributes: Attributes) -> None:
        """Set attributes."""
        self._span.set_attributes(attributes)

    def link_to(self, traceparent: str) -> None:
        """Add a link to a span, unless it belongs to this trace."""
        self.link_to_context(_read(traceparent))

    def link_to_context(self, other: trace.SpanContext) -> None:
        """Add a link to a span, unless it belongs to this trace."""
        if other.is_valid and other.trace_id != self._own.trace_id:
            self._span.add_link(other)

    def count_call(self, service: str) -> int:
        """Count a call of a service inside this span; return how many there were."""
        with self._lock:
            self._calls[service] += 1
            return self._calls[service]

    def fail(self, code: str, text: str) -> None:
        """Record an error as the outcome."""
        self.annotate({"error.type": code})
        self._span.set_status(trace.Status(trace.StatusCode.ERROR, to_one_line(text)[:MAX_TEXT_CHARACTERS]))

    def end(self) -> None:
        """End the span, with the number of calls of each service."""
        # After an error, threads may still begin calls.
        with self._lock:
            self.annotate({f"ingest.calls.{service}": count for service, count in self._calls.items()})
        self._span.end()


def _start(tracer: trace.Tracer, parent: trace.Span, kind: SpanKind, name: str, attributes: Attributes) -> OpenSpan:
    # In a context of its own, because the current one may hold a span of Airflow.
    context = trace.set_span_in_context(parent, Context())
    return OpenSpan(tracer, tracer.start_span(name, context, trace.SpanKind[kind], dict(attributes)))


def _read(traceparent: str | None) -> trace.SpanContext:
    """Return the span that a `traceparent` names; an invalid one if it is None or malformed."""
    context = PROPAGATOR.extract({TRACEPARENT: traceparent} if traceparent else {}, Context())
    return trace.get_current_span(context).get_span_context()

"""A real receiver of traces: it decodes OTLP over HTTP with OpenTelemetry's own messages (opentelemetry-proto).

The fixture `traces` turns traces on in the process of the tests.
"""

import gzip
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from ingest.system import trace_exporter
from tools.waiting import wait_until

ERROR = trace_pb2.Status.STATUS_CODE_ERROR
ARRIVAL_SECONDS = 60


@dataclass(frozen=True)
class ReceivedSpan:
    """A span as it arrived; ids are hexadecimal, `parent` is "" for the root of a trace."""

    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent: str
    attributes: dict[str, str | int]
    links: list[str]
    is_error: bool
    text: str

    @property
    def ids(self) -> str:
        """The ids of the trace and the span, as in `links` and in `traceparent`."""
        return f"{self.trace_id}-{self.span_id}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_POST(self) -> None:
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        assert self.path == "/v1/traces"
        receiver.requests.append(self.path)
        time.sleep(receiver.delay)
        receiver.spans.extend(_spans(ExportTraceServiceRequest.FromString(body)))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@dataclass
class Receiver:
    """The receiver for a test; it answers after `delay` seconds."""

    url: str = ""
    delay: float = 0.0
    requests: list[str] = field(default_factory=list)
    spans: list[ReceivedSpan] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make a process send its traces here."""
        return {
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.url,
            "OTEL_BSP_SCHEDULE_DELAY": "50",
        }

    def of_trace(self, trace_id: str) -> list[ReceivedSpan]:
        return [span for span in self.spans if span.trace_id == trace_id]

    def wait_for(self, wanted: Callable[[ReceivedSpan], bool]) -> ReceivedSpan:
        """Return the first span that is wanted, as soon as it is there."""
        found: list[ReceivedSpan] = []

        def is_there() -> bool:
            found.extend(filter(wanted, list(self.spans)))
            return bool(found)

        wait_until(is_there, ARRIVAL_SECONDS, lambda: f"only {[span.name for span in self.spans]} arrived")
        return found[0]

    def wait_for_name(self, name: str) -> ReceivedSpan:
        return self.wait_for(lambda span: span.name == name)


class _Server(ThreadingHTTPServer):
    receiver: Receiver
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors of connections: processes are killed while they send."""


def ids_in(traceparent: str) -> str:
    """Return the ids of the trace and the span that a `traceparent` names."""
    return "-".join(traceparent.split("-")[1:3])


@contextmanager
def run_receiver() -> Iterator[Receiver]:
    """Run a receiver on the loopback interface."""
    server = _Server(("127.0.0.1", 0), Handler)
    server.receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Return a receiver to which this process sends its spans."""
    with run_receiver() as receiver:
        for name, value in receiver.environment.items():
            monkeypatch.setenv(name, value)
        trace_exporter._create_exporter.cache_clear()
        yield receiver
        trace_exporter.flush()
        trace_exporter._create_exporter.cache_clear()


def _spans(request: ExportTraceServiceRequest) -> Iterator[ReceivedSpan]:
    for resource in request.resource_spans:
        service = str(_values(resource.resource.attributes)["service.name"])
        for scope in resource.scope_spans:
            yield from (_span(service, span) for span in scope.spans)


def _span(service: str, span: trace_pb2.Span) -> ReceivedSpan:
    return ReceivedSpan(
        service=service,
        name=span.name,
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        attributes=_values(span.attributes),
        links=[f"{link.trace_id.hex()}-{link.span_id.hex()}" for link in span.links],
        is_error=span.status.code == ERROR,
        text=span.status.message,
    )


def _values(attributes: Any) -> dict[str, str | int]:
    return {each.key: _value(each) for each in attributes}


def _value(attribute: KeyValue) -> str | int:
    kind = attribute.value.WhichOneof("value")
    assert kind is not None
    value: str | int = getattr(attribute.value, kind)
    return value

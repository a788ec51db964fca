"""Traces by OpenTelemetry: one upload is one trace, from its request through its stages to the calls of services.

The API opens a span for each request, the wrapper of the stages for each attempt, and the clients of services for each call
inside these. Where traces are off (`ingest.system.trace_exporter`), no span is ever open. A span never fails the work that
it describes.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ingest.system.sanitize import redact_url
from ingest.system.trace_exporter import current_exporter

if TYPE_CHECKING:
    from ingest.system.opentelemetry_spans import OpenSpan

TRACEPARENT = "traceparent"
JOB = "ingest.job"
# The calls of one service that get a span inside one other span. A job with a million files sends a million requests; the
# later ones are only counted, and carry the `traceparent` of the surrounding span.
MAX_CALL_SPANS = 100

Attributes = Mapping[str, str | int]
# The names of OpenTelemetry for a request, the attempt of a stage, and the call of a service.
SpanKind = Literal["SERVER", "CONSUMER", "CLIENT"]


@dataclass
class Call:
    """A call of a service: the headers to send with it, and the status of its answer."""

    headers: dict[str, str] = field(default_factory=dict)
    status: int | None = None


_current: ContextVar["OpenSpan | None"] = ContextVar("current span", default=None)


def current_trace_id() -> str | None:
    """Return the trace id of the open span, for logs: 32 hexadecimal digits."""
    return span.trace_id if (span := _current.get()) else None


def current_traceparent() -> str | None:
    """Return the open span as a W3C `traceparent`."""
    return span.headers.get(TRACEPARENT) if (span := _current.get()) else None


def annotate(attributes: Attributes) -> None:
    """Add attributes to the open span, if any."""
    if span := _current.get():
        span.annotate(attributes)


def fail(code: str, text: str) -> None:
    """Record an error as the outcome of the open span, if any."""
    if span := _current.get():
        span.fail(code, text)


def link(traceparent: str | None) -> None:
    """Link the open span, if any, to a span of another trace."""
    if traceparent and (span := _current.get()):
        span.link_to(traceparent)


@contextmanager
def open_span(
    kind: SpanKind, name: str, parents: Sequence[str | None], attributes: Attributes | None = None
) -> Iterator[None]:
    """Open a span in the trace of the first valid `traceparent` of `parents`, or in a new trace if there is none.

    It is linked to the others. An error that leaves the block is the outcome of the span.
    """
    exporter = current_exporter()
    if exporter is None:
        yield
        return
    with _ended(exporter.start(kind, name, parents, attributes or {})) as span:
        token = _current.set(span)
        try:
            yield
        finally:
            _current.reset(token)


@contextmanager
def open_call(service: str, method: str, url: str) -> Iterator[Call]:
    """Describe a call of a service by a span inside the open span; without one, do nothing."""
    call, parent = Call(), _current.get()
    if parent is None:
        yield call
    elif parent.count_call(service) > MAX_CALL_SPANS:
        call.headers.update(parent.headers)
        yield call
    else:
        attributes = {"peer.service": service, "http.request.method": method, "url.full": redact_url(url)}
        with _ended(parent.start_child("CLIENT", f"{method} {service}", attributes)) as span:
            call.headers.update(span.headers)
            yield call
            if call.status is not None:
                span.annotate({"http.response.status_code": call.status})


@contextmanager
def _ended(span: "OpenSpan") -> Iterator["OpenSpan"]:
    try:
        yield span
    except GeneratorExit:
        # The reader of a block-wise answer has enough.
        raise
    except BaseException as error:
        span.fail(str(getattr(error, "code", type(error).__name__)), str(error))
        raise
    finally:
        span.end()

"""Traces by OpenTelemetry: one upload is one trace, from its request through its stages to the calls of services.

The API opens a span for each request, the wrapper of the stages for each attempt, and the clients of services for each call
inside these. Off unless `OTEL_TRACES_EXPORTER` is `otlp`: then no span is ever open, and OpenTelemetry is not imported
(`ingest.system.opentelemetry_spans` imports it). A span never fails the work that it describes.
"""

import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING

from ingest.system.sanitize import redact_url

if TYPE_CHECKING:
    from ingest.system.opentelemetry_spans import Exporter, OpenSpan

logger = logging.getLogger(__name__)

VARIABLE, OTLP = "OTEL_TRACES_EXPORTER", "otlp"
TRACEPARENT = "traceparent"
JOB = "ingest.job"
# The calls of one service that get a span inside one other span. A job with a million files sends a million requests; the
# later ones are only counted, and carry the `traceparent` of the surrounding span.
MAX_CALL_SPANS = 100

Attributes = Mapping[str, str | int]


class SpanKind(Enum):
    """The kind of a span by its name in OpenTelemetry."""

    REQUEST = "SERVER"
    ATTEMPT = "CONSUMER"
    CALL = "CLIENT"


@dataclass
class Call:
    """A call of a service: the headers to send with it, and the status of its answer."""

    headers: dict[str, str] = field(default_factory=dict)
    status: int | None = None


_creation_lock = threading.Lock()
_current: ContextVar["OpenSpan | None"] = ContextVar("current span", default=None)


def is_on() -> bool:
    """Return whether the environment of this process turns traces on."""
    return OTLP in os.environ.get(VARIABLE, "").split(",")


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
    exporter = _exporter()
    if exporter is None:
        yield
        return
    with _opened(exporter.start(kind, name, parents, attributes or {})):
        yield


@contextmanager
def open_call(service: str, method: str, url: str) -> Iterator[Call]:
    """Open a span for a call of a service inside the open span; without one, do nothing."""
    call, parent = Call(), _current.get()
    if parent is None:
        yield call
    elif parent.count_call(service) > MAX_CALL_SPANS:
        call.headers.update(parent.headers)
        yield call
    else:
        attributes = {"peer.service": service, "http.request.method": method, "url.full": redact_url(url)}
        with _opened(parent.start_child(SpanKind.CALL, f"{method} {service}", attributes)) as span:
            call.headers.update(span.headers)
            yield call
            if call.status is not None:
                span.annotate({"http.response.status_code": call.status})


def flush() -> None:
    """Send the spans that have ended, before the process ends; waits for the collector for a second at most."""
    if exporter := _exporter():
        exporter.flush()


def _exporter() -> "Exporter | None":
    with _creation_lock:
        return _create_exporter() if is_on() else None


@cache
def _create_exporter() -> "Exporter | None":
    """Create the exporter of this process; None if OpenTelemetry refuses one of its variables, which fails no job."""
    try:
        from ingest.system.opentelemetry_spans import Exporter  # noqa: PLC0415 - only where traces are on

        return Exporter()
    except Exception as error:
        logger.warning("traces are off, because OpenTelemetry refuses one of the variables OTEL_*: %s", error)
        return None


@contextmanager
def _opened(span: "OpenSpan") -> Iterator["OpenSpan"]:
    token = _current.set(span)
    try:
        yield span
    except BaseException as error:
        span.fail(error)
        raise
    finally:
        _current.reset(token)
        span.end()

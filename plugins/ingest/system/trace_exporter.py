"""Whether traces are on, and the exporter of spans, which a process creates with its first span.

Traces are off unless `OTEL_TRACES_EXPORTER` is `otlp`; then OpenTelemetry is not imported. `flush` is called by the wrapper
of the stages, all else by `ingest.system.tracing`.
"""

import logging
import os
import threading
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.system.opentelemetry_spans import Exporter

logger = logging.getLogger(__name__)

VARIABLE = "OTEL_TRACES_EXPORTER"
# The second name means OTLP over HTTP to Airflow, too.
OTLP = frozenset({"otlp", "otlp_proto_http"})

_creation_lock = threading.Lock()


def is_on() -> bool:
    """Return whether the environment of this process turns traces on."""
    return not OTLP.isdisjoint(os.environ.get(VARIABLE, "").split(","))


def current_exporter() -> "Exporter | None":
    """Return the exporter of this process; None if traces are off."""
    with _creation_lock:
        return _create_exporter() if is_on() else None


def flush() -> None:
    """Send the spans that have ended, before the process ends; waits for the collector for a second at most."""
    if exporter := current_exporter():
        exporter.flush()


@cache
def _create_exporter() -> "Exporter | None":
    """Return a new exporter; None if OpenTelemetry refuses one of its variables, which fails no job."""
    try:
        from ingest.system.opentelemetry_spans import Exporter  # noqa: PLC0415 - only where traces are on

        return Exporter()
    except Exception as error:
        logger.warning("traces are off, because OpenTelemetry refuses one of the variables OTEL_*: %s", error)
        return None

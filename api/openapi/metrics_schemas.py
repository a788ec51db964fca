"""The answer of `GET /metrics`, for the OpenAPI document. Used by `api.routes.operations`."""

from typing import Any

EXAMPLE = """\
# HELP pacifica_ingest_jobs Jobs by state, and those that failed by the code of their error.
# TYPE pacifica_ingest_jobs gauge
pacifica_ingest_jobs{code="",kind="ingest",state="running"} 3.0
"""
METRICS: dict[str, Any] = {
    "description": "The metrics, in the text format of Prometheus.",
    "content": {"text/plain": {"schema": {"type": "string"}, "example": EXAMPLE}},
}

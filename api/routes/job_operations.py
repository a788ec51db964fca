"""The documentation of the calls on `/jobs` in the OpenAPI document. Named by `api.routes.jobs` and `job_contents`."""

from typing import Any

from pydantic import BaseModel

from api.openapi.job_schemas import JOB_HEADERS, EventPage, FilePage, JobDetail, JobPage
from api.openapi.operation import Operation
from api.request_errors import ParametersInvalid
from api.routes.call_errors import STATE_ERRORS
from api.routes.operations import REPORT
from ingest.errors.types import DatabaseUnavailable

PAGED = "The header `Link` and the key `next` have the address of the next page. No page repeats an entry."


def _page(operation_id: str, summary: str, description: str, model: type[BaseModel]) -> Operation:
    return Operation(
        operation_id=operation_id,
        summary=summary,
        description=f"{description} {PAGED}",
        tag=REPORT,
        answers={200: model},
        errors=(*STATE_ERRORS, ParametersInvalid),
    )


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}


LIST_JOBS = Operation(
    operation_id="list_jobs",
    summary="List jobs, newest first",
    description=f"Filters combine. Uploaders see their own jobs. {PAGED}",
    tag=REPORT,
    answers={200: JobPage},
    errors=(ParametersInvalid, DatabaseUnavailable),
)
GET_JOB = Operation(
    operation_id="get_job",
    summary="Get everything about a job",
    description="The state, and its stages, progress and error. `ETag` changes when the job does. With `Prefer: wait=30` "
    "the answer waits until the job changes, for up to 30 seconds.",
    tag=REPORT,
    answers={
        200: JobDetail,
        304: {"description": "The job has not changed since the answer with this `ETag`.", "headers": JOB_HEADERS},
    },
    errors=STATE_ERRORS,
    headers=(
        _header("If-None-Match", "The `ETag` of an earlier answer: 304 if the job has not changed since."),
        _header(
            "Prefer",
            "`wait=N`: wait up to N seconds, at most 60, until the job changes (RFC 7240). The answer comes immediately, "
            "without `Preference-Applied`, if the job has ended, or if too many requests wait.",
        ),
    ),
)
LIST_FILES = _page(
    "list_files",
    "List the files of a job",
    "With a filter, a page may have fewer files than `limit`, even none, although there is a next page.",
    FilePage,
)
LIST_EVENTS = _page("list_events", "List the events of a job", "The history of the job, oldest first.", EventPage)

"""The list of jobs and the files of a job as CSV files."""

from collections.abc import Iterator
from http import HTTPStatus

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import StreamingResponse

from ingest.airflow_pages.access import AccessDep
from ingest.airflow_pages.resources import get_engine
from ingest.airflow_pages.visible_job import VisibleJobDep
from ingest.pages.csv_file import CONTENT_TYPE, download_headers
from ingest.pages.export import export_files, export_jobs
from ingest.pages.filters import read_query
from ingest.pages.headers import PAGE_HEADERS

router = APIRouter()


@router.get("/jobs.csv")
def send_jobs(request: Request, access: AccessDep) -> StreamingResponse:
    """Answer all jobs of a list that the account may see."""
    query = read_query(request.query_params).of_kinds(access.readable)
    if query.faults:
        raise HTTPException(HTTPStatus.BAD_REQUEST, query.faults[0])
    return _send(export_jobs(get_engine(), query), "jobs.csv")


@router.get("/jobs/{job_id}/files.csv")
def send_files(job: VisibleJobDep, request: Request) -> StreamingResponse:
    """Answer all files of a job."""
    return _send(export_files(get_engine(), job.job_id, request.query_params), f"job-{job.job_id}-files.csv")


def _send(parts: Iterator[bytes], name: str) -> StreamingResponse:
    return StreamingResponse(parts, headers={**PAGE_HEADERS, **download_headers(name)}, media_type=CONTENT_TYPE)

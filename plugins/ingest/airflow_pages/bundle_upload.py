"""Another bundle for a failed job: the page with its form, and the upload.

The body is the bundle itself, not a form, so that it is written to the spool as it arrives. Few uploads are received
simultaneously, because the api-server also takes the heartbeats of tasks.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from threading import BoundedSemaphore

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool

from ingest.airflow_pages.access import NOT_GENUINE
from ingest.airflow_pages.page import Page
from ingest.airflow_pages.request_body import RequestBody
from ingest.airflow_pages.resources import get_airflow, get_engine, get_settings
from ingest.airflow_pages.visible_job import ChangeableJobDep
from ingest.operations.upload_bundle import run_with_upload
from ingest.orchestrator.obstacles import report_obstacles
from ingest.pages.csrf import TOKEN_HEADER, is_genuine
from ingest.pages.job_actions import show_bundle_form

MOST_UPLOADS = 2

router = APIRouter(default_response_class=Page)
_slots = BoundedSemaphore(MOST_UPLOADS)


@router.get("/jobs/{job_id}/bundle")
def show_form(job: ChangeableJobDep) -> str:
    """Answer the page on which a person sends another bundle for a job."""
    return show_bundle_form(get_settings(), get_engine(), job.site, job.job_id)


@router.post("/jobs/{job_id}/bundle")
async def replace(job: ChangeableJobDep, request: Request) -> Response:
    """Make the body the bundle of a job, and start the job; raises BundleNotReplaceable, HTTPException."""
    if not is_genuine(request.headers, request.headers.get(TOKEN_HEADER, ""), job.site.csrf_token):
        raise HTTPException(HTTPStatus.FORBIDDEN, NOT_GENUINE)
    size = _announced_size(request)
    with _slot():
        body = RequestBody(request, get_settings().receive_timeout)
        await run_in_threadpool(_replace, job.job_id, body, size, job.account)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _replace(job_id: int, body: RequestBody, size: int, account: str) -> None:
    settings, engine, airflow = get_settings(), get_engine(), get_airflow()
    with report_obstacles(engine, airflow, job_id):
        run_with_upload(settings, engine, airflow, job_id, body, size, account)


def _announced_size(request: Request) -> int:
    text = request.headers.get("Content-Length", "")
    if not (text.isascii() and text.isdigit()):
        raise HTTPException(HTTPStatus.LENGTH_REQUIRED, "Send the size of the bundle as Content-Length.")
    size, largest = int(text), get_settings().largest_bundle
    if size > largest:
        raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A bundle may have at most {largest} bytes.")
    return size


@contextmanager
def _slot() -> Iterator[None]:
    if not _slots.acquire(blocking=False):
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "Other bundles are being received; try again in a minute.")
    try:
        yield
    finally:
        _slots.release()

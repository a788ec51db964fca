"""The pages of jobs: the list, and each job with its parts. Uploaders see their own jobs, operators and admins all."""

from flask import Response, request

from api.access.auth import caller
from api.access.roles import ALL_ROLES, Role
from api.resources import get_resources
from api.routes.pages.answers import answer_html, current_site, routes
from api.routes.pages.visible_job import read_job_id, read_visible_id
from api.routes.receipts import answer_receipt
from ingest.pages import job_events, job_files, job_metadata, job_page
from ingest.pages.filters import read_query
from ingest.pages.job_table import render_jobs
from ingest.pages.overview import OverviewReader
from ingest.states.stages import Kind


@routes.undocumented("/jobs", ALL_ROLES)
def list_jobs() -> Response:
    """Answer the list of the jobs that the caller may see; operators and admins see an overview above it."""
    resources, query = get_resources(), read_query(request.args)
    if _is_operator():
        overview = resources.get(OverviewReader).read()
    else:
        overview, query = None, query.of_user(caller().user)
    return answer_html(render_jobs(current_site(), resources.engine, query, sorted(Kind), overview))


@routes.undocumented("/jobs/<job_id>", ALL_ROLES)
def show_job(job_id: str) -> Response:
    """Answer the page of a job."""
    resources, job = get_resources(), read_visible_id(job_id)
    page = job_page.show_job(resources.settings, resources.engine, current_site(), job, is_operator=_is_operator())
    return answer_html(page)


@routes.undocumented("/jobs/<job_id>/files", ALL_ROLES)
def show_files(job_id: str) -> Response:
    """Answer a page of the files of a job."""
    job = read_visible_id(job_id)
    return answer_html(job_files.show_files(get_resources().engine, current_site(), job, request.args))


@routes.undocumented("/jobs/<job_id>/events", ALL_ROLES)
def show_events(job_id: str) -> Response:
    """Answer a page of the events of a job."""
    engine, job = get_resources().engine, read_visible_id(job_id)
    return answer_html(job_events.show_events(engine, current_site(), job, request.args, is_operator=_is_operator()))


@routes.undocumented("/jobs/<job_id>/metadata", ALL_ROLES)
def show_metadata(job_id: str) -> Response:
    """Answer the metadata of a job."""
    resources, job = get_resources(), read_visible_id(job_id)
    return answer_html(job_metadata.show_metadata(resources.settings, resources.engine, current_site(), job))


@routes.undocumented("/jobs/<job_id>/receipt", ALL_ROLES)
def download_receipt(job_id: str) -> Response:
    """Answer the receipt: browsers do not send their password to `/jobs`, whose challenge is for other clients."""
    return answer_receipt(read_job_id(job_id))


def _is_operator() -> bool:
    return caller().role is not Role.UPLOADER

"""The list of jobs and the files of a job as CSV files. Uploaders get their own jobs, operators and admins all."""

from collections.abc import Iterator

from flask import Response, request

from api.access.auth import caller
from api.access.roles import ALL_ROLES, Role
from api.request_errors import ParametersInvalid
from api.resources import get_resources
from api.routes.pages.answers import routes
from api.routes.pages.visible_job import read_visible_id
from api.serving.long_answers import send_at_the_clients_pace
from ingest.pages.csv_file import CONTENT_TYPE, download_headers
from ingest.pages.export import export_files, export_jobs
from ingest.pages.filters import read_query
from ingest.pages.headers import PAGE_HEADERS


@routes.undocumented("/jobs.csv", ALL_ROLES)
def send_jobs() -> Response:
    """Answer all jobs of a list that the caller may see."""
    query = read_query(request.args)
    if caller().role is Role.UPLOADER:
        query = query.of_user(caller().user)
    if query.faults:
        raise ParametersInvalid({"filter": query.faults[0]})
    return _send(export_jobs(get_resources().engine, query), "jobs.csv")


@routes.undocumented("/jobs/<job_id>/files.csv", ALL_ROLES)
def send_files(job_id: str) -> Response:
    """Answer all files of a job."""
    job = read_visible_id(job_id)
    return _send(export_files(get_resources().engine, job, request.args), f"job-{job}-files.csv")


def _send(parts: Iterator[bytes], name: str) -> Response:
    response = send_at_the_clients_pace(parts, CONTENT_TYPE)
    response.headers.update({**PAGE_HEADERS, **download_headers(name)})
    return response

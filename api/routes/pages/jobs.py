"""The pages of jobs: the list, and each job. Uploaders see their own jobs, operators and admins all."""

from flask import Response, request

from api.access.auth import caller
from api.access.roles import ALL_ROLES, Role
from api.resources import get_resources
from api.routes.pages.answers import answer_html, current_site, routes
from ingest.pages.filters import read_query
from ingest.pages.job_table import render_jobs
from ingest.states.stages import Kind


@routes.undocumented("/jobs", ALL_ROLES)
def list_jobs() -> Response:
    """Answer the list of the jobs that the caller may see."""
    query = read_query(request.args)
    if caller().role is Role.UPLOADER:
        query = query.of_user(caller().user)
    return answer_html(render_jobs(current_site(), get_resources().engine, query, sorted(Kind)))

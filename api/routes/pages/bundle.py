"""Another bundle for a failed job: the page with its form, and the upload. Only admins send one.

The body is the bundle itself, not a form, so that it is written to the spool as it arrives. What a process that dies leaves
is described by `ingest.operations.replace_bundle`.
"""

from http import HTTPStatus

from flask import Response, request

from api.access.auth import caller
from api.access.roles import ADMINS
from api.receiving.body import Body
from api.receiving.upload_errors import LengthRequired
from api.receiving.upload_slots import slot_of
from api.resources import get_resources
from api.routes.pages.answers import answer_html, current_site, routes
from api.routes.pages.form_token import check_token
from api.routes.pages.visible_job import read_job_id
from ingest.operations.upload_bundle import run_with_upload
from ingest.orchestrator.obstacles import report_obstacles
from ingest.pages.csrf import TOKEN_HEADER
from ingest.pages.job_actions import show_bundle_form


@routes.undocumented("/jobs/<job_id>/bundle", ADMINS)
def show_bundle_page(job_id: str) -> Response:
    """Answer the page on which a person sends another bundle for a job."""
    resources, job = get_resources(), read_job_id(job_id)
    return answer_html(show_bundle_form(resources.settings, resources.engine, current_site(), job))


@routes.undocumented("/jobs/<job_id>/bundle", ADMINS, methods=("POST",))
def replace(job_id: str) -> Response:
    """Make the body the bundle of a job, and start the job."""
    check_token(request.headers.get(TOKEN_HEADER, ""))
    resources, user, job = get_resources(), caller().user, read_job_id(job_id)
    settings, engine, airflow = resources.settings, resources.engine, resources.airflow
    body = Body(settings, settings.largest_bundle)
    if body.announced_size is None:
        raise LengthRequired("send the size of the bundle as Content-Length")
    with slot_of(resources, user), report_obstacles(engine, airflow, job):
        run_with_upload(settings, engine, airflow, job, body, body.announced_size, user)
    return Response(status=HTTPStatus.NO_CONTENT)

"""The buttons of a job's page: each form is checked, changes the job, and leads back to its page."""

from http import HTTPStatus

from flask import Response

from api.access.roles import ADMINS, UPLOADERS
from api.resources import get_resources
from api.routes.job_actions import cancel_visible
from api.routes.pages.answers import redirect_to, routes
from api.routes.pages.form_token import check_form
from api.routes.pages.job_ids import read_job_id
from ingest.operations.job_actions import retry_job


@routes.undocumented("/jobs/<job_id>/cancel", UPLOADERS, methods=("POST",))
def cancel(job_id: str) -> Response:
    """Cancel a job of the caller, or as an admin any job."""
    check_form()
    cancel_visible(read_job_id(job_id))
    return _lead_back(job_id)


@routes.undocumented("/jobs/<job_id>/retry", ADMINS, methods=("POST",))
def retry(job_id: str) -> Response:
    """Retry a job."""
    check_form()
    resources = get_resources()
    retry_job(resources.engine, resources.airflow, read_job_id(job_id))
    return _lead_back(job_id)


def _lead_back(job_id: str) -> Response:
    return redirect_to(f"../{job_id}", HTTPStatus.SEE_OTHER)

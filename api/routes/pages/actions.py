"""Retry and cancel a job: a page to confirm, and the change, after which the browser shows the job again."""

from http import HTTPStatus

from flask import Response

from api.access.roles import ADMINS, UPLOADERS
from api.resources import get_resources
from api.routes.job_actions import cancel_visible
from api.routes.pages.answers import answer_html, current_site, redirect_to, routes
from api.routes.pages.form_token import check_form
from api.routes.pages.visible_job import read_job_id, read_visible_id
from ingest.operations.job_actions import retry_job
from ingest.pages.job_actions import show_confirmation
from ingest.pages.selection import Action


@routes.undocumented("/jobs/<job_id>/cancel", UPLOADERS)
def confirm_cancellation(job_id: str) -> Response:
    """Answer the page on which a person confirms to cancel a job."""
    return _confirm(Action.CANCEL, job_id)


@routes.undocumented("/jobs/<job_id>/cancel", UPLOADERS, methods=("POST",))
def cancel(job_id: str) -> Response:
    """Cancel a job of the caller, or as an admin any job; may be repeated."""
    check_form()
    cancel_visible(read_job_id(job_id))
    return _show_job(job_id)


@routes.undocumented("/jobs/<job_id>/retry", ADMINS)
def confirm_retry(job_id: str) -> Response:
    """Answer the page on which a person confirms to retry a job."""
    return _confirm(Action.RETRY, job_id)


@routes.undocumented("/jobs/<job_id>/retry", ADMINS, methods=("POST",))
def retry(job_id: str) -> Response:
    """Retry a job; may be repeated."""
    check_form()
    resources = get_resources()
    retry_job(resources.engine, resources.airflow, read_job_id(job_id))
    return _show_job(job_id)


def _confirm(action: Action, job_id: str) -> Response:
    job = read_visible_id(job_id)
    return answer_html(show_confirmation(get_resources().engine, current_site(), action, job))


def _show_job(job_id: str) -> Response:
    return redirect_to(f"../{job_id}", HTTPStatus.SEE_OTHER)

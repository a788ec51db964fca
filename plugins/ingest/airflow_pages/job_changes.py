"""Retry and cancel a job: a page to confirm, and the change, after which the browser shows the job again."""

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import RedirectResponse

from ingest.airflow_pages.access import GenuineForm
from ingest.airflow_pages.form_route import FormRoute
from ingest.airflow_pages.page import Page
from ingest.airflow_pages.resources import get_airflow, get_engine, get_settings
from ingest.airflow_pages.visible_job import ChangeableJobDep, VisibleJob
from ingest.pages.job_actions import show_confirmation
from ingest.pages.selection import Action, action_on_job

router = APIRouter(default_response_class=Page, route_class=FormRoute)


@router.get("/jobs/{job_id}/retry")
def confirm_retry(job: ChangeableJobDep) -> str:
    """Answer the page on which a person confirms to retry a job."""
    return show_confirmation(get_engine(), job.site, Action.RETRY, job.job_id)


@router.post("/jobs/{job_id}/retry", dependencies=[GenuineForm])
def retry(job: ChangeableJobDep) -> RedirectResponse:
    """Retry a job; may be repeated."""
    return _change(job, Action.RETRY)


@router.get("/jobs/{job_id}/cancel")
def confirm_cancellation(job: ChangeableJobDep) -> str:
    """Answer the page on which a person confirms to cancel a job."""
    return show_confirmation(get_engine(), job.site, Action.CANCEL, job.job_id)


@router.post("/jobs/{job_id}/cancel", dependencies=[GenuineForm])
def cancel(job: ChangeableJobDep) -> RedirectResponse:
    """Cancel a job; may be repeated."""
    return _change(job, Action.CANCEL)


def _change(job: VisibleJob, action: Action) -> RedirectResponse:
    """Do an action with a job, and send the browser to its page."""
    action_on_job(action, get_settings(), get_engine(), get_airflow(), job.account)(job.job_id)
    return RedirectResponse(job.site.job(job.job_id), HTTPStatus.SEE_OTHER)

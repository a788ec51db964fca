"""The page of one job and of its parts, and the tab of each run."""

from fastapi import APIRouter, Request

from ingest.airflow_pages.access import AccessDep, SiteDep
from ingest.airflow_pages.page import Page
from ingest.airflow_pages.resources import get_engine, get_settings
from ingest.airflow_pages.visible_job import VisibleJob, VisibleJobDep, visible
from ingest.ledger.job_snapshots import job_of_run
from ingest.pages import job_events, job_files, job_metadata, job_page
from ingest.pages.rendering import render

NO_JOB = "This run processes no job: those of the DAGs ingest and move do."

router = APIRouter(default_response_class=Page)


@router.get("/jobs/{job_id}")
def show_job(job: VisibleJobDep) -> str:
    """Answer the page of a job."""
    return _show(job)


@router.get("/runs/{run_id}")
def show_job_of_run(run_id: str, access: AccessDep, site: SiteDep) -> str:
    """Answer the page of the job that a run processes."""
    job_id = job_of_run(run_id)
    if job_id is None:
        return render("message.html", site=site, heading="No job", text=NO_JOB, is_error=False, back=site.jobs())
    return _show(visible(job_id, access, site))


@router.get("/jobs/{job_id}/files")
def show_files(job: VisibleJobDep, request: Request) -> str:
    """Answer a page of the files of a job."""
    return job_files.show_files(get_engine(), job.site, job.job_id, request.query_params)


@router.get("/jobs/{job_id}/events")
def show_events(job: VisibleJobDep, request: Request) -> str:
    """Answer a page of the events of a job."""
    return job_events.show_events(get_engine(), job.site, job.job_id, request.query_params, is_operator=True)


@router.get("/jobs/{job_id}/metadata")
def show_metadata(job: VisibleJobDep) -> str:
    """Answer the metadata of a job."""
    return job_metadata.show_metadata(get_settings(), get_engine(), job.site, job.job_id)


def _show(job: VisibleJob) -> str:
    return job_page.show_job(get_settings(), get_engine(), job.site, job.job_id, is_operator=True)

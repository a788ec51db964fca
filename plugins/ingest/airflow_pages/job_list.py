"""The list of jobs: the page of the navigation's entry, and the tab of each DAG."""

from fastapi import APIRouter, Request

from ingest.airflow_pages.access import AccessDep, SiteDep
from ingest.airflow_pages.page import Page
from ingest.airflow_pages.resources import get_engine, get_overview
from ingest.pages.filters import read_query
from ingest.pages.job_table import render_jobs
from ingest.pages.rendering import render
from ingest.states.stages import Kind

NO_JOBS = "This DAG processes no jobs: the DAGs ingest and move do."

router = APIRouter(default_response_class=Page)


@router.get("/jobs")
def show_jobs(request: Request, site: SiteDep, access: AccessDep) -> str:
    """Answer the list of the jobs that the account may see."""
    query, kinds = read_query(request.query_params), sorted(access.readable)
    return render_jobs(site, get_engine(), query, kinds, get_overview().read() if len(kinds) == len(Kind) else None)


@router.get("/dags/{dag_id}")
def show_jobs_of_dag(dag_id: str, request: Request, site: SiteDep, access: AccessDep) -> str:
    """Answer the list of the jobs that a DAG processes."""
    if dag_id not in list(Kind):
        return render("message.html", site=site, heading="No jobs", text=NO_JOBS, is_error=False, back=site.jobs())
    access.check_may_read(Kind(dag_id))
    return render_jobs(site, get_engine(), read_query(request.query_params), [Kind(dag_id)])

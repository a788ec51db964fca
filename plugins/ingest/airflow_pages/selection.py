"""Retry and cancel selected jobs of the list, each after a confirmation."""

from typing import Annotated

from fastapi import APIRouter, Form, Query

from ingest.airflow_pages.access import AccessDep, GenuineForm, MayChange, SiteDep
from ingest.airflow_pages.form_route import FormRoute
from ingest.airflow_pages.page import Page
from ingest.airflow_pages.resources import get_airflow, get_engine, get_settings
from ingest.pages.selection import Action, act, action_on_job, read_selection, render_confirmation, render_results

router = APIRouter(default_response_class=Page, route_class=FormRoute)


@router.get("/jobs/confirm", dependencies=[MayChange])
def confirm(site: SiteDep, access: AccessDep, action: Action, job: Annotated[list[int] | None, Query()] = None) -> str:
    """Answer the page on which a person confirms an action on the selected jobs."""
    return render_confirmation(site, action, read_selection(get_engine(), action, job or [], access.changeable))


@router.post("/jobs/{action}", dependencies=[MayChange, GenuineForm])
def change(site: SiteDep, access: AccessDep, action: Action, job: Annotated[list[int], Form()]) -> str:
    """Do the action with the selected jobs that the account may change."""
    selected = read_selection(get_engine(), action, job, access.changeable)
    do = action_on_job(action, get_settings(), get_engine(), get_airflow(), access.account)
    return render_results(site, action, act(do, selected))

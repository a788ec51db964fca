"""Who may see and change which jobs: Airflow's permissions on the runs of the DAGs.

Who may read the runs of a DAG sees its jobs; who may change them may also retry and cancel jobs, and replace their bundle.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.models.dag import DagModel
from fastapi import Depends, Form, HTTPException, Request

from ingest.airflow_pages.page import is_framed, way_to_root
from ingest.airflow_pages.resources import csrf_secret
from ingest.pages.csrf import is_genuine, make_token
from ingest.pages.site import Site
from ingest.states.stages import Kind

NOT_GENUINE = "The form is outdated or comes from another site. Go back and reload the page."
READ: ResourceMethod = "GET"
CHANGE: ResourceMethod = "PUT"


@dataclass(frozen=True)
class Access:
    """An account, and the kinds of jobs that it may see and change."""

    account: str
    readable: frozenset[Kind]
    changeable: frozenset[Kind]

    def check_may_read(self, kind: Kind) -> None:
        """Raise HTTPException unless the account may see jobs of this kind."""
        if kind not in self.readable:
            raise HTTPException(HTTPStatus.FORBIDDEN)

    def check_may_change(self, kind: Kind) -> None:
        """Raise HTTPException unless the account may change jobs of this kind."""
        if kind not in self.changeable:
            raise HTTPException(HTTPStatus.FORBIDDEN)


def current_access(user: GetUserDep) -> Access:
    """Return what the account of the request may do; raise HTTPException if it may not see any job."""
    readable, changeable = (frozenset(kind for kind in Kind if _may(user, method, kind)) for method in (READ, CHANGE))
    if not readable:
        raise HTTPException(HTTPStatus.FORBIDDEN)
    return Access(str(user.get_name()), readable, changeable)


def _may(user: BaseUser, method: ResourceMethod, kind: Kind) -> bool:
    runs = DagDetails(id=kind, team_name=DagModel.get_team_name(kind))
    access = DagAccessEntity.RUN
    return bool(get_auth_manager().is_authorized_dag(method=method, access_entity=access, details=runs, user=user))


AccessDep = Annotated[Access, Depends(current_access)]


def current_site(request: Request, access: AccessDep) -> Site:
    """Return the place as this request sees it."""
    root = way_to_root(request)
    may_change = bool(access.changeable)
    return Site(
        root=root,
        viewer=access.account,
        airflow_root=f"{root}../",
        may_retry=may_change,
        may_cancel=may_change,
        may_replace=may_change,
        is_framed=is_framed(request),
        csrf_token=make_token(csrf_secret(), access.account),
    )


SiteDep = Annotated[Site, Depends(current_site)]


def check_form(request: Request, site: SiteDep, csrf_token: Annotated[str, Form()] = "") -> None:
    """Raise HTTPException for a form that none of the pages has sent."""
    if not is_genuine(request.headers, csrf_token, site.csrf_token):
        raise HTTPException(HTTPStatus.FORBIDDEN, NOT_GENUINE)


GenuineForm = Depends(check_form)


def check_may_change(access: AccessDep) -> None:
    """Raise HTTPException unless the account may change jobs of some kind."""
    if not access.changeable:
        raise HTTPException(HTTPStatus.FORBIDDEN)


MayChange = Depends(check_may_change)

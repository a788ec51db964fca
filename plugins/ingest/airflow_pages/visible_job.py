"""The job that an address names, if the account of the request may see or change it. Used by the pages about one job."""

import re
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, HTTPException

from ingest.airflow_pages.access import Access, AccessDep, SiteDep
from ingest.airflow_pages.resources import get_engine
from ingest.errors.types import ReceivedByOriginal
from ingest.ledger import jobs
from ingest.pages.site import Site
from ingest.states.stages import Kind

JOB_ID = re.compile("[0-9]{1,19}")


@dataclass(frozen=True)
class VisibleJob:
    """A job, and the place as the account sees it; `kind` is None for a job of the original service."""

    job_id: int
    kind: Kind | None
    account: str
    site: Site


def find_visible(job_id: str, access: AccessDep, site: SiteDep) -> VisibleJob:
    """Return a job that the account may see; raises UnknownJob, HTTPException, DatabaseUnavailable."""
    if not JOB_ID.fullmatch(job_id):
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return visible(int(job_id), access, site)


def visible(job_id: int, access: Access, site: Site) -> VisibleJob:
    """Return a job that the account may see; raises UnknownJob, HTTPException, DatabaseUnavailable."""
    try:
        kind = jobs.read(get_engine(), job_id).received.kind
    except ReceivedByOriginal:
        return VisibleJob(job_id, None, access.account, site)
    access.check_may_read(kind)
    may_change = kind in access.changeable
    own = replace(site, may_retry=may_change, may_cancel=may_change, may_replace=may_change)
    return VisibleJob(job_id, kind, access.account, own)


VisibleJobDep = Annotated[VisibleJob, Depends(find_visible)]


def find_changeable(job: VisibleJobDep, access: AccessDep) -> VisibleJob:
    """Return a job that the account may change; raises as `find_visible`, and ReceivedByOriginal."""
    if job.kind is None:
        raise ReceivedByOriginal(job.job_id)
    access.check_may_change(job.kind)
    return job


ChangeableJobDep = Annotated[VisibleJob, Depends(find_changeable)]

"""The job that an address names, if the account of the request may see or change it. Used by the pages about one job."""

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends
from starlette.convertors import Convertor, register_url_convertor

from ingest.airflow_pages.access import AccessDep, SiteDep
from ingest.airflow_pages.resources import get_engine
from ingest.errors.types import ReceivedByOriginal
from ingest.ledger import jobs
from ingest.pages.site import Site
from ingest.states.stages import Kind


class JobConvertor(Convertor[int]):
    """The id of a job in an address: anything else is no page, and never an error of a number."""

    regex = "[0-9]{1,19}"

    def convert(self, value: str) -> int:
        """Return the id."""
        return int(value)

    def to_string(self, value: int) -> str:
        """Return the part of the address."""
        return str(value)


register_url_convertor("job", JobConvertor())


@dataclass(frozen=True)
class VisibleJob:
    """A job, and the place as the account sees it; `kind` is None for a job of the original service."""

    job_id: int
    kind: Kind | None
    account: str
    site: Site


def find_visible(job_id: int, access: AccessDep, site: SiteDep) -> VisibleJob:
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

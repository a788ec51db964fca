"""The pages on which a person confirms to retry or cancel a job, or to replace its bundle.

Called by both places that serve pages.
"""

from dataclasses import dataclass

from sqlalchemy import Engine

from ingest.ledger import jobs
from ingest.operations.upload_bundle import check_replaceable
from ingest.pages.rendering import render
from ingest.pages.site import Site
from ingest.settings.loading import Settings


@dataclass(frozen=True)
class JobAction:
    """What a person can do to a job; `name` is the last part of its address."""

    name: str
    verb: str
    consequences: tuple[str, ...]
    is_dangerous: bool = False


RETRY = JobAction(
    "retry",
    "Retry",
    (
        "The job continues with its first stage that has not finished; what is archived already is not sent again.",
        "A job that waits for a service tries it again immediately.",
        "A job that was rejected sends all its files again. If the bundle itself is at fault, it is rejected again.",
    ),
)
CANCEL = JobAction(
    "cancel",
    "Cancel",
    (
        "This is final: the job cannot be retried. To archive the data, send it again as a new job.",
        "Files of the job that are archived already are removed from the archive; the sources of a move are restored.",
        "The bundle is removed from the spool within the hour.",
    ),
    is_dangerous=True,
)


def show_confirmation(engine: Engine, site: Site, action: JobAction, job_id: int) -> str:
    """Return the page on which a person confirms an action; raises UnknownJob, DatabaseUnavailable."""
    job = jobs.read(engine, job_id)
    return render("job_confirm.html", site=site, action=action, job=job)


def show_bundle_form(settings: Settings, engine: Engine, site: Site, job_id: int) -> str:
    """Return the page on which a person sends another bundle for a job; raises UnknownJob, BundleNotReplaceable."""
    job = check_replaceable(engine, job_id)
    return render("job_bundle.html", site=site, job=job, largest=settings.largest_bundle)

"""The pages on which a person confirms to retry or cancel a job, or sends another bundle for it.

Called by both places that serve pages. `ingest.pages.selection` confirms the same for several jobs.
"""

from sqlalchemy import Engine

from ingest.ledger import jobs
from ingest.operations.upload_bundle import check_replaceable
from ingest.pages.rendering import render
from ingest.pages.selection import Action, obstacle_to
from ingest.pages.site import Site
from ingest.settings.loading import Settings


def show_confirmation(engine: Engine, site: Site, action: Action, job_id: int) -> str:
    """Return the page that says what an action does, or why it is not possible; raises UnknownJob, DatabaseUnavailable."""
    job = jobs.read(engine, job_id)
    return render("job_confirm.html", site=site, action=action, job=job, obstacle=obstacle_to(action, job.record))


def show_bundle_form(settings: Settings, engine: Engine, site: Site, job_id: int) -> str:
    """Return the page on which a person sends another bundle for a job; raises UnknownJob, BundleNotReplaceable."""
    job = check_replaceable(engine, job_id)
    return render("job_bundle.html", site=site, job=job, largest=settings.largest_bundle)

"""Retry or cancel selected jobs: the page that requests a confirmation, the action, and the page of its results.

Called by the place that serves the pages, after it has checked the login and the form.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Engine, select

from ingest.errors.types import IngestError
from ingest.ledger.database import transaction
from ingest.ledger.job_list import to_listed
from ingest.ledger.jobs import is_valid_id
from ingest.ledger.models import Job
from ingest.operations.job_actions import AN_ADMIN, cancel_job, retry_job
from ingest.orchestrator.client import AirflowApi
from ingest.pages.job_table import JobRow, to_rows
from ingest.pages.rendering import render
from ingest.pages.site import Site
from ingest.settings.loading import Settings
from ingest.states.job_record import JobRecord
from ingest.states.stages import Kind

# The most jobs of a selection, and the seconds after which no further job of it is begun: a browser waits for the answer.
MOST_SELECTED = 200
MOST_SECONDS = 20.0
NOT_BEGUN = "Not done yet, because the other jobs took too long. Select it again."


class Action(StrEnum):
    """What is done with the selected jobs."""

    RETRY = "retry"
    CANCEL = "cancel"

    @property
    def consequence(self) -> str:
        """What happens to a job."""
        return CONSEQUENCES[self]


CONSEQUENCES = {
    Action.RETRY: "Each job continues at its first unfinished stage. A job that waits tries again immediately.",
    Action.CANCEL: "Each job stops, its files are removed from the archive, and its bundle is deleted within the hour. "
    "This cannot be undone.",
}


@dataclass(frozen=True)
class SelectedJob:
    """A selected job; `obstacle` says why the action is not possible, and is empty if it is."""

    row: JobRow
    obstacle: str


@dataclass(frozen=True)
class Result:
    """The result of the action on a job; `failure` is empty if it was done."""

    job_id: int
    failure: str = ""


def render_confirmation(site: Site, action: Action, selected: Sequence[SelectedJob]) -> str:
    """Return the page that says what will happen, and requests a confirmation."""
    possible = [each.row.job_id for each in selected if not each.obstacle]
    return render(
        "confirm.html", site=site, action=action, selected=selected, possible=possible, most_selected=MOST_SELECTED
    )


def read_selection(
    engine: Engine, action: Action, job_ids: Sequence[int], kinds: Collection[Kind]
) -> list[SelectedJob]:
    """Read the selected jobs of these kinds, at most MOST_SELECTED, newest first; raises DatabaseUnavailable."""
    valid = [job_id for job_id in job_ids if is_valid_id(job_id)]
    query = select(Job).where(Job.id.in_(valid), Job.kind.in_(kinds)).order_by(Job.created.desc(), Job.id.desc())
    with transaction(engine) as session:
        jobs = [to_listed(job) for job in session.scalars(query.limit(MOST_SELECTED))]
    return [SelectedJob(row, obstacle_to(action, row.job.snapshot.record)) for row in to_rows(engine, jobs)]


def action_on_job(
    action: Action, settings: Settings, engine: Engine, airflow: AirflowApi, account: str
) -> Callable[[int], object]:
    """Return the function that does the action with a job on behalf of an account."""
    if action is Action.RETRY:
        return lambda job_id: retry_job(engine, airflow, job_id)
    return lambda job_id: cancel_job(settings, engine, airflow, job_id, AN_ADMIN, account)


def act(do: Callable[[int], object], selected: Sequence[SelectedJob]) -> list[Result]:
    """Do the action with one job after the other; a repetition does no harm. Errors are results, not raised."""
    deadline = time.monotonic() + MOST_SECONDS
    results = []
    for each in selected:
        failure = each.obstacle or (NOT_BEGUN if time.monotonic() > deadline else "")
        results.append(Result(each.row.job_id, failure or _failure(do, each.row.job_id)))
    return results


def _failure(do: Callable[[int], object], job_id: int) -> str:
    try:
        do(job_id)
    except IngestError as error:
        return error.text
    return ""


def render_results(site: Site, action: Action, results: Sequence[Result]) -> str:
    """Return the page that says what was done."""
    done = sum(not result.failure for result in results)
    return render("results.html", site=site, action=action, results=results, done=done)


def obstacle_to(action: Action, record: JobRecord) -> str:
    """Return why an action on a job is not possible; empty if it is."""
    if record.is_cataloged:
        return "It is complete."
    if record.is_canceled:
        return "It was canceled, which is final." if action is Action.RETRY else "It is canceled already."
    return ""

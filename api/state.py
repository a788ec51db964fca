"""Report: `GET /get_state`.

What a job's state is, is decided by `ingest.states` alone; here is gathered what is known of it.
"""

import logging
from datetime import UTC, datetime

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint

from api.access.auth import caller
from api.openapi import operations
from api.openapi.schemas import JobPath, JobQuery
from api.resources import Resources, resources
from ingest import jobs, original_jobs
from ingest.errors import DatabaseUnavailable, ServiceUnavailable
from ingest.expected_run import expected_run
from ingest.jobs import JobView
from ingest.models import OriginalJob
from ingest.original_jobs import ReceivedByOriginal
from ingest.states import JobState, Outcome, Run, job_state

logger = logging.getLogger(__name__)
routes = APIBlueprint("state", __name__)

TIME_FORMAT = "%Y-%m-%d %H:%M:%S"


@routes.get("/get_state", **operations.GET_STATE)
def get_state(query: JobQuery) -> Response:
    """Answer the state of the job that `job_id` names."""
    return answer_state(query.job_id)


@routes.get("/get_state/<job_id>", **operations.GET_STATE_OF)
def get_state_of(path: JobPath) -> Response:
    """Answer the state of a job, in the other form of the address that the original takes."""
    return answer_state(path.job_id)


def answer_state(job_id: int) -> Response:
    """Read the state of a job and keep it; raises UnknownJob, DatabaseUnavailable."""
    known = resources()
    try:
        view = known.reads.read(job_id)
    except ReceivedByOriginal:
        # Whose it was, the original did not keep.
        refuse_unless_seen(job_id, owner=None)
        return answer_as_original(original_jobs.read(known.engine, job_id))
    refuse_unless_seen(job_id, view.received.user)
    run = None
    if needs_run(view):
        run = read_run(known, view)
        if run is not None and run.has_ended:
            # Read anew: a job that was catalogued since would else look as if its run had ended without it.
            seen, view = view, known.reads.read(job_id)
            if view.run_changes != seen.run_changes:
                # And one whose run was changed since, as it was before the change.
                run = read_run(known, view)
    state = job_state(view.record, run)
    if run is not None and state != view.record.last:
        _keep(known, view, state)
    return answer(job_id, state, view.created, view.updated)


def refuse_unless_seen(job_id: int, owner: str | None) -> None:
    """Raise UnknownJob, as if there were no such job, when the caller may not see the jobs of its owner."""
    if not caller().may_see(owner):
        raise original_jobs.unknown(job_id)


def answer(job_id: int, state: JobState, created: datetime, updated: datetime) -> Response:
    """Make the state JSON that is documented."""
    return jsonify(
        job_id=job_id,
        state=state.state,
        task=state.task,
        task_percent=state.percent_text,
        updated=_time(updated),
        created=_time(created),
        exception=state.exception,
        complete=state.complete,
    )


def answer_as_original(job: OriginalJob) -> Response:
    """Make the state JSON of a job that the original service received: value by value as the original made it."""
    return jsonify(
        job_id=job.id,
        state=job.state,
        task=job.task,
        task_percent=str(job.task_percent),
        updated=str(job.updated),
        created=str(job.created),
        exception=job.exception,
        complete=job.complete,
    )


def needs_run(view: JobView) -> bool:
    """Whether the ledger alone does not say what the job's state is."""
    return view.record.outcome is not Outcome.CATALOGUED and view.record.override is None


def read_run(known: Resources, view: JobView) -> Run | None:
    """Give a job's run as the ledger or Airflow has said lately; None when Airflow does not answer."""
    if view.triggered is None:
        return Run(None)
    try:
        return expected_run(view) or known.runs.run(view)
    except ServiceUnavailable as error:
        logger.warning("job %d: the last known state is answered: %s", view.received.job_id, error.text)
        return None


def _keep(known: Resources, view: JobView, state: JobState) -> None:
    try:
        jobs.keep_last_state(known.engine, view, state)
    except DatabaseUnavailable as error:
        logger.warning("job %d: its state could not be kept: %s", view.received.job_id, error.text)


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(TIME_FORMAT)

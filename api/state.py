"""Report: `GET /get_state`.

What a job's state is, is decided by `ingest.states` alone; here is gathered what is known of it. The ledger is read for each
answer; no answer waits for Airflow.
"""

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint
from sqlalchemy import Engine

from api.access.auth import caller
from api.openapi import operations
from api.openapi.schemas import JobPath, JobQuery
from api.recent_runs import run_key
from api.resources import Resources, resources
from ingest import jobs, original_jobs
from ingest.errors import DatabaseUnavailable, ServiceUnavailable
from ingest.expected_run import expected_run, presumed_run
from ingest.jobs import JobView
from ingest.models import OriginalJob
from ingest.original_jobs import ReceivedByOriginal
from ingest.states import FAILED, JobState, Outcome, Run, first_unfinished, job_state

logger = logging.getLogger(__name__)
routes = APIBlueprint("state", __name__)

TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
# How often a job is read until it does not change while its ended run is looked up.
READINGS = 3


@dataclass(frozen=True)
class RunReading:
    """A run as it is known, None where the last known state is answered; `is_certain` unless it only fits the ledger."""

    run: Run | None
    is_certain: bool


LAST_STATE = RunReading(None, is_certain=False)


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
    if not needs_run(view):
        known.runs.forget(view)
        return answer(job_id, job_state(view.record, None), view.created, view.updated)
    view, reading = _with_run(known, view)
    state = job_state(view.record, reading.run)
    if reading.is_certain and state != view.record.last:
        _keep(known.engine, view, state)
    return answer(job_id, _with_obstacles(known, view, reading.run, state), view.created, view.updated)


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


def read_run(known: Resources, view: JobView) -> RunReading:
    """Return a job's run as the ledger or Airflow said last.

    Before Airflow's first answer the ledger alone says how far the job is; but a job whose end is known already is not shown
    as one that goes on.
    """
    if view.triggered is None:
        return RunReading(Run(None), is_certain=True)
    try:
        run = expected_run(view) or known.runs.run(view)
    except ServiceUnavailable as error:
        logger.warning("job %d: the last known state is answered: %s", view.received.job_id, error.text)
        return LAST_STATE
    if run is not None:
        return RunReading(run, is_certain=True)
    last = view.record.last
    if last is not None and last.state == FAILED:
        return LAST_STATE
    return RunReading(presumed_run(view.record), is_certain=False)


def keep_end(engine: Engine, view: JobView, run: Run) -> None:
    """Keep the state of a job whose run has ended, for a client that polls so seldom that its run is forgotten."""
    seen = jobs.read(engine, view.received.job_id)
    if run_key(seen) == run_key(view):
        _keep(engine, seen, job_state(seen.record, run))


def _with_run(known: Resources, view: JobView) -> tuple[JobView, RunReading]:
    """Return a job with its run; a run that has ended is older than what is returned of the job.

    Else a job that was cataloged in between would look as if its run had ended without it.
    """
    reading = read_run(known, view)
    for _ in range(READINGS):
        if reading.run is None or not reading.run.has_ended:
            break
        seen, view = view, known.reads.read(view.received.job_id)
        if run_key(view) == run_key(seen) or not needs_run(view):
            break
        reading = read_run(known, view)
    return view, reading


def _with_obstacles(known: Resources, view: JobView, run: Run | None, state: JobState) -> JobState:
    """Add to the state of a job that waits what prevents Airflow from running it."""
    if run is None or state.state == FAILED or run.is_working or expected_run(view):
        return state
    needs_housekeeping = run.state is None or run.has_ended
    stages = [first_unfinished(view.record)]
    found = known.obstacles.last_known().of_job(view.record.kind, stages, needs_housekeeping=needs_housekeeping)
    return replace(state, exception="; ".join(filter(None, [state.exception, *found])))


def _keep(engine: Engine, view: JobView, state: JobState) -> None:
    try:
        jobs.keep_last_state(engine, view, state)
    except DatabaseUnavailable as error:
        logger.warning("job %d: its state could not be kept: %s", view.received.job_id, error.text)


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(TIME_FORMAT)

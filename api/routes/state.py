"""Report: `GET /get_state`.

What a job's state is, is decided by `ingest.states.job_state` alone; here is gathered what is known of it. The ledger is
read for each answer; no answer waits for Airflow.
"""

import logging
from dataclasses import replace
from datetime import UTC, datetime

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint
from sqlalchemy import Engine

from api.access.auth import caller
from api.openapi import operations
from api.openapi.schemas import JobPath, JobQuery
from api.polling.recent_runs import run_key
from api.polling.run_reading import needs_run, read_with_run
from api.resources import Resources, get_resources
from ingest.errors.types import DatabaseUnavailable
from ingest.ledger import jobs, legacy_jobs
from ingest.ledger.jobs import JobSnapshot
from ingest.ledger.legacy_jobs import ReceivedByOriginal
from ingest.ledger.models import OriginalJob
from ingest.orchestrator import start_jobs
from ingest.orchestrator.inferred_run import infer_recent_run
from ingest.states.airflow import Run
from ingest.states.job_record import JobState, JobStatus
from ingest.states.job_state import first_unfinished, job_state

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
    resources = get_resources()
    try:
        snapshot = resources.reads.read(job_id)
    except ReceivedByOriginal:
        # Whose it was, the original did not keep.
        refuse_unless_seen(job_id, owner=None)
        return answer_as_original(legacy_jobs.read(resources.engine, job_id))
    refuse_unless_seen(job_id, snapshot.received.user)
    if not needs_run(snapshot):
        resources.runs.forget(snapshot)
        return answer(job_id, job_state(snapshot.record, None), snapshot.created, snapshot.updated)
    snapshot, reading = read_with_run(resources, snapshot)
    state = job_state(snapshot.record, reading.run)
    if reading.is_certain and state != snapshot.record.last:
        _keep(resources.engine, snapshot, state)
    return answer(job_id, _with_obstacles(resources, snapshot, reading.run, state), snapshot.created, snapshot.updated)


def refuse_unless_seen(job_id: int, owner: str | None) -> None:
    """Raise UnknownJob, as if there were no such job, when the caller may not see the jobs of its owner."""
    if not caller().may_see(owner):
        raise legacy_jobs.unknown(job_id)


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


def keep_end(engine: Engine, snapshot: JobSnapshot, run: Run) -> None:
    """Keep the state of a job whose run has ended, for a client that polls so seldom that its run is forgotten."""
    seen = jobs.read(engine, snapshot.received.job_id)
    if run_key(seen) == run_key(snapshot):
        _keep(engine, seen, job_state(seen.record, run))


def _with_obstacles(resources: Resources, snapshot: JobSnapshot, run: Run | None, state: JobState) -> JobState:
    """Add to the state of a job that waits what it waits for: earlier jobs of its user, or what prevents it in Airflow."""
    if run is None or state.state == JobStatus.FAILED or run.is_working or infer_recent_run(snapshot):
        return state
    waits = (
        "" if snapshot.triggered else start_jobs.reason_to_wait(resources.settings, resources.engine, snapshot.received)
    )
    needs_housekeeping = run.state is None or run.has_ended
    stages = [first_unfinished(snapshot.record)]
    found = resources.obstacles.last_known().for_job(
        snapshot.record.kind, stages, needs_housekeeping=needs_housekeeping
    )
    return replace(state, exception="; ".join(filter(None, [state.exception, waits, *found])))


def _keep(engine: Engine, snapshot: JobSnapshot, state: JobState) -> None:
    try:
        jobs.keep_last_state(engine, snapshot, state)
    except DatabaseUnavailable as error:
        logger.warning("job %d: its state could not be kept: %s", snapshot.received.job_id, error.text)


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(TIME_FORMAT)

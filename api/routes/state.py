"""Report the state of a job: `GET /get_state`.

`ingest.states` alone decides what the state is; this module collects the facts. The ledger is read for each answer; no
answer waits for Airflow.
"""

import logging
from dataclasses import dataclass, replace

from flask import Response
from sqlalchemy import Engine

from api.access.auth import caller
from api.access.roles import ALL_ROLES
from api.openapi.parameters import JobPath, JobQuery
from api.polling.announced_polls import joined_batch
from api.polling.batched_reads import BatchedReads
from api.polling.polled_job import run_key
from api.polling.recent_obstacles import RecentObstacles
from api.polling.recent_runs import RecentRuns
from api.polling.run_reading import needs_run, read_with_run
from api.resources import Resources, get_resources
from api.routes import operations
from api.routes.registration import Routes
from api.routes.state_json import answer, answer_as_original
from ingest.errors.types import DatabaseUnavailable, ReceivedByOriginal
from ingest.ledger import jobs, legacy_jobs
from ingest.ledger.jobs import JobSnapshot
from ingest.ledger.models import OriginalJob
from ingest.orchestrator import start_jobs
from ingest.orchestrator.inferred_run import infer_recent_run
from ingest.states.airflow import Run
from ingest.states.job_record import JobState, JobStatus
from ingest.states.job_state import first_unfinished, job_state

logger = logging.getLogger(__name__)
routes = Routes("state", __name__)


@routes.call("GET", "/get_state", operations.GET_STATE, ALL_ROLES)
def get_state(query: JobQuery) -> Response:
    """Answer the state of the job that `job_id` names."""
    return answer_state(query.job_id)


@routes.call("GET", "/get_state/<job_id>", operations.GET_STATE_OF, ALL_ROLES)
def get_state_of(path: JobPath) -> Response:
    """Answer the state of a job at the alternative address of the original service."""
    return answer_state(path.job_id)


def answer_state(job_id: int) -> Response:
    """Answer the state of a job and keep it in the ledger; raises UnknownJob, DatabaseUnavailable."""
    try:
        job = read_job(job_id)
    except ReceivedByOriginal:
        return answer_as_original(read_original(job_id))
    return answer(job_id, job.state, job.snapshot.created, job.snapshot.updated)


@dataclass(frozen=True)
class SeenJob:
    """A job, its run in Airflow (None if the state does not depend on it, or it is unknown), and its state."""

    snapshot: JobSnapshot
    run: Run | None
    state: JobState


def read_job(job_id: int) -> SeenJob:
    """Read a job that the caller may see, and keep its state in the ledger.

    Raises UnknownJob (ReceivedByOriginal, which `read_original` handles), DatabaseUnavailable.
    """
    resources = get_resources()
    snapshot = read_visible(job_id)
    if not needs_run(snapshot):
        resources.get(RecentRuns).forget(snapshot)
        return SeenJob(snapshot, None, job_state(snapshot.record, None))
    snapshot, reading = read_with_run(resources, snapshot)
    state = job_state(snapshot.record, reading.run)
    if reading.is_certain and state != snapshot.record.last:
        _keep(resources.engine, snapshot, state)
    return SeenJob(snapshot, reading.run, _with_obstacles(resources, snapshot, reading.run, state))


def read_original(job_id: int) -> OriginalJob:
    """Read a job of the original service, after `read_visible` has raised ReceivedByOriginal: the caller may see it.

    Raises DatabaseUnavailable.
    """
    return legacy_jobs.read(get_resources().engine, job_id)


def read_visible(job_id: int) -> JobSnapshot:
    """Read a job that the caller may see; raises UnknownJob (ReceivedByOriginal if the caller may see that job)."""
    try:
        snapshot = get_resources().get(BatchedReads).read(job_id, joined_batch())
    except ReceivedByOriginal:
        # The original service did not record the user.
        refuse_unless_seen(job_id, owner=None)
        raise
    refuse_unless_seen(job_id, snapshot.received.user)
    return snapshot


def refuse_unless_seen(job_id: int, owner: str | None) -> None:
    """Raise UnknownJob, as for a job that does not exist, when the caller may not see the jobs of its owner."""
    if not caller().may_see(owner):
        raise legacy_jobs.unknown(job_id)


def keep_end(engine: Engine, snapshot: JobSnapshot, run: Run) -> None:
    """Keep the final state of a job whose run has ended, in case its client polls too rarely to see it."""
    current = jobs.read(engine, snapshot.received.job_id)
    if run_key(current) == run_key(snapshot):
        _keep(engine, current, job_state(current.record, run))


def _with_obstacles(resources: Resources, snapshot: JobSnapshot, run: Run | None, state: JobState) -> JobState:
    """Add to the state of a waiting job its reason to wait: earlier jobs of its user, or obstacles in Airflow."""
    if run is None or state.state == JobStatus.FAILED or run.is_working or infer_recent_run(snapshot):
        return state
    waits = (
        "" if snapshot.triggered else start_jobs.reason_to_wait(resources.settings, resources.engine, snapshot.received)
    )
    needs_housekeeping = run.state is None or run.has_ended
    stages = [first_unfinished(snapshot.record)]
    obstacles = resources.get(RecentObstacles).last_known()
    found = obstacles.for_job(snapshot.record.kind, stages, needs_housekeeping=needs_housekeeping)
    return replace(state, exception="; ".join(filter(None, [state.exception, waits, *found])))


def _keep(engine: Engine, snapshot: JobSnapshot, state: JobState) -> None:
    try:
        jobs.keep_last_state(engine, snapshot, state)
    except DatabaseUnavailable as error:
        logger.warning("job %d: cannot keep its state: %s", snapshot.received.job_id, error.text)

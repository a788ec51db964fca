"""Makes every received job run: triggers jobs that Airflow does not have, and restarts runs that Airflow lost.

Called by the DAG `housekeeping`, once a minute. It also restores the pool `archive`, without which no file is sent.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator

from sqlalchemy import Engine

from ingest.errors.types import RUN_LOST, RUN_MARKED_FAILED, RunChanged, ServiceUnavailable
from ingest.ledger import job_runs, jobs
from ingest.ledger.database import make_engine
from ingest.ledger.jobs import JobSnapshot
from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.failure_marks import marked_failed_by
from ingest.orchestrator.obstacles import restore_pool
from ingest.orchestrator.runs import restart, trigger
from ingest.orchestrator.start_jobs import may_start
from ingest.settings.loading import Settings, load_dag_settings, load_settings
from ingest.states.airflow import Run, RunState
from ingest.states.job_record import Outcome
from ingest.states.job_state import GIVEN_UP_TEXT, MARKED_TEXT, lost_by_airflow, lost_for_good
from ingest.system.failpoints import failpoint

logger = logging.getLogger(__name__)
BATCH_SIZE = 500


def run_housekeeping() -> dict[str, int]:
    """Repair every unfinished job; return how many were triggered, cleared, stopped and given up.

    Raises DatabaseUnavailable; ServiceUnavailable when Airflow did not respond about a job, after all others are repaired.
    """
    settings = load_settings()
    engine = make_engine(settings, pool_size=1)
    airflow = AirflowApi(settings)
    counts = Counter(triggered=0, cleared=0)
    pool_failure = _restore_pool(airflow, counts)
    try:
        failures = _repair_all(settings, engine, airflow, _unfinished(engine), counts)
        # Other requests were changing these runs: repair them once more.
        collided = [job for job, error in failures if isinstance(error, RunChanged)]
        failures = [each for each in failures if not isinstance(each[1], RunChanged)]
        failures += _repair_all(settings, engine, airflow, collided, counts)
    finally:
        engine.dispose()
    last_failure = failures[-1][1] if failures else pool_failure
    if last_failure:
        raise last_failure
    return dict(counts)


def _restore_pool(airflow: AirflowApi, counts: Counter[str]) -> ServiceUnavailable | None:
    """Restore the pool if it is missing; return the error instead of raising it, so that the jobs are repaired first."""
    try:
        counts["pools_restored"] = int(restore_pool(airflow, load_dag_settings().archive_slots))
    except ServiceUnavailable as error:
        logger.warning("the pools cannot be checked: %s", error)
        return error
    return None


def _repair_all(
    settings: Settings, engine: Engine, airflow: AirflowApi, snapshots: Iterable[JobSnapshot], counts: Counter[str]
) -> list[tuple[JobSnapshot, ServiceUnavailable]]:
    """Repair jobs and count the actions; return the jobs that could not be repaired, with the errors."""
    failures = []
    for job in snapshots:
        try:
            counts.update(_repair_job(settings, engine, airflow, job))
        except ServiceUnavailable as error:
            # The cause may concern one kind of jobs only, such as a DAG that cannot be parsed, so continue with the others.
            logger.warning("job %s: %s", job.received.job_id, error)
            failures.append((job, error))
    return failures


def _repair_job(settings: Settings, engine: Engine, airflow: AirflowApi, seen: JobSnapshot) -> list[str]:
    """Trigger, restart or end the run of one job as needed; return the names of the actions, by which they are counted."""
    if seen.triggered is None and not may_start(settings, engine, seen.received):
        return []
    run = airflow.run(seen.received.kind, seen.run_id)
    # Read the job again: if it has ended since, an ended run is not a lost one.
    job = jobs.read(engine, seen.received.job_id)
    if run.state is None or job.triggered is None:
        trigger(engine, airflow, job.received)
        return ["triggered"]
    if account := _ended_by(airflow, job, run):
        job_runs.give_up(engine, job, RUN_MARKED_FAILED, MARKED_TEXT, f"marked by {account}")
        return ["stopped"]
    if lost_by_airflow(job.record, run):
        # Counted after the restart: counted before it, the last permitted clear would show the job as FAILED until the run
        # is cleared. A kill in between allows one clear too many, which does no harm.
        restart(engine, airflow, job, run)
        failpoint("housekeeping.cleared", job.received.job_id)
        job_runs.count_clear(engine, job.received.job_id)
        return ["cleared"]
    if lost_for_good(job.record, run):
        job_runs.give_up(engine, job, RUN_LOST, GIVEN_UP_TEXT)
        return ["given_up"]
    return []


def _ended_by(airflow: AirflowApi, job: JobSnapshot, run: Run) -> str | None:
    """Return the account that marked a job's run as failed in Airflow; None also while a rejection is being carried out."""
    lost = lost_by_airflow(job.record, run) or lost_for_good(job.record, run)
    if not lost or run.state != RunState.FAILED or job.record.outcome is Outcome.REJECTING:
        return None
    return marked_failed_by(airflow, job.received.kind, job.run_id)


def _unfinished(engine: Engine) -> Iterator[JobSnapshot]:
    last = -1
    while batch := jobs.unfinished(engine, last, BATCH_SIZE):
        yield from batch
        last = batch[-1].received.job_id

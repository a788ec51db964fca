"""What makes an answer a promise: jobs that Airflow does not have are triggered, runs that it lost are started again.

The pool `archive`, without which no file is sent, is restored if somebody has deleted it.

Called by the housekeeping DAG, once a minute.
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
from ingest.orchestrator.failure_marks import who_marked_failed
from ingest.orchestrator.obstacles import restore_pool
from ingest.orchestrator.runs import start_again, trigger
from ingest.orchestrator.start_jobs import may_start
from ingest.settings.loading import Settings, load_dag_settings, load_settings
from ingest.states.airflow import Run
from ingest.states.job_record import Outcome
from ingest.states.job_state import GIVEN_UP_TEXT, MARKED_TEXT, lost_by_airflow, lost_for_good
from ingest.system.failpoints import failpoint

logger = logging.getLogger(__name__)
BATCH = 500


def run_housekeeping() -> dict[str, int]:
    """Look at every unfinished job; gives how many were triggered, cleared, stopped and given up.

    Raises DatabaseUnavailable, and ServiceUnavailable when Airflow did not answer about some job, after all the others.
    """
    settings = load_settings()
    engine = make_engine(settings, pool_size=1)
    airflow = AirflowApi(settings)
    counts = Counter(triggered=0, cleared=0)
    failure = _restore_pool(airflow, counts)
    try:
        failures = _look_after_all(settings, engine, airflow, _unfinished(engine), counts)
        # Somebody else was changing these runs at that moment.
        collided = [job for job, error in failures if isinstance(error, RunChanged)]
        failures = [each for each in failures if not isinstance(each[1], RunChanged)]
        failures += _look_after_all(settings, engine, airflow, collided, counts)
    finally:
        engine.dispose()
    failure = failures[-1][1] if failures else failure
    if failure:
        raise failure
    return dict(counts)


def _restore_pool(airflow: AirflowApi, counts: Counter[str]) -> ServiceUnavailable | None:
    """Restore the pool if it is missing; return what prevented it, which must not keep the jobs waiting."""
    try:
        counts["pools_restored"] = int(restore_pool(airflow, load_dag_settings().archive_slots))
    except ServiceUnavailable as error:
        logger.warning("the pools: %s", error)
        return error
    return None


def _look_after_all(
    settings: Settings, engine: Engine, airflow: AirflowApi, jobs_to_see: Iterable[JobSnapshot], counts: Counter[str]
) -> list[tuple[JobSnapshot, ServiceUnavailable]]:
    failures = []
    for job in jobs_to_see:
        try:
            counts.update(_repair_job(settings, engine, airflow, job))
        except ServiceUnavailable as error:
            # Of one kind of job, perhaps (a DAG that cannot be parsed): the others must not wait for it.
            logger.warning("job %s: %s", job.received.job_id, error)
            failures.append((job, error))
    return failures


def _repair_job(settings: Settings, engine: Engine, airflow: AirflowApi, seen: JobSnapshot) -> list[str]:
    """Do what one job needs; gives what was done."""
    if seen.triggered is None and not may_start(settings, engine, seen.received):
        return []
    run = airflow.run(seen.received.kind, seen.run_id)
    # Read anew: the job may have ended since, and a run that ended with it is not lost.
    job = jobs.read(engine, seen.received.job_id)
    if run.state is None or job.triggered is None:
        trigger(engine, airflow, job.received)
        return ["triggered"]
    if who := _who_ended(airflow, job, run):
        job_runs.give_up(engine, job, RUN_MARKED_FAILED, MARKED_TEXT, f"marked by {who}")
        return ["stopped"]
    if lost_by_airflow(job.record, run):
        # Not counted first: while the run is not cleared, the last clear that is allowed would show the job as failed for
        # good. A kill in between costs one clear too many, which harms nothing.
        start_again(engine, airflow, job, run)
        failpoint("housekeeping.cleared", job.received.job_id)
        job_runs.count_clear(engine, job.received.job_id)
        return ["cleared"]
    if lost_for_good(job.record, run):
        job_runs.give_up(engine, job, RUN_LOST, GIVEN_UP_TEXT)
        return ["given_up"]
    return []


def _who_ended(airflow: AirflowApi, job: JobSnapshot, run: Run) -> str | None:
    """Return who marked a job's run as failed in Airflow; None if none did, or a rejection must be carried out first."""
    lost = lost_by_airflow(job.record, run) or lost_for_good(job.record, run)
    if not lost or run.state != "failed" or job.record.outcome is Outcome.REJECTING:
        return None
    return who_marked_failed(airflow, job.received.kind, job.run_id)


def _unfinished(engine: Engine) -> Iterator[JobSnapshot]:
    last = -1
    while batch := jobs.unfinished(engine, last, BATCH):
        yield from batch
        last = batch[-1].received.job_id

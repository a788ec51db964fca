"""Makes every received job run: triggers jobs that Airflow does not have, restarts lost runs, resumes jobs that wait.

Called by the DAG `housekeeping`, once a minute. It also restores the pool `archive`, without which no file is sent, writes
the notes of runs whose job has failed, and counts the events of jobs for metrics.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator

from sqlalchemy import Engine

from ingest.errors.types import RunChanged, ServiceUnavailable
from ingest.ledger import jobs
from ingest.ledger.database import make_engine
from ingest.ledger.event_totals import count_events
from ingest.ledger.jobs import JobSnapshot
from ingest.operations.repair_job import repair_job
from ingest.operations.resume_jobs import resume_jobs
from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.obstacles import restore_pool
from ingest.orchestrator.run_notes import write_recent_notes
from ingest.settings.loading import Settings, load_dag_settings, load_settings

logger = logging.getLogger(__name__)
BATCH_SIZE = 500


def run_housekeeping() -> dict[str, int]:
    """Repair every unfinished job; return how many were triggered, cleared, resumed, stopped and given up.

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
        counts.update(resume_jobs(settings, load_dag_settings(), engine, airflow))
        write_recent_notes(engine, airflow)
        count_events(engine)
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
            counts.update(repair_job(settings, engine, airflow, job))
        except ServiceUnavailable as error:
            # The cause may concern one kind of jobs only, such as a DAG that cannot be parsed, so continue with the others.
            logger.warning("job %s: %s", job.received.job_id, error)
            failures.append((job, error))
    return failures


def _unfinished(engine: Engine) -> Iterator[JobSnapshot]:
    last = -1
    while batch := jobs.unfinished(engine, last, BATCH_SIZE):
        yield from batch
        last = batch[-1].received.job_id

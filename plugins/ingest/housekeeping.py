"""What makes an answer a promise: jobs that Airflow does not have are triggered, runs that it lost are cleared.

The pool `archive`, without which no file is sent, is restored if somebody has deleted it.

Called by the housekeeping DAG, once a minute.
"""

import logging
from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Engine

from ingest import jobs
from ingest.airflow_api import AirflowApi
from ingest.database import make_engine
from ingest.errors import ServiceUnavailable
from ingest.failpoints import failpoint
from ingest.jobs import JobView
from ingest.obstacles import restore_pool
from ingest.running import clear_unfinished, trigger
from ingest.settings import load_dag_settings, load_settings
from ingest.states import lost_by_airflow, lost_for_good

logger = logging.getLogger(__name__)
BATCH = 500


def keep_house() -> dict[str, int]:
    """Look at every unfinished job; gives how many were triggered, how many cleared and how many could not be looked at.

    Raises DatabaseUnavailable, and ServiceUnavailable when Airflow did not answer about some job, after all the others.
    """
    settings = load_settings()
    engine = make_engine(settings, pool_size=1)
    airflow = AirflowApi(settings)
    counts = Counter(triggered=0, cleared=0)
    failure: ServiceUnavailable | None = None
    try:
        counts["pools_restored"] = int(restore_pool(airflow, settings, load_dag_settings()))
    except ServiceUnavailable as error:
        logger.warning("the pools: %s", error)
        failure = error
    try:
        for job in _unfinished(engine):
            try:
                counts.update(_look_after(engine, airflow, job))
            except ServiceUnavailable as error:
                # Of one kind of job, perhaps (a DAG that cannot be parsed): the others must not wait for it.
                logger.warning("job %s: %s", job.received.job_id, error)
                failure = error
    finally:
        engine.dispose()
    if failure:
        raise failure
    return dict(counts)


def _look_after(engine: Engine, airflow: AirflowApi, seen: JobView) -> list[str]:
    """Do what one job needs; gives what was done."""
    run = airflow.run(seen.received.kind, seen.run_id)
    # Read anew: the job may have ended since, and a run that ended with it is not lost.
    job = jobs.read(engine, seen.received.job_id)
    if run.state is None or job.triggered is None:
        trigger(engine, airflow, job.received)
        return ["triggered"]
    if lost_by_airflow(job.record, run):
        # Not counted first: while the run is not cleared, the last clear that is allowed would show the job as failed for
        # good. A kill in between costs one clear too many, which harms nothing.
        clear_unfinished(airflow, job, run)
        failpoint("housekeeping.cleared", job.received.job_id)
        jobs.count_clear(engine, job.received.job_id)
        return ["cleared"]
    if lost_for_good(job.record, run):
        jobs.give_up(engine, job)
        return ["given_up"]
    return []


def _unfinished(engine: Engine) -> Iterator[JobView]:
    last = -1
    while batch := jobs.unfinished(engine, last, BATCH):
        yield from batch
        last = batch[-1].received.job_id

"""What makes an answer a promise: jobs that Airflow does not have are triggered, runs that it lost are cleared.

Called by the housekeeping DAG, once a minute.
"""

import logging
from collections.abc import Iterator

from sqlalchemy import Engine

from ingest import jobs
from ingest.airflow_api import AirflowApi
from ingest.database import make_engine
from ingest.jobs import JobView
from ingest.running import clear_unfinished, trigger
from ingest.settings import load_settings
from ingest.states import lost_by_airflow

logger = logging.getLogger(__name__)
BATCH = 500


def keep_house() -> dict[str, int]:
    """Look at every unfinished job; gives how many were triggered and how many cleared.

    Raises ServiceUnavailable when Airflow does not answer, DatabaseUnavailable.
    """
    settings = load_settings()
    engine = make_engine(settings, pool_size=1)
    airflow = AirflowApi(settings)
    counts = {"triggered": 0, "cleared": 0}
    try:
        for job in _unfinished(engine):
            run = airflow.run(job.received.kind, job.run_id)
            if run.state is None:
                trigger(engine, airflow, job.received)
                counts["triggered"] += 1
            elif lost_by_airflow(job.record, run):
                # Counted first: a kill in between costs one of the clears that are allowed, never one too many.
                jobs.count_clear(engine, job.received.job_id)
                clear_unfinished(airflow, job)
                counts["cleared"] += 1
    finally:
        engine.dispose()
    return counts


def _unfinished(engine: Engine) -> Iterator[JobView]:
    last = -1
    while batch := jobs.unfinished(engine, last, BATCH):
        yield from batch
        last = batch[-1].received.job_id

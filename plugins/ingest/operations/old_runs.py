"""Removes old runs of this service's DAGs from Airflow, and old logs of their tasks.

Called by the DAG `retention`. Airflow never removes either. A run that ended more than `keep_airflow_days` ago is deleted by
Airflow's REST API, with its task instances. The run of a job that is still being processed or waits stays, with its
logs. The ledger keeps the job, its files and its events. A job that failed can still be retried: it gets a new run.

Airflow's event log and other tables have no such call: see `ingest.cli.clean_airflow`.
"""

import logging
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import Engine

from ingest.errors.types import RunChanged
from ingest.ledger import jobs
from ingest.ledger.database import make_engine
from ingest.ledger.job_snapshots import job_of_run
from ingest.operations import task_logs
from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.dag_ids import PERIODIC_DAGS
from ingest.orchestrator.run_history import runs_ended_before
from ingest.settings.loading import load_settings
from ingest.states.stages import Kind
from ingest.system.failpoints import NO_JOB, failpoint

logger = logging.getLogger(__name__)

# Airflow's api-server, which also serves the tasks, takes some 20 ms for each.
MAX_RUNS = 5_000
DAGS = (*(kind.value for kind in Kind), *PERIODIC_DAGS)


def remove_old_runs(logs: Path) -> dict[str, int]:
    """Remove old runs, about MAX_RUNS at most, and old logs; return how many of each, and how many runs are `kept`.

    `logs` is the folder of Airflow's logs. Raises ServiceUnavailable, DatabaseUnavailable. May be repeated, and be killed
    at any time.
    """
    settings = load_settings()
    before = datetime.now(UTC) - timedelta(days=settings.keep_airflow_days)
    engine = make_engine(settings, pool_size=1)
    airflow = AirflowApi(settings)
    is_open = partial(_is_open, engine)
    counts = Counter(runs=0, kept=0)
    try:
        for dag_id in DAGS:
            counts.update(_remove_runs(airflow, dag_id, before, is_open, MAX_RUNS - counts["runs"]))
            counts["logs"] += task_logs.remove_unused(logs, dag_id, before, is_open)
    finally:
        engine.dispose()
    counts["logs"] += task_logs.remove_of_dag_processor(logs, before)
    return dict(counts)


def _remove_runs(
    airflow: AirflowApi, dag_id: str, before: datetime, is_open: Callable[[str], bool], limit: int
) -> Counter[str]:
    """Remove about `limit` runs of a DAG that ended before a time, except those of open jobs."""
    counts = Counter(runs=0, kept=0)
    while counts["runs"] < limit and (runs := runs_ended_before(airflow, dag_id, before, counts["kept"])):
        for run_id in runs:
            removed = not is_open(run_id) and _remove(airflow, dag_id, run_id)
            counts["runs" if removed else "kept"] += 1
    return counts


def _remove(airflow: AirflowApi, dag_id: str, run_id: str) -> bool:
    try:
        airflow.delete(dag_id, run_id)
    except RunChanged as error:
        logger.info("the run %s of %s stays, because it was started again: %s", run_id, dag_id, error)
        return False
    failpoint("retention.run_removed", job_of_run(run_id) or NO_JOB)
    return True


def _is_open(engine: Engine, run_id: str) -> bool:
    """Return whether a run is that of a job that is still being processed or waits."""
    job_id = job_of_run(run_id)
    found = jobs.read_several(engine, [job_id]) if job_id is not None else {}
    return any(job.record.is_unfinished for job in found.values())

"""Finds obstacles to running jobs in Airflow: a DAG that is missing, broken or paused, a pool that is missing or empty.

The API, `show`, `retry` and the launcher report obstacles as sentences for people; housekeeping restores the pool `archive`.
A job that only waits for its turn (`max_active_runs`, a free slot) has no obstacle.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Engine

from ingest.errors.types import AirflowNotReady, DatabaseUnavailable, ServiceUnavailable, TransientError, UnknownJob
from ingest.ledger import jobs
from ingest.ledger.jobs import JobSnapshot
from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.dag_ids import HOUSEKEEPING, RETENTION, TAG
from ingest.orchestrator.pools import archive_pool
from ingest.states.job_state import first_unfinished
from ingest.states.stages import STAGES, Kind, Pool, Stage

# Without `retention` the spool would fill up.
NEEDED_DAGS = (*Kind, HOUSEKEEPING, RETENTION)
DAGS_PATH = f"/api/v2/dags?tags={TAG}&exclude_stale=false&order_by=dag_id&limit=100"
IMPORT_ERRORS_PATH = "/api/v2/importErrors?"
POOLS_PATH = "/api/v2/pools/"
# The timeout of each request of a command that only reports.
REPORT_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class Obstacles:
    """The obstacles in Airflow: a sentence for each DAG and each pool that keeps jobs from running."""

    dags: Mapping[str, str] = field(default_factory=dict)
    pools: Mapping[str, str] = field(default_factory=dict)

    @property
    def sentences(self) -> list[str]:
        """All obstacles, those of DAGs first."""
        return [*self.dags.values(), *self.pools.values()]

    def for_job(self, kind: Kind, stages: Collection[Stage], *, needs_housekeeping: bool) -> list[str]:
        """Return the obstacles in the given stages of a job; `needs_housekeeping` if housekeeping must start its run."""
        dags = [kind.value, *([HOUSEKEEPING] if needs_housekeeping else [])]
        pools = dict.fromkeys(stage.pool for stage in stages)
        found = [self.dags.get(dag) for dag in dags] + [self.pools.get(pool) for pool in pools]
        return [sentence for sentence in found if sentence]


def find_obstacles(airflow: AirflowApi, seconds: float | None = None) -> Obstacles:
    """Return the obstacles in Airflow; `seconds` is the timeout of each request. Raises ServiceUnavailable."""
    listed = airflow.read(DAGS_PATH, seconds) or {}
    pools = {pool.value: airflow.read(POOLS_PATH + pool, seconds) for pool in Pool}
    try:
        dags = {dag["dag_id"]: dag for dag in listed["dags"]}
        broken = {dag_id for dag_id, dag in dags.items() if _has_import_error(airflow, dag, seconds)}
        of_dags = {dag: _dag_obstacle(dag, dags.get(dag), is_broken=dag in broken) for dag in NEEDED_DAGS}
        of_pools = {name: _pool_obstacle(name, pool) for name, pool in pools.items()}
    except (KeyError, TypeError) as error:
        raise airflow.unavailable(f"it returned a document without {error}") from error
    return Obstacles(_without_empty(of_dags), _without_empty(of_pools))


def job_obstacles(airflow: AirflowApi, job: JobSnapshot, seconds: float | None = None) -> list[str]:
    """Return the obstacles in the remaining stages of a job; none if the job has ended.

    Raises ServiceUnavailable.
    """
    if not job.record.is_unfinished:
        return []
    kind = job.record.kind
    remaining = STAGES[kind][STAGES[kind].index(first_unfinished(job.record)) :]
    needs_housekeeping = job.triggered is None or job.record.is_waiting
    return find_obstacles(airflow, seconds).for_job(kind, remaining, needs_housekeeping=needs_housekeeping)


@contextmanager
def report_obstacles(engine: Engine, airflow: AirflowApi, job_id: int) -> Iterator[None]:
    """Raise AirflowNotReady if an obstacle keeps the job that the `with` block starts from running."""
    try:
        yield
    except TransientError as error:
        _check(engine, airflow, job_id, error)
        raise
    _check(engine, airflow, job_id)


def restore_pool(airflow: AirflowApi, slots: int) -> bool:
    """Create the pool `archive` if it is missing; return whether it was missing. Raises ServiceUnavailable."""
    if airflow.read(POOLS_PATH + Pool.ARCHIVE) is not None:
        return False
    airflow.create_pool(archive_pool(slots))
    return True


def _check(engine: Engine, airflow: AirflowApi, job_id: int, cause: Exception | None = None) -> None:
    found: list[str] = []
    # If the obstacles cannot be read, the error of the block says more.
    with suppress(ServiceUnavailable, DatabaseUnavailable, UnknownJob):
        found = job_obstacles(airflow, jobs.read(engine, job_id), REPORT_TIMEOUT_SECONDS)
    if found:
        raise AirflowNotReady(f"job {job_id} cannot run: {'; '.join(found)}") from cause


def _has_import_error(airflow: AirflowApi, dag: Mapping[str, Any], seconds: float | None) -> bool:
    """Return whether Airflow shows an import error of the DAG's file.

    The mark `has_import_errors` alone does not say so: a DAG keeps it after its file, and with it the error, was deleted.
    """
    if not dag["has_import_errors"]:
        return False
    query = urlencode({"filename": dag["relative_fileloc"], "bundle_name": dag["bundle_name"]})
    shown = airflow.read(IMPORT_ERRORS_PATH + query, seconds, missing=HTTPStatus.FORBIDDEN)
    # Without the right to read import errors, the mark has to do.
    return shown is None or shown["total_entries"] > 0


def _dag_obstacle(dag_id: str, dag: Mapping[str, Any] | None, *, is_broken: bool) -> str:
    if is_broken:
        return f"the DAG {dag_id} has an import error; fix what Airflow's UI shows under Dag Import Errors"
    if dag is None or dag["is_stale"]:
        return f"the DAG {dag_id} is missing in Airflow; check the dag-processor and the DAGs folder"
    if dag["is_paused"]:
        return f"the DAG {dag_id} is paused in Airflow; unpause it (Airflow UI, or airflow dags unpause {dag_id})"
    return ""


def _pool_obstacle(name: str, pool: Mapping[str, Any] | None) -> str:
    if pool is None:
        return f"the pool {name} is missing in Airflow; the DAG {HOUSEKEEPING} restores it within a minute"
    if pool["slots"] == 0:
        return f"the pool {name} has no slots in Airflow; give it some (Airflow UI, Admin, Pools)"
    return ""


def _without_empty(sentences: Mapping[str, str]) -> dict[str, str]:
    return {name: sentence for name, sentence in sentences.items() if sentence}

"""What Airflow needs so that jobs run: DAGs that it has parsed and that are not paused, and pools with slots.

The API, `show`, `retry` and the launcher report what is missing, as sentences for people; housekeeping restores the pool
`archive`. A job that only waits for its turn (`max_active_runs`, a free slot) meets no obstacle.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine

from ingest.errors.types import AirflowNotReady, DatabaseUnavailable, ServiceUnavailable, TransientError, UnknownJob
from ingest.ledger import jobs
from ingest.ledger.jobs import JobSnapshot
from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.pools import archive_pool
from ingest.states.job_record import Outcome
from ingest.states.job_state import first_unfinished
from ingest.states.stages import STAGES, Kind, Pool, Stage

HOUSEKEEPING_DAG = "housekeeping"
# `retention` is here because a spool that nobody tidies fills up in the end.
NEEDED_DAGS = (*Kind, HOUSEKEEPING_DAG, "retention")
DAGS_PATH = "/api/v2/dags?tags=pacifica&exclude_stale=false&order_by=dag_id&limit=100"
POOLS_PATH = "/api/v2/pools/"
# The limit of each request of a command that only reports.
REPORT_SECONDS = 5.0


@dataclass(frozen=True)
class Obstacles:
    """What keeps Airflow from running jobs: a sentence for each DAG and each pool that is not as it must be."""

    dags: Mapping[str, str] = field(default_factory=dict)
    pools: Mapping[str, str] = field(default_factory=dict)

    @property
    def sentences(self) -> list[str]:
        """All of them."""
        return [*self.dags.values(), *self.pools.values()]

    def of_job(self, kind: Kind, stages: Collection[Stage], *, needs_housekeeping: bool) -> list[str]:
        """Return those that a job meets in the given stages; `needs_housekeeping` if housekeeping must start its run."""
        dags = [kind.value, *([HOUSEKEEPING_DAG] if needs_housekeeping else [])]
        pools = dict.fromkeys(stage.pool for stage in stages)
        found = [self.dags.get(dag) for dag in dags] + [self.pools.get(pool) for pool in pools]
        return [sentence for sentence in found if sentence]


def find_obstacles(airflow: AirflowApi, seconds: float | None = None) -> Obstacles:
    """Read DAGs and pools; each request is limited to `seconds`, or as the settings say. Raises ServiceUnavailable."""
    listed = airflow.read(DAGS_PATH, seconds) or {}
    pools = {pool.value: airflow.read(POOLS_PATH + pool, seconds) for pool in Pool}
    try:
        dags = {dag["dag_id"]: dag for dag in listed["dags"]}
        found_in_dags = {dag: _of_dag(dag, dags.get(dag)) for dag in NEEDED_DAGS}
        found_in_pools = {name: _of_pool(name, pool) for name, pool in pools.items()}
    except (KeyError, TypeError) as error:
        raise airflow.unavailable(f"an answer without {error}") from error
    return Obstacles(_present(found_in_dags), _present(found_in_pools))


def obstacles_of(airflow: AirflowApi, job: JobSnapshot, seconds: float | None = None) -> list[str]:
    """Return the obstacles that a job meets on its way to the end, none where it goes no further by itself.

    Raises ServiceUnavailable.
    """
    if job.record.outcome is Outcome.CATALOGED or job.record.is_stopped:
        return []
    kind = job.record.kind
    remaining = STAGES[kind][STAGES[kind].index(first_unfinished(job.record)) :]
    return find_obstacles(airflow, seconds).of_job(kind, remaining, needs_housekeeping=job.triggered is None)


@contextmanager
def reports_obstacles(engine: Engine, airflow: AirflowApi, job_id: int) -> Iterator[None]:
    """Raise AirflowNotReady when a job that was started within the block cannot run, or could not be started therefore."""
    try:
        yield
    except TransientError as error:
        _check(engine, airflow, job_id, error)
        raise
    _check(engine, airflow, job_id)


def restore_pool(airflow: AirflowApi, slots: int) -> bool:
    """Create the pool `archive` if it is missing; return whether it was. Raises ServiceUnavailable."""
    if airflow.read(POOLS_PATH + Pool.ARCHIVE) is not None:
        return False
    airflow.create_pool(archive_pool(slots))
    return True


def _check(engine: Engine, airflow: AirflowApi, job_id: int, cause: Exception | None = None) -> None:
    found: list[str] = []
    # Obstacles that cannot be read are not reported: what came before says more.
    with suppress(ServiceUnavailable, DatabaseUnavailable, UnknownJob):
        found = obstacles_of(airflow, jobs.read(engine, job_id), REPORT_SECONDS)
    if found:
        raise AirflowNotReady(f"job {job_id} cannot run: {'; '.join(found)}") from cause


def _of_dag(dag_id: str, dag: Mapping[str, Any] | None) -> str:
    if dag is not None and dag["has_import_errors"]:
        return f"the DAG {dag_id} has an import error; fix what Airflow's UI shows under Dag Import Errors"
    if dag is None or dag["is_stale"]:
        return f"the DAG {dag_id} is missing in Airflow; check the dag-processor and the DAGs folder"
    if dag["is_paused"]:
        return f"the DAG {dag_id} is paused in Airflow; unpause it (Airflow UI, or airflow dags unpause {dag_id})"
    return ""


def _of_pool(name: str, pool: Mapping[str, Any] | None) -> str:
    if pool is None:
        return f"the pool {name} is missing in Airflow; the DAG {HOUSEKEEPING_DAG} restores it within a minute"
    if pool["slots"] == 0:
        return f"the pool {name} has no slots in Airflow; give it some (Airflow UI, Admin, Pools)"
    return ""


def _present(found: Mapping[str, str]) -> dict[str, str]:
    return {name: sentence for name, sentence in found.items() if sentence}

"""What Airflow answers about DAGs and pools, for tests that script it."""

from typing import Any

from ingest.orchestrator.obstacles import DAGS_PATH, NEEDED_DAGS, POOLS_PATH
from ingest.states.stages import Pool

Document = dict[str, Any]
HEALTHY = {"is_paused": False, "is_stale": False, "has_import_errors": False}


def documents() -> dict[str, Document | None]:
    """The documents, by path, of an Airflow that lacks nothing; None is 404."""
    return {
        DAGS_PATH: {"dags": [{"dag_id": str(dag), **HEALTHY} for dag in NEEDED_DAGS]},
        POOLS_PATH + Pool.DEFAULT: {"slots": 128},
        POOLS_PATH + Pool.ARCHIVE: {"slots": 4},
    }


def with_dag(dag_id: str, **changed: bool) -> dict[str, Document | None]:
    """The same with one DAG that differs."""
    found = documents()
    listed = found[DAGS_PATH]
    assert listed
    for dag in listed["dags"]:
        if dag["dag_id"] == dag_id:
            dag.update(changed)
    return found


def without_dag(dag_id: str) -> dict[str, Document | None]:
    """The same without one DAG."""
    found = documents()
    listed = found[DAGS_PATH]
    assert listed
    return {**found, DAGS_PATH: {"dags": [dag for dag in listed["dags"] if dag["dag_id"] != dag_id]}}

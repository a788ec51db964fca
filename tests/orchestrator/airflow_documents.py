"""Airflow's answers about DAGs and pools, for tests with a scripted Airflow."""

from typing import Any

from ingest.orchestrator.obstacles import DAGS_PATH, IMPORT_ERRORS_PATH, NEEDED_DAGS, POOLS_PATH
from ingest.states.stages import Pool

Document = dict[str, Any]
HEALTHY = {"is_paused": False, "is_stale": False, "has_import_errors": False, "bundle_name": "dags-folder"}
IMPORT_ERRORS_OF_INGEST = f"{IMPORT_ERRORS_PATH}filename=ingest_dag.py&bundle_name=dags-folder"


def documents() -> dict[str, Document | None]:
    """Return the documents, by path, of an Airflow without obstacles; None means 404."""
    return {
        DAGS_PATH: {
            "dags": [{"dag_id": str(dag), "relative_fileloc": f"{dag}_dag.py", **HEALTHY} for dag in NEEDED_DAGS]
        },
        POOLS_PATH + Pool.DEFAULT: {"slots": 128},
        POOLS_PATH + Pool.ARCHIVE: {"slots": 4},
    }


def with_dag(dag_id: str, **changed: bool) -> dict[str, Document | None]:
    """Return the documents with changes to one DAG."""
    found = documents()
    listed = found[DAGS_PATH]
    assert listed
    for dag in listed["dags"]:
        if dag["dag_id"] == dag_id:
            dag.update(changed)
    return found


def without_dag(dag_id: str) -> dict[str, Document | None]:
    """Return the documents without one DAG."""
    found = documents()
    listed = found[DAGS_PATH]
    assert listed
    return {**found, DAGS_PATH: {"dags": [dag for dag in listed["dags"] if dag["dag_id"] != dag_id]}}


def with_import_error(shown: Document | None) -> dict[str, Document | None]:
    """Return the documents with a DAG `ingest` that is marked, and what Airflow shows of its file's import errors."""
    marked = with_dag("ingest", has_import_errors=True, is_stale=True)
    return {**marked, IMPORT_ERRORS_OF_INGEST: shown}

"""The account with which this service uses Airflow's REST API. Used by both auth managers.

It may do what `ingest.orchestrator` does, and nothing else: change runs, but no DAG.
"""

import os
from typing import Any

ACCOUNT_VARIABLE = "INGEST_AIRFLOW_USERNAME"
READ = "GET"


def is_service_account(name: str | None) -> bool:
    """Return whether a name is that of this service's account."""
    return name is not None and name == os.environ.get(ACCOUNT_VARIABLE)


def may_not_change_dag(name: str | None, method: str, access_entity: Any) -> bool:  # noqa: ANN401 - a type of Airflow
    """Return whether this service's account would change a DAG itself, and not a part of it such as a run."""
    return is_service_account(name) and method != READ and access_entity is None

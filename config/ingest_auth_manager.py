"""Airflow's accounts: the simple auth manager, with fewer rights for the account that the API and the stages use.

Loaded by Airflow (`[core] auth_manager`). The simple auth manager knows four roles. The least of them that may trigger and
clear runs, `user`, may delete and pause DAGs too, and none below `op` may restore a pool. The account of the API may do
exactly what `ingest.orchestrator.client` does.
"""

import os
from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

ACCOUNT_VARIABLE = "INGEST_AIRFLOW_USERNAME"
READ, CREATE = "GET", "POST"


class IngestAuthManager(SimpleAuthManager):  # type: ignore[misc]
    """The simple auth manager, in which the API's account cannot change a DAG, only runs of it."""

    def is_authorized_dag(self, *, method: str, user: SimpleAuthManagerUser, **more: Any) -> bool:  # noqa: ANN401
        """Return whether an account may do this to a DAG or, with `access_entity`, to a part of it such as a run."""
        if _is_ours(user) and method != READ and more.get("access_entity") is None:
            return False
        return bool(super().is_authorized_dag(method=method, user=user, **more))

    def is_authorized_pool(self, *, method: str, user: SimpleAuthManagerUser, **more: Any) -> bool:  # noqa: ANN401
        """Return whether an account may do this to a pool: the API's account may create one, so that one is restored."""
        return (_is_ours(user) and method == CREATE) or bool(
            super().is_authorized_pool(method=method, user=user, **more)
        )


def _is_ours(user: SimpleAuthManagerUser) -> bool:
    return bool(user.get_name() == os.environ.get(ACCOUNT_VARIABLE))

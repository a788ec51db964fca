"""Airflow's simple auth manager, with exactly the rights that this service needs for its own account.

Loaded by Airflow (`[core] auth_manager`). The simple auth manager has four roles. `user`, the lowest role that may trigger
and clear runs, may also delete and pause DAGs, and creating a pool requires `op`. The account of this service may do what
`ingest.orchestrator.client` does, and nothing else.
"""

from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from service_account import is_service_account, may_not_change_dag

CREATE = "POST"


class IngestAuthManager(SimpleAuthManager):  # type: ignore[misc]
    """The simple auth manager, except that this service's account may change runs and no DAG, and may create a pool."""

    def is_authorized_dag(self, *, method: str, user: SimpleAuthManagerUser, **more: Any) -> bool:  # noqa: ANN401
        """Return whether an account may use `method` on a DAG or, with `access_entity`, on a part of it such as a run."""
        if may_not_change_dag(user.get_name(), method, more.get("access_entity")):
            return False
        return bool(super().is_authorized_dag(method=method, user=user, **more))

    def is_authorized_pool(self, *, method: str, user: SimpleAuthManagerUser, **more: Any) -> bool:  # noqa: ANN401
        """Return whether an account may use `method` on a pool; this service's account may create one, to restore it."""
        return (is_service_account(user.get_name()) and method == CREATE) or bool(
            super().is_authorized_pool(method=method, user=user, **more)
        )

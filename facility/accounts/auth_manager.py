"""Airflow's FAB auth manager, with the restriction of this service's own account.

Loaded by Airflow (`[core] auth_manager = accounts.auth_manager.FacilityAuthManager`).
"""

from typing import Any

from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager
from airflow.providers.fab.auth_manager.models import User
from service_account import may_not_change_dag


class FacilityAuthManager(FabAuthManager):  # type: ignore[misc]
    """The FAB auth manager, except that this service's account may change runs and no DAG."""

    def is_authorized_dag(self, *, method: str, user: User, **more: Any) -> bool:  # noqa: ANN401
        """Return whether an account may use `method` on a DAG or, with `access_entity`, on a part of it such as a run.

        In FAB, the permission to change runs includes the permission to pause their DAG.
        """
        if may_not_change_dag(user.get_name(), method, more.get("access_entity")):
            return False
        return bool(super().is_authorized_dag(method=method, user=user, **more))

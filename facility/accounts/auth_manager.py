"""Airflow's FAB auth manager, with the rules of this service.

Loaded by Airflow (`[core] auth_manager = accounts.auth_manager.FacilityAuthManager`).
"""

from functools import cached_property
from typing import Any

from airflow.exceptions import AirflowConfigException
from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager
from airflow.providers.fab.auth_manager.models import User
from service_account import may_not_change_dag

from accounts.header_names import WithoutUnderscores
from accounts.security_manager import FacilitySecurityManager


class FacilityAuthManager(FabAuthManager):  # type: ignore[misc]
    """The FAB auth manager, except that this service's account may change runs and no DAG."""

    @cached_property
    def security_manager(self) -> FacilitySecurityManager:
        """Return the security manager; raises AirflowConfigException if it is not this service's.

        FAB ignores that the file of `[fab] config_file` is missing, and then has none of this service's rules.
        """
        manager = super().security_manager
        if not isinstance(manager, FacilitySecurityManager):
            raise AirflowConfigException("AIRFLOW__FAB__CONFIG_FILE must be accounts/webserver_config.py")
        return manager

    def get_fastapi_middlewares(self) -> list[tuple[Any, dict[str, Any]]]:
        """Return what the api-server does with each request first."""
        return [*super().get_fastapi_middlewares(), (WithoutUnderscores, {})]

    def is_authorized_dag(self, *, method: str, user: User, **more: Any) -> bool:  # noqa: ANN401
        """Return whether an account may use `method` on a DAG or, with `access_entity`, on a part of it such as a run.

        In FAB, the permission to change runs includes the permission to pause their DAG.
        """
        if may_not_change_dag(user.get_name(), method, more.get("access_entity")):
            return False
        return bool(super().is_authorized_dag(method=method, user=user, **more))

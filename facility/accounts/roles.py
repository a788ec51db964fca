"""The roles of Airflow's accounts at a facility, and the account of this service.

`init` of docker-compose.accounts.yaml runs `python -m accounts.roles` at each start, before the api-server. It may be killed
and repeated: each role and the account are set to what this module says.
"""

import os
import sys
from collections.abc import Sequence

from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
from airflow.providers.fab.auth_manager.security_manager.override import FabAirflowSecurityManagerOverride
from airflow.providers.fab.www.security import permissions as fab
from service_account import ACCOUNT_VARIABLE
from werkzeug.security import generate_password_hash

VIEWER, OPERATOR, ADMIN, SERVICE = "Ingest Viewer", "Ingest Operator", "Admin", "Ingest Service"
PUBLIC = "Public"
PASSWORD_VARIABLE = "INGEST_AIRFLOW_PASSWORD"  # noqa: S105 - the name of a variable
# The password is not throttled, so that nobody can lock the service out. It must be impossible to guess.
MIN_PASSWORD_LENGTH = 32
# The password is random, so a slow hash would protect nothing, and cost a tenth of a second for each log-in of a stage.
HASH_METHOD = "pbkdf2:sha256:1000"

Permissions = Sequence[tuple[str, str]]

VIEWER_PERMISSIONS: Permissions = (
    *FabAirflowSecurityManagerOverride.VIEWER_PERMISSIONS,
    # Without it, Airflow's UI shows none of this service's pages.
    (fab.ACTION_CAN_READ, fab.RESOURCE_PLUGIN),
)
# FAB's role `User` can also delete DAGs.
OPERATOR_PERMISSIONS: Permissions = (
    *VIEWER_PERMISSIONS,
    (fab.ACTION_CAN_EDIT, fab.RESOURCE_DAG),
    *((action, fab.RESOURCE_DAG_RUN) for action in (fab.ACTION_CAN_CREATE, fab.ACTION_CAN_EDIT, fab.ACTION_CAN_DELETE)),
    (fab.ACTION_CAN_EDIT, fab.RESOURCE_TASK_INSTANCE),
)
# What `ingest.orchestrator` requests. It can change no DAG: `accounts.auth_manager`.
SERVICE_PERMISSIONS: Permissions = (
    (fab.ACTION_CAN_READ, fab.RESOURCE_DAG),
    (fab.ACTION_CAN_EDIT, fab.RESOURCE_DAG),
    (fab.ACTION_CAN_READ, fab.RESOURCE_DAG_RUN),
    *((action, fab.RESOURCE_DAG_RUN) for action in (fab.ACTION_CAN_CREATE, fab.ACTION_CAN_EDIT, fab.ACTION_CAN_DELETE)),
    (fab.ACTION_CAN_READ, fab.RESOURCE_TASK_INSTANCE),
    (fab.ACTION_CAN_EDIT, fab.RESOURCE_TASK_INSTANCE),
    (fab.ACTION_CAN_READ, fab.RESOURCE_AUDIT_LOG),
    (fab.ACTION_CAN_READ, fab.RESOURCE_IMPORT_ERROR),
    (fab.ACTION_CAN_READ, fab.RESOURCE_POOL),
    (fab.ACTION_CAN_CREATE, fab.RESOURCE_POOL),
)


def main() -> None:
    """Create or correct the roles and the account of this service."""
    name, password = os.environ[ACCOUNT_VARIABLE], os.environ[PASSWORD_VARIABLE]
    if len(password) < MIN_PASSWORD_LENGTH:
        sys.exit(
            f"{PASSWORD_VARIABLE} has less than {MIN_PASSWORD_LENGTH} characters; make one with: openssl rand -hex 32"
        )
    with get_application_builder() as builder:
        manager = builder.sm
        manager.sync_roles()
        _set_permissions(manager, VIEWER, VIEWER_PERMISSIONS)
        _set_permissions(manager, OPERATOR, OPERATOR_PERMISSIONS)
        _set_permissions(manager, SERVICE, SERVICE_PERMISSIONS)
        # Of everybody without one of the groups.
        _set_permissions(manager, PUBLIC, ())
        _set_account(manager, name, password)


def _set_permissions(manager: FabAirflowSecurityManagerOverride, name: str, permissions: Permissions) -> None:
    role = manager.add_role(name)
    role.permissions = [manager.create_permission(action, resource) for action, resource in dict.fromkeys(permissions)]
    manager.session.commit()


def _set_account(manager: FabAirflowSecurityManagerOverride, name: str, password: str) -> None:
    hashed = generate_password_hash(password, HASH_METHOD)
    role = manager.find_role(SERVICE)
    account = manager.find_user(username=name)
    if account is None:
        manager.add_user(name, name, "-", f"{name}@localhost", role, hashed_password=hashed)
        return
    if role not in account.roles:
        sys.exit(f"{ACCOUNT_VARIABLE}: {name} is the account of a person in Airflow; choose another name")
    account.active, account.password, account.roles, account.groups = True, hashed, [role], []
    manager.session.commit()


if __name__ == "__main__":
    main()

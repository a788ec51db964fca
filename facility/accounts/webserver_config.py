"""The configuration of the FAB auth manager: how people log in, and which of their groups has which role.

Airflow executes this file in the api-server (`[fab] config_file`). docs/how-to/personal-accounts.md explains the variables.
"""

import os
import re

from airflow.configuration import conf
from airflow.exceptions import AirflowConfigException
from flask_appbuilder.const import AUTH_LDAP, AUTH_OAUTH, AUTH_REMOTE_USER

from accounts.proxy_log_in import ADMINS, OPERATORS
from accounts.roles import ADMIN, OPERATOR, PUBLIC, VIEWER
from accounts.security_manager import FacilitySecurityManager
from ingest.settings.loading import load_settings

LOG_INS = {"proxy": AUTH_REMOTE_USER, "openid": AUTH_OAUTH, "ldap": AUTH_LDAP}
ROLES = {"AIRFLOW_VIEWER_GROUPS": VIEWER, "AIRFLOW_OPERATOR_GROUPS": OPERATOR, "AIRFLOW_ADMIN_GROUPS": ADMIN}
TIMEOUT_SECONDS = 5
# `ldap://` with StartTLS. libldap also accepts a list of servers, and would send passwords to the others in clear text.
LDAP_SERVER = re.compile(r"ldaps?://[^\s,]+")
ISSUER = re.compile(r"https://.+|http://(localhost|127\.0\.0\.1)(:|/).+")


def required(name: str) -> str:
    """Return a variable; raises AirflowConfigException, which ends the api-server, if it is not set."""
    if value := os.environ.get(name):
        return value
    raise AirflowConfigException(f"{name} must be set (docs/how-to/personal-accounts.md)")


def matching(name: str, form: re.Pattern[str]) -> str:
    """Return a URL without a slash at its end; raises AirflowConfigException if it has another form."""
    value = required(name).rstrip("/")
    if not form.fullmatch(value):
        raise AirflowConfigException(f"{name} must have the form {form.pattern}")
    return value


def optional(name: str, default: str = "") -> str:
    """Return a variable, or its default."""
    return os.environ.get(name) or default


def roles_of_groups() -> dict[str, list[str]]:
    """Return the roles of each group. Names are separated by semicolons, because those in LDAP contain commas."""
    roles: dict[str, list[str]] = {OPERATORS: [OPERATOR], ADMINS: [ADMIN]} if LOG_IN == "proxy" else {}
    for variable, role in ROLES.items():
        for group in filter(None, map(str.strip, optional(variable).split(";"))):
            roles.setdefault(group, []).append(role)
    return roles


LOG_IN = required("AIRFLOW_LOG_IN")
if LOG_IN not in LOG_INS:
    raise AirflowConfigException(f"AIRFLOW_LOG_IN must be one of {', '.join(LOG_INS)}")

SECURITY_MANAGER_CLASS = FacilitySecurityManager
SESSION_COOKIE_SECURE = conf.get("api", "base_url", fallback="").startswith("https:")
AUTH_TYPE = LOG_INS[LOG_IN]
# Every person whom the facility authenticates has an account, but without a group that is named here it shows nothing.
AUTH_USER_REGISTRATION = True
AUTH_USER_REGISTRATION_ROLE = PUBLIC
AUTH_ROLES_SYNC_AT_LOGIN = True
AUTH_ROLES_MAPPING = roles_of_groups()

if LOG_IN == "proxy":
    PROXY_SETTINGS = load_settings(os.environ)
    PROXY_GROUPS_HEADER = optional("AIRFLOW_GROUPS_HEADER")
    if PROXY_SETTINGS.proxy_secret_file is None:
        required("INGEST_PROXY_SECRET_FILE")

if LOG_IN == "openid":
    # The same claim by which the API names users.
    OPENID_USER_CLAIM = load_settings(os.environ).jwt_user_claim
    OPENID_ISSUER = matching("AIRFLOW_OPENID_ISSUER", ISSUER)
    OPENID_GROUPS_CLAIM = optional("AIRFLOW_OPENID_GROUPS_CLAIM", "groups")
    OAUTH_PROVIDERS = [
        {
            "name": "openid",
            "icon": "fa-key",
            "token_key": "access_token",
            "remote_app": {
                "client_id": required("AIRFLOW_OPENID_CLIENT_ID"),
                "client_secret": required("AIRFLOW_OPENID_CLIENT_SECRET"),
                "server_metadata_url": f"{OPENID_ISSUER}/.well-known/openid-configuration",
                "client_kwargs": {
                    "scope": optional("AIRFLOW_OPENID_SCOPE", "openid profile email groups"),
                    "code_challenge_method": "S256",
                    "default_timeout": TIMEOUT_SECONDS,
                },
            },
        }
    ]

if LOG_IN == "ldap":
    import ldap

    # FAB sets no timeout of its own.
    ldap.set_option(ldap.OPT_NETWORK_TIMEOUT, TIMEOUT_SECONDS)
    ldap.set_option(ldap.OPT_TIMEOUT, TIMEOUT_SECONDS)
    AUTH_LDAP_SERVER = matching("AIRFLOW_LDAP_SERVER", LDAP_SERVER)
    AUTH_LDAP_SEARCH = required("AIRFLOW_LDAP_SEARCH")
    AUTH_LDAP_BIND_USER = required("AIRFLOW_LDAP_BIND_USER")
    AUTH_LDAP_BIND_PASSWORD = required("AIRFLOW_LDAP_BIND_PASSWORD")
    AUTH_LDAP_UID_FIELD = optional("AIRFLOW_LDAP_UID_FIELD", "uid")
    AUTH_LDAP_GROUP_FIELD = optional("AIRFLOW_LDAP_GROUP_FIELD", "memberOf")
    AUTH_LDAP_TLS_CACERTFILE = optional("AIRFLOW_LDAP_CA_FILE")
    # A server whose certificate is not valid for its name is refused.
    AUTH_LDAP_TLS_DEMAND = True
    AUTH_LDAP_USE_TLS = AUTH_LDAP_SERVER.startswith("ldap://")

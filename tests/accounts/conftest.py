"""Airflow's database with the facility's roles, and a real api-server for each way to log in."""

import os
import shutil
from collections.abc import Iterator

import pytest

from ingest.local.layout import Layout
from tests.accounts import ldap_server as ldap
from tests.accounts.airflow_server import AirflowServer, api_server, environment, run
from tests.accounts.ldap_server import LdapServer
from tests.accounts.openid_issuer import issuer
from tools.stack import free_port

SECRET = "fedcba9876543210" * 2


@pytest.fixture(scope="session")
def variables(tmp_path_factory: pytest.TempPathFactory, postgres: Layout, database_url: str) -> dict[str, str]:
    """Return the environment of Airflow, whose database was prepared by the commands of `init`."""
    prepared = environment(tmp_path_factory.mktemp("airflow"), postgres, database_url)
    secret = tmp_path_factory.mktemp("proxy") / "secret"
    secret.write_text(SECRET)
    prepared |= {"INGEST_AUTHENTICATION": "proxy", "INGEST_PROXY_SECRET_FILE": str(secret)}
    for words in (("airflow", "db", "migrate"), ("python", "-m", "accounts.roles"), ("airflow", "dags", "reserialize")):
        done = run(prepared, *words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    return prepared


@pytest.fixture(scope="session")
def behind_proxy(variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowServer]:
    """Return an api-server that trusts a proxy."""
    more = {
        "INGEST_OPERATORS": "otto",
        "INGEST_ADMINS": "adele",
        "AIRFLOW_GROUPS_HEADER": "X-Http-Authed-Groups",
        "AIRFLOW_VIEWER_GROUPS": "readers; viewers",
        "AIRFLOW_OPERATOR_GROUPS": "operators",
        "AIRFLOW_ADMIN_GROUPS": "admins",
    }
    with api_server(tmp_path_factory.mktemp("server"), {**variables, **more}) as server:
        yield server


@pytest.fixture(scope="module")
def with_openid(variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowServer]:
    """Return an api-server that logs in by an issuer of OpenID Connect."""
    if not all(map(shutil.which, ("node", "npm"))):
        pytest.skip("needs node and npm, for the issuer")
    folder, port = tmp_path_factory.mktemp("openid"), free_port()
    with issuer(folder, free_port(), f"http://localhost:{port}/auth/oauth-authorized/openid") as url:
        more = {
            "AIRFLOW_LOG_IN": "openid",
            "AIRFLOW_OPENID_ISSUER": url,
            "AIRFLOW_OPENID_CLIENT_ID": "airflow",
            "AIRFLOW_OPENID_CLIENT_SECRET": "a-secret-of-the-tests",
            "INGEST_JWT_USER_CLAIM": "preferred_username",
            "AIRFLOW_VIEWER_GROUPS": "viewers",
            "AIRFLOW_OPERATOR_GROUPS": "operators",
            "AIRFLOW_ADMIN_GROUPS": "admins",
        }
        with api_server(folder, {**variables, **more}, port) as server:
            yield server


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LdapServer]:
    """Return a running LDAP server."""
    if not ldap.has_slapd():
        assert not os.environ.get("INGEST_REQUIRE_SLAPD"), "slapd is not installed"
        pytest.skip("needs Debian's slapd and ldap-utils")
    with ldap.ldap_server(tmp_path_factory.mktemp("ldap")) as server:
        yield server


@pytest.fixture(scope="module")
def with_ldap(
    variables: dict[str, str], directory: LdapServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AirflowServer]:
    """Return an api-server that logs in by the LDAP server."""
    more = {
        "AIRFLOW_LOG_IN": "ldap",
        "AIRFLOW_LDAP_SERVER": directory.url,
        "AIRFLOW_LDAP_SEARCH": ldap.SUFFIX,
        "AIRFLOW_LDAP_BIND_USER": ldap.BIND_USER,
        "AIRFLOW_LDAP_BIND_PASSWORD": ldap.BIND_PASSWORD,
        "AIRFLOW_LDAP_CA_FILE": str(directory.certificate),
        "AIRFLOW_VIEWER_GROUPS": ldap.group("viewers"),
        "AIRFLOW_OPERATOR_GROUPS": ldap.group("operators"),
        "AIRFLOW_ADMIN_GROUPS": ldap.group("admins"),
    }
    with api_server(tmp_path_factory.mktemp("server"), {**variables, **more}) as server:
        yield server

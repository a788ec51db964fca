"""Airflow's database with the facility's roles, and a real api-server for each way to log in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.local.layout import Layout
from tests.accounts.airflow_server import AirflowServer, api_server, environment, run

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


@pytest.fixture(scope="module")
def behind_proxy(variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowServer]:
    """Return an api-server that trusts a proxy."""
    more = {
        "INGEST_OPERATORS": "olga",
        "INGEST_ADMINS": "adam",
        "AIRFLOW_GROUPS_HEADER": "X-Http-Authed-Groups",
        "AIRFLOW_VIEWER_GROUPS": "readers; staff",
        "AIRFLOW_OPERATOR_GROUPS": "operators",
        "AIRFLOW_ADMIN_GROUPS": "admins",
    }
    with api_server(tmp_path_factory.mktemp("server"), {**variables, **more}) as server:
        yield server

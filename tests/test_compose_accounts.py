"""docker-compose.accounts.yaml, which changes docker-compose.yaml, and docs/how-to/personal-accounts.md."""

import re
from typing import Any

import jsonschema
import yaml

from ingest.settings.loading import Settings, sources
from tests.accounts.airflow_server import COMPOSE, ComposeLoader
from tests.test_compose import DOCKERFILE, OUR_IMAGE, PROJECT, SERVICES, filled_in, schema

TEXT = COMPOSE.read_text(encoding="utf-8")
ACCOUNTS: dict[str, Any] = yaml.load(TEXT, ComposeLoader)
ENVIRONMENT: dict[str, Any] = ACCOUNTS["x-accounts"]
CHANGED: dict[str, dict[str, Any]] = ACCOUNTS["services"]
CONFIGURATION = (PROJECT / "facility" / "accounts" / "webserver_config.py").read_text(encoding="utf-8")
PAGE = (PROJECT / "docs" / "how-to" / "personal-accounts.md").read_text(encoding="utf-8")


def given() -> set[str]:
    """Return the variables that an admin sets for the log-in."""
    return {name for name in ENVIRONMENT if not name.startswith("AIRFLOW__")}


def test_the_file_fits_the_compose_schema():
    jsonschema.validate({name: value for name, value in ACCOUNTS.items() if name != "services"}, schema())
    assert CHANGED.keys() == {"accounts", "airflow-apiserver"}
    assert CHANGED["accounts"]["extends"]["service"] in SERVICES


def test_every_variable_is_read_passed_on_and_documented():
    read = set(re.findall(r'"(AIRFLOW_[A-Z_]+)"', CONFIGURATION))
    assert read == given() >= {"AIRFLOW_LOG_IN", "AIRFLOW_LDAP_SERVER", "AIRFLOW_OPENID_ISSUER"}
    assert given() <= set(re.findall(r"AIRFLOW_[A-Z_]+", PAGE))


def test_every_documented_variable_exists():
    documented = set(re.findall(r"`((?:AIRFLOW|INGEST)_[A-Z_]+)`", PAGE))
    settings = {name for source in sources(Settings).values() for name in source["environment"]}
    assert documented <= given() | settings | {"AIRFLOW_ACCOUNTS_IMAGE", "AIRFLOW_BASE_URL"}


def test_the_documented_defaults_are_those_of_the_code():
    in_code = dict(re.findall(r'optional\("(AIRFLOW_[A-Z_]+)", "([^"]+)"\)', CONFIGURATION))
    in_page = dict(re.findall(r"^\| `(AIRFLOW_(?:OPENID|LDAP)_[A-Z_]+)` \| `([^`]*)` \|", PAGE, re.MULTILINE))
    assert in_page == in_code != {}


def test_the_roles_are_prepared_before_the_api_server_starts():
    assert CHANGED["airflow-apiserver"]["depends_on"] == {"accounts": {"condition": "service_completed_successfully"}}
    assert {filled_in(service["image"]) for service in CHANGED.values()} == {OUR_IMAGE}
    assert all(service["environment"] == ENVIRONMENT for service in CHANGED.values())


def test_the_image_has_the_configuration():
    path = ENVIRONMENT["AIRFLOW__FAB__CONFIG_FILE"]
    folder = re.findall(r"^WORKDIR (.*)$", DOCKERFILE, re.MULTILINE)[0]
    assert (PROJECT / path.removeprefix(f"{folder}/")).read_text(encoding="utf-8") == CONFIGURATION
    assert f"PYTHONPATH={folder}/config:{folder}/facility" in DOCKERFILE


def test_the_image_for_ldap_is_built_from_pinned_packages():
    dockerfile = (PROJECT / "facility" / "ldap" / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^FROM (.*)$", dockerfile, re.MULTILINE) == [OUR_IMAGE]
    assert "--no-deps --require-hashes" in dockerfile
    assert re.findall(r"^USER (.*)$", dockerfile, re.MULTILINE)[-1] == "10001:10001"

"""No password is shown, and loaded settings are frozen."""

import traceback
from pathlib import Path

import pytest
from pydantic import ValidationError

from ingest.errors.types import ConfigurationError
from ingest.settings.loading import DagSettings, Settings, load_dag_settings, load_settings
from tests.settings.cases import (
    POSTGRES,
    WithIni,
)

WRONG_WITH_PASSWORD = [
    {"PEEWEE_URL": "mysql://ingest:geheim@db/jobs"},
    {"PEEWEE_URL": "postgresql:ingest:geheim@db/jobs"},
    {"INGEST_AIRFLOW_PASSWORD": "geheim", "TRANSFER_SIZE": "0"},
    {"PEEWEE_URL": POSTGRES, "TRANSFER_SIZE": "0"},
    {"POLICY_INGEST_URL": "ftp://ingest:geheim@policy/ingest"},
    {"INGEST_AIRFLOW_URL": "htp://ingest:geheim@airflow"},
]


@pytest.mark.parametrize("environment", WRONG_WITH_PASSWORD)
def test_no_password_is_shown_by_an_error(environment: dict[str, str]):
    with pytest.raises(ConfigurationError) as raised:
        load_settings(environment)
    assert "geheim" not in raised.value.text


@pytest.mark.parametrize("environment", WRONG_WITH_PASSWORD)
def test_no_password_is_shown_by_the_traceback_that_a_log_would_hold(environment: dict[str, str]):
    with pytest.raises(ConfigurationError) as raised:
        load_settings(environment)
    assert "geheim" not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize(
    "text", ["password = geheim\n", "[airflow]\npassword geheim\n", "[airflow\npassword = geheim\n"]
)
def test_no_password_is_shown_by_the_error_of_a_broken_file(with_ini: WithIni, text: str):
    with pytest.raises(ConfigurationError) as raised:
        load_settings(with_ini(text))
    assert "geheim" not in raised.value.text


@pytest.mark.parametrize("variable", ["INGEST_AIRFLOW_PASSWORD", "PEEWEE_URL"])
def test_no_password_is_shown_by_the_settings(variable: str):
    settings = load_settings({variable: POSTGRES})
    assert "geheim" not in repr(settings)
    assert "geheim" not in str(settings)


# Loaded settings are frozen


def test_settings_are_frozen():
    settings, dag_settings = load_settings({}), load_dag_settings({})
    with pytest.raises(ValidationError, match="frozen"):
        settings.volume_path = Path("/elsewhere")  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        dag_settings.retries = 1  # type: ignore[misc]
    assert (settings, dag_settings) == (Settings(), DagSettings())


def test_settings_are_equal_and_hashable_by_their_values():
    assert len({load_settings({}), load_settings({}), load_settings({"TRANSFER_SIZE": "4096"})}) == 2

"""The sources of settings: INI file, environment, defaults."""

from pathlib import Path

import pytest

from ingest.errors.types import ConfigurationError
from ingest.settings.loading import DagSettings, Settings, load_dag_settings, load_settings
from tests.settings.cases import (
    OTHER_DATABASE,
    REFUSED,
    REFUSED_BY_ENTRY,
    REFUSED_FOR_DAGS,
    REFUSED_IN_INI,
    VALUES,
    WithIni,
    constrained,
    set_fields,
)


def test_defaults_are_those_of_the_original_service_and_of_one_machine():
    assert load_settings({}).model_dump() == {
        "volume_path": Path("/tmp"),
        "transfer_size": 1024 * 1024,
        "authentication": "none",
        "auth_header": "X-Http-Authed-User",
        "default_user": "anonymous",
        "trusted_proxies": ("127.0.0.1", "::1"),
        "allowed_hosts": (),
        "proxy_secret_file": None,
        "token_file": None,
        "metrics_token_file": None,
        "receipt_key_folder": None,
        "jwt_issuer": "",
        "jwt_audience": "pacifica-ingest",
        "jwks_url": None,
        "jwt_user_claim": "sub",
        "submitter_check": "none",
        "jwt_submitter_claim": "",
        "submitter_file": None,
        "submit_for_others": (),
        "operators": (),
        "admins": (),
        "receive_timeout": 60.0,
        "slowest_upload": 1024,
        "largest_bundle": 16 * 1024**4,
        "uploads_at_once": 32,
        "spool_kept_free": 64 * 1024**2,
        "longest_upload": 72 * 3600.0,
        "user_upload_share": 0.75,
        "user_space_share": 0.75,
        "user_jobs": 10_000,
        "user_running_jobs": 16,
        "keep_rejected_days": 30.0,
        "keep_failed_days": 365.0,
        "keep_abandoned_seconds": 3600.0,
        "keep_notifications_days": 30.0,
        "keep_airflow_days": 90.0,
        "keep_partial_hours": 168.0,
        "public_url": None,
        "move_folders": (),
        "move_rules": (),
        "move_groups": (),
        "move_staging": (),
        "refuse_ambiguous_names": True,
        "unlisted_members": "reject",
        "service_connect_timeout": 10.0,
        "service_read_timeout": 300.0,
        "uniqueid_url": "builtin",
        "policy_ingest_url": "builtin",
        "archiveinterface_url": "file:///var/lib/pacifica-ingest/archive",
        "archive_connections": 1,
        "archive_sent_ahead": 4,
        "check_every_file_id": False,
        "metadata_ingest_url": "builtin",
        "database_url": "postgresql://ingest@127.0.0.1:5432/ingest",
        "session_database_url": None,
        "connect_attempts": 10,
        "connect_wait": 20.0,
        "webhooks": (),
        "airflow_url": "http://127.0.0.1:8090",
        "airflow_username": "ingest",
        "airflow_password": "",
        "airflow_timeout": 10.0,
    }


def test_defaults_of_the_dags():
    assert load_dag_settings({}).model_dump() == {
        "retries": 8,
        "retry_for": 259200.0,
        "retry_delay": 5.0,
        "max_retry_delay": 300.0,
        "stage_timeout": 604800.0,
        "max_active_runs": 64,
        "archive_slots": 4,
        "log_format": "text",
    }


def test_defaults_are_themselves_allowed():
    for model in (Settings, DagSettings):
        defaults = model().model_dump()
        assert model.model_validate(defaults).model_dump() == defaults


def test_every_setting_has_a_case_here():
    # The webhooks are whole sections: test_webhooks.py.
    assert {*VALUES, "webhooks"} == set(Settings.model_fields)
    assert set(REFUSED) | set(REFUSED_IN_INI) | REFUSED_BY_ENTRY == constrained(Settings)
    assert set(REFUSED_FOR_DAGS) == constrained(DagSettings)


@pytest.mark.parametrize("name", VALUES)
def test_setting_is_read_from_its_option(with_ini: WithIni, name: str):
    section, option, _, text, value = VALUES[name]
    assert set_fields(with_ini(f"[{section}]\n{option} = {text}\n")) == {name: value}


@pytest.mark.parametrize("name", VALUES)
def test_setting_is_read_from_its_variable(name: str):
    _, _, variable, text, value = VALUES[name]
    assert set_fields({variable: text}) == {name: value}


@pytest.mark.parametrize("name", VALUES)
def test_variable_wins_over_the_option(with_ini: WithIni, name: str):
    section, option, variable, text, value = VALUES[name]
    wrong = with_ini(f"[{section}]\n{option} = postgresql://other/option\n")
    assert set_fields({**wrong, variable: text}) == {name: value}


@pytest.mark.parametrize("name", VALUES)
def test_empty_variable_counts_as_not_set(with_ini: WithIni, name: str):
    section, option, variable, text, value = VALUES[name]
    assert set_fields({**with_ini(f"[{section}]\n{option} = {text}\n"), variable: ""}) == {name: value}
    assert set_fields({variable: ""}) == {}


def test_own_variable_of_the_database_wins_over_the_originals():
    own, originals = "postgresql://own/a", "postgresql://originals/b"
    assert load_settings({"INGEST_DATABASE_URL": own, "PEEWEE_URL": originals}).database_url == own
    assert load_settings({"INGEST_DATABASE_URL": "", "PEEWEE_URL": originals}).database_url == originals


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_every_spelling_of_postgresql_is_accepted(scheme: str):
    url = f"{scheme}://u:p@h:5432/d"
    assert load_settings({"INGEST_DATABASE_URL": url}).database_url == url


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresext", "postgresqlext", "psycopg3"])
@pytest.mark.parametrize("pool", ["", "+pool"])
def test_every_scheme_that_peewee_has_for_postgresql_is_accepted(with_ini: WithIni, scheme: str, pool: str):
    url, wanted = f"{scheme}{pool}://u:p@h:5432/d", "postgresql://u:p@h:5432/d"
    assert load_settings({"PEEWEE_URL": url}).database_url == wanted
    assert load_settings(with_ini(f"[database]\npeewee_url = {url}\n")).database_url == wanted


def test_arguments_of_peewees_pool_are_not_handed_to_libpq():
    url = "postgresql+pool://h/d?max_connections=20&stale_timeout=300&timeout=10&sslmode=require&host=/a%20b"
    assert load_settings({"PEEWEE_URL": url}).database_url == "postgresql://h/d?host=%2Fa+b&sslmode=require"


def test_password_of_peewees_url_is_used_literally():
    encoded = load_settings({"PEEWEE_URL": "postgresql://u:p%40s@h/d"}).database_url
    assert encoded == load_settings({"INGEST_DATABASE_URL": "postgresql://u:p%2540s@h/d"}).database_url


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqliteext:///db.sqlite3", "SQLite"),
        ("sqlite://", "SQLite"),
        ("sqlite+pool:///db.sqlite3", "SQLite"),
        ("mysql://u:geheim@h/d", "MySQL"),
        ("mysql+pool://u:geheim@h/d", "MySQL"),
    ],
)
def test_other_databases_are_refused_with_advice(url: str, name: str):
    with pytest.raises(ConfigurationError) as raised:
        load_settings({"PEEWEE_URL": url})
    assert raised.value.text == OTHER_DATABASE.format(name)


@pytest.mark.parametrize(
    ("text", "size"), [("4 Mb", 4194304), ("4 MB", 4000000), ("1.5 Mb", 1572864), (" 8  Kb ", 8192), ("1 Gb", 1024**3)]
)
def test_transfer_size_may_have_a_unit(with_ini: WithIni, text: str, size: int):
    assert load_settings({"TRANSFER_SIZE": text}).transfer_size == size
    assert load_settings(with_ini(f"[ingest]\ntransfer_size = {text}\n")).transfer_size == size


def test_dag_settings_are_read_from_the_environment_alone(with_ini: WithIni):
    ini = with_ini("[ingest]\nretries = 1\n[dag]\nretries = 1\n")
    assert load_dag_settings({**ini, "INGEST_RETRY_DELAY": "0.5"}) == DagSettings(retry_delay=0.5)


@pytest.mark.parametrize(
    ("variable", "field", "value"),
    [
        ("INGEST_RETRIES", "retries", 0),
        ("INGEST_RETRY_FOR", "retry_for", 60.0),
        ("INGEST_RETRY_DELAY", "retry_delay", 1.0),
        ("INGEST_MAX_RETRY_DELAY", "max_retry_delay", 2.0),
        ("INGEST_STAGE_TIMEOUT", "stage_timeout", 3.0),
        ("INGEST_MAX_ACTIVE_RUNS", "max_active_runs", 1),
        ("INGEST_ARCHIVE_SLOTS", "archive_slots", 1),
        ("INGEST_LOG_FORMAT", "log_format", "json"),
    ],
)
def test_dag_setting_is_read_from_its_variable(variable: str, field: str, value: float | str):
    settings = load_dag_settings({variable: str(value)})
    assert settings.model_dump() == DagSettings().model_dump() | {field: value}


def test_process_environment_is_read_when_none_is_given(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("INGEST_CONFIG", raising=False)
    monkeypatch.setenv("VOLUME_PATH", "/srv/of-the-process")
    monkeypatch.setenv("INGEST_RETRIES", "3")
    assert load_settings().volume_path == Path("/srv/of-the-process")
    assert load_dag_settings().retries == 3


@pytest.mark.parametrize(("text", "folders"), [("", ()), (":", ()), ("/a", ["/a"]), ("/a::/b:", ["/a", "/b"])])
def test_folders_are_separated_by_colons(with_ini: WithIni, text: str, folders: list[str]):
    ini = with_ini(f"[ingest]\nmove_folders = {text}\n")
    assert load_settings(ini).move_folders == tuple(map(Path, folders))

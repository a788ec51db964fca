"""Settings: their sources, their valid values, and that no password is shown."""

import logging
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ingest.errors.types import ConfigurationError
from ingest.settings.ini_file import warn_once
from ingest.settings.loading import DagSettings, Settings, load_dag_settings, load_settings, sources
from ingest.settings.move_rules import MoveGroup, MoveRule

# The literal example of the original service's documentation (seeds/pacifica-ingest-documentation.txt).
DOCUMENTED_INI = """\
[ingest]
; This section is specific to the ingest processes
; Local directory for incoming data and metadata
volume_path = /tmp
[uniqueid]
; This section describes where the UniqueID service is
; URL to the endpoint
url = http://127.0.0.1:8051
[policy]
; This section describes what endpoints are on the policy service
; Ingest URL to verify metadata
ingest_url = http://127.0.0.1:8181/ingest
[archiveinterface]
; This section describes where the archive interface is
; URL to the endpoint
url = http://127.0.0.1:8080
[metadata]
; This section describes what endpoints are on the metadata service
; Ingest URL for ingest metadata
ingest_url = http://127.0.0.1:8121/ingest
[celery]
; This section contains celery messaging configuration
; The broker url is how messages get passed around
broker_url = pyamqp://
; The backend url is how return results are sent around
backend_url = rpc://
[database]
; This section contains database connection configuration
; peewee_url is defined as the URL PeeWee can consume.
; http://docs.peewee-orm.com/en/latest/peewee/database.html#connecting-using-a-database-url
peewee_url = sqliteext:///db.sqlite3
; connect_attempts are the number of times the service will attempt to
; connect to the database if unavailable.
connect_attempts = 10
; connect_wait are the number of seconds the service will wait between
; connection attempts until a successful connection to the database.
connect_wait = 20
"""
DOCUMENTED_URL = "peewee_url = sqliteext:///db.sqlite3"
POSTGRES = "postgresql://ingest:geheim@db:5432/jobs"
OTHER_DATABASE = (
    "[database] peewee_url, or INGEST_DATABASE_URL: its value names a database of {}, but jobs are stored in PostgreSQL: "
    "create a database there and set postgresql://user:password@host:port/database (see docs/how-to/upgrade.md)"
)

# For each setting: section, option, variable, a text and its value.
VALUES: dict[str, tuple[str, str, str, str, object]] = {
    "volume_path": ("ingest", "volume_path", "VOLUME_PATH", "/srv/spool", Path("/srv/spool")),
    "transfer_size": ("ingest", "transfer_size", "TRANSFER_SIZE", "65536", 65536),
    "auth_header": ("ingest", "auth_header", "INGEST_AUTH_HEADER", "X-User", "X-User"),
    "default_user": ("ingest", "default_user", "INGEST_DEFAULT_USER", "nobody", "nobody"),
    "receive_timeout": ("ingest", "receive_timeout", "INGEST_RECEIVE_TIMEOUT", "2.5", 2.5),
    "authentication": ("access", "authentication", "INGEST_AUTHENTICATION", "proxy", "proxy"),
    "trusted_proxies": (
        "access",
        "trusted_proxies",
        "INGEST_TRUSTED_PROXIES",
        "::1, 10.0.0.0/8,",
        ("::1", "10.0.0.0/8"),
    ),
    "allowed_hosts": (
        "access",
        "allowed_hosts",
        "INGEST_ALLOWED_HOSTS",
        "Ingest.example.org, 10.0.0.7, [::2], *",
        ("ingest.example.org", "10.0.0.7", "::2", "*"),
    ),
    "proxy_secret_file": (
        "access",
        "proxy_secret_file",
        "INGEST_PROXY_SECRET_FILE",
        "/etc/proxy-secret",
        Path("/etc/proxy-secret"),
    ),
    "token_file": ("access", "token_file", "INGEST_TOKEN_FILE", "/etc/tokens", Path("/etc/tokens")),
    "jwt_issuer": ("access", "jwt_issuer", "INGEST_JWT_ISSUER", "https://issuer/", "https://issuer/"),
    "jwt_audience": ("access", "jwt_audience", "INGEST_JWT_AUDIENCE", "ingest", "ingest"),
    "jwks_url": ("access", "jwks_url", "INGEST_JWKS_URL", "https://issuer/keys", "https://issuer/keys"),
    "jwt_user_claim": ("access", "jwt_user_claim", "INGEST_JWT_USER_CLAIM", "email", "email"),
    "submitter_check": ("access", "submitter_check", "INGEST_SUBMITTER_CHECK", "none", "none"),
    "jwt_submitter_claim": ("access", "jwt_submitter_claim", "INGEST_JWT_SUBMITTER_CLAIM", "person", "person"),
    "submitter_file": ("access", "submitter_file", "INGEST_SUBMITTER_FILE", "/etc/people", Path("/etc/people")),
    "submit_for_others": ("access", "submit_for_others", "INGEST_SUBMIT_FOR_OTHERS", "scope", ("scope",)),
    "operators": ("access", "operators", "INGEST_OPERATORS", "olga, otto", ("olga", "otto")),
    "admins": ("access", "admins", "INGEST_ADMINS", "adam", ("adam",)),
    "slowest_upload": ("limits", "slowest_upload", "INGEST_SLOWEST_UPLOAD", "4 Kb", 4096),
    "largest_bundle": ("limits", "largest_bundle", "INGEST_LARGEST_BUNDLE", "2 TB", 2 * 10**12),
    "uploads_at_once": ("limits", "uploads_at_once", "INGEST_UPLOADS_AT_ONCE", "4", 4),
    "spool_kept_free": ("limits", "spool_kept_free", "INGEST_SPOOL_KEPT_FREE", "0", 0),
    "longest_upload": ("limits", "longest_upload", "INGEST_LONGEST_UPLOAD", "86400", 86400.0),
    "user_upload_share": ("limits", "user_upload_share", "INGEST_USER_UPLOAD_SHARE", "0.5", 0.5),
    "user_space_share": ("limits", "user_space_share", "INGEST_USER_SPACE_SHARE", "1", 1.0),
    "user_jobs": ("limits", "user_jobs", "INGEST_USER_JOBS", "500", 500),
    "user_running_jobs": ("limits", "user_running_jobs", "INGEST_USER_RUNNING_JOBS", "8", 8),
    "keep_rejected_days": ("ingest", "keep_rejected_days", "INGEST_KEEP_REJECTED_DAYS", "7.5", 7.5),
    "keep_failed_days": ("ingest", "keep_failed_days", "INGEST_KEEP_FAILED_DAYS", "90", 90.0),
    "keep_abandoned_seconds": ("ingest", "keep_abandoned_seconds", "INGEST_KEEP_ABANDONED_SECONDS", "60", 60.0),
    "move_folders": ("ingest", "move_folders", "INGEST_MOVE_FOLDERS", "/a:/b c", (Path("/a"), Path("/b c"))),
    "move_rules": (
        "access",
        "move_rules",
        "INGEST_MOVE_RULES",
        "*: /srv/{user}/*; ada, urn:x:otto : /srv/a b",
        (MoveRule(("*",), "/srv/{user}/*"), MoveRule(("ada", "urn:x:otto"), "/srv/a b")),
    ),
    "move_groups": (
        "access",
        "move_groups",
        "INGEST_MOVE_GROUPS",
        "nmr: ada, otto; ms: ada",
        (MoveGroup("nmr", ("ada", "otto")), MoveGroup("ms", ("ada",))),
    ),
    "move_staging": ("archiveinterface", "move_staging", "INGEST_MOVE_STAGING", "/s", (Path("/s"),)),
    "refuse_ambiguous_names": ("ingest", "refuse_ambiguous_names", "INGEST_REFUSE_AMBIGUOUS_NAMES", "false", False),
    "unlisted_members": ("ingest", "unlisted_members", "INGEST_UNLISTED_MEMBERS", "skip", "skip"),
    "service_connect_timeout": ("ingest", "service_connect_timeout", "INGEST_SERVICE_CONNECT_TIMEOUT", "3", 3.0),
    "service_read_timeout": ("ingest", "service_read_timeout", "INGEST_SERVICE_READ_TIMEOUT", "4", 4.0),
    "uniqueid_url": ("uniqueid", "url", "UNIQUEID_URL", "http://id:8051", "http://id:8051"),
    "policy_ingest_url": ("policy", "ingest_url", "POLICY_INGEST_URL", "http://p/ingest", "http://p/ingest"),
    "archiveinterface_url": ("archiveinterface", "url", "ARCHIVEINTERFACE_URL", "https://a", "https://a"),
    "archive_connections": ("archiveinterface", "connections", "INGEST_ARCHIVE_CONNECTIONS", "4", 4),
    "metadata_ingest_url": ("metadata", "ingest_url", "METADATA_INGEST_URL", "http://m/ingest", "http://m/ingest"),
    "database_url": ("database", "peewee_url", "PEEWEE_URL", POSTGRES, POSTGRES),
    "connect_attempts": ("database", "connect_attempts", "DATABASE_CONNECT_ATTEMPTS", "3", 3),
    "connect_wait": ("database", "connect_wait", "DATABASE_CONNECT_WAIT", "0", 0.0),
    "airflow_url": ("airflow", "url", "INGEST_AIRFLOW_URL", "https://airflow/x", "https://airflow/x"),
    "airflow_username": ("airflow", "username", "INGEST_AIRFLOW_USERNAME", "robot", "robot"),
    "airflow_password": ("airflow", "password", "INGEST_AIRFLOW_PASSWORD", "ge%heim;#", "ge%heim;#"),
    "airflow_timeout": ("airflow", "timeout", "INGEST_AIRFLOW_TIMEOUT", "1.5", 1.5),
}
NOT_ABOVE_0 = ["0", "-1", "nan", "inf", "1e999", "abc", "1 s"]
NO_FRACTION = ["0", "-0.1", "1.01", "nan", "half"]
NOT_FROM_0 = ["-0.1", "nan", "inf", "abc"]
NOT_FROM_1 = ["0", "-1", "1.5", "nan", "abc"]
NO_SERVICE = ["http://", "127.0.0.1:8051", "ftp://h", "http://h/a b", "BuiltIn", "builtin\n", "file:///a"]
# For each setting with limits: its form in the error, and values that are refused.
REFUSED: dict[str, tuple[str, list[str]]] = {
    "transfer_size": (
        "an integer from 4096 to 1073741824, or as much with a unit, such as 4 Mb",
        [
            *("4095", "1073741825", "0", "-4096", "4096.5", "1e6", "1M", "nan", "inf", "abc"),
            *("3 Kb", "2 Gb", "4Mb", "4 mb", "four Mb", "4 Mb more", "inf B", "nan B"),
        ],
    ),
    "auth_header": ("a header's name", ["X User", "X:", "X-Üser", "X\nY", "X-User\n"]),
    "receive_timeout": ("a number above 0", NOT_ABOVE_0),
    "authentication": ("none, open, proxy or token", ["None", "basic", "proxy,token", "token\n"]),
    "jwks_url": ("an https, http or file URL", ["/etc/keys", "https://", "https://a b", "ftp://h"]),
    "submitter_check": ("none, claim, network_id or file", ["None", "sub", "claim,file", "file\n"]),
    "slowest_upload": ("an integer from 0, or as much with a unit, such as 4 Kb", ["-1", "0.5", "fast"]),
    "largest_bundle": ("an integer from 1, or as much with a unit, such as 4 Tb", ["0", "-1", "1e6", "large"]),
    "uploads_at_once": ("an integer from 1 to 1000", ["0", "1001", "1.5", "few"]),
    "spool_kept_free": ("an integer from 0, or as much with a unit, such as 4 Gb", ["-1", "0.5", "some"]),
    "longest_upload": ("a number from 0", NOT_FROM_0),
    "user_upload_share": ("a number above 0, up to 1", NO_FRACTION),
    "user_space_share": ("a number above 0, up to 1", NO_FRACTION),
    "user_jobs": ("an integer from 1", NOT_FROM_1),
    "user_running_jobs": ("an integer from 1", NOT_FROM_1),
    "keep_rejected_days": ("a number from 0 to 36500", ["-1", "36501", "a month"]),
    "keep_failed_days": ("a number from 0 to 36500", ["-1", "36501", "a year"]),
    "keep_abandoned_seconds": ("a number above 0", NOT_ABOVE_0),
    "unlisted_members": ("reject or skip", ["drop", "Reject", "true", "skip\n"]),
    "service_connect_timeout": ("a number above 0", NOT_ABOVE_0),
    "service_read_timeout": ("a number above 0", NOT_ABOVE_0),
    "uniqueid_url": ("builtin or an http(s) URL", NO_SERVICE),
    "policy_ingest_url": ("builtin or an http(s) URL", NO_SERVICE),
    "archiveinterface_url": (
        "file:///folder or an http(s) URL",
        ["builtin", "/srv/archive", "file://", "file:///", "file:/srv", "file://host/srv", "http://", "ftp://h"],
    ),
    "archive_connections": ("an integer from 1 to 64", ["0", "65", "1.5", "many"]),
    "metadata_ingest_url": ("builtin or an http(s) URL", NO_SERVICE),
    "database_url": (
        "postgresql://user:password@host:port/database",
        [
            "ingest",
            "oracle://u:p@h/d",
            "postgresql+other://h/d",
            "postgresql+asyncpg://h/d",
            "postgresql:h",
            "postgresql://user:password@host:port/database",
        ],
    ),
    "connect_attempts": ("an integer from 1", NOT_FROM_1),
    "connect_wait": ("a number from 0", NOT_FROM_0),
    "airflow_url": ("an http(s) URL", ["builtin", "http://", "127.0.0.1:8090", "ftp://h", "http://a b"]),
    "airflow_timeout": ("a number above 0", NOT_ABOVE_0),
}
# Limits that a variable cannot break, because an empty one counts as not set.
REFUSED_IN_INI = {
    "default_user": ("a name", [""]),
    "jwt_audience": ("the text of its `aud`", [""]),
    "jwt_user_claim": ("a claim's name", [""]),
}
# Settings that are lists: the error names the faulty entry.
REFUSED_BY_ENTRY = {"trusted_proxies", "allowed_hosts", "operators", "admins", "submit_for_others"}
JWT = {
    "INGEST_AUTHENTICATION": "token",
    "INGEST_JWT_ISSUER": "https://issuer/",
    "INGEST_JWKS_URL": "https://issuer/keys",
}
REFUSED_FOR_DAGS: dict[str, tuple[str, list[str]]] = {
    "retries": ("an integer from 0", ["-1", "1.5", "nan", "abc"]),
    "retry_delay": ("a number above 0", NOT_ABOVE_0),
    "max_retry_delay": ("a number above 0", NOT_ABOVE_0),
    "stage_timeout": ("a number above 0", NOT_ABOVE_0),
    "max_active_runs": ("an integer from 1", NOT_FROM_1),
    "archive_slots": ("an integer from 1", NOT_FROM_1),
}

WithIni = Callable[[str | bytes], dict[str, str]]


def cases(table: Mapping[str, tuple[str, list[str]]]) -> list[tuple[str, str, str]]:
    return [(name, form, value) for name, (form, values) in table.items() for value in values]


def constrained(model: type[Settings | DagSettings]) -> set[str]:
    """The settings that do not accept every value of their type."""
    limited = {name for name, field in model.model_fields.items() if any(map(is_limit, field.metadata))}
    return limited | {name for name, field in model.model_fields.items() if field.annotation in (int, float)}


def is_limit(metadata: object) -> bool:
    return type(metadata).__name__ != "BeforeValidator"


@pytest.fixture(autouse=True)
def nothing_warned_yet() -> Iterator[None]:
    """Forget earlier warnings: a process warns once, and all tests are one process."""
    warn_once.cache_clear()
    yield
    warn_once.cache_clear()


def set_fields(environment: dict[str, str]) -> dict[str, Any]:
    """Return the settings without those that have their default."""
    settings = load_settings(environment)
    return {name: getattr(settings, name) for name in settings.model_fields_set}


@pytest.fixture
def with_ini(tmp_path: Path) -> WithIni:
    def write(text: str | bytes) -> dict[str, str]:
        path = tmp_path / "ingest.ini"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return {"INGEST_CONFIG": str(path)}

    return write


def home_file(home: Path) -> Path:
    (home / ".pacifica-ingest").mkdir()
    return home / ".pacifica-ingest" / "config.ini"


# Sources of settings


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
        "metadata_ingest_url": "builtin",
        "database_url": "postgresql://ingest@127.0.0.1:5432/ingest",
        "connect_attempts": 10,
        "connect_wait": 20.0,
        "airflow_url": "http://127.0.0.1:8090",
        "airflow_username": "ingest",
        "airflow_password": "",
        "airflow_timeout": 10.0,
    }


def test_defaults_of_the_dags():
    assert load_dag_settings({}).model_dump() == {
        "retries": 8,
        "retry_delay": 5.0,
        "max_retry_delay": 300.0,
        "stage_timeout": 604800.0,
        "max_active_runs": 64,
        "archive_slots": 4,
    }


def test_defaults_are_themselves_allowed():
    for model in (Settings, DagSettings):
        defaults = model().model_dump()
        assert model.model_validate(defaults).model_dump() == defaults


def test_every_setting_has_a_case_here():
    assert set(VALUES) == set(Settings.model_fields)
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
def test_every_spelling_of_postgresql_is_taken(scheme: str):
    url = f"{scheme}://u:p@h:5432/d"
    assert load_settings({"INGEST_DATABASE_URL": url}).database_url == url


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresext", "postgresqlext", "psycopg3"])
@pytest.mark.parametrize("pool", ["", "+pool"])
def test_every_scheme_that_peewee_has_for_postgresql_is_taken(with_ini: WithIni, scheme: str, pool: str):
    url, wanted = f"{scheme}{pool}://u:p@h:5432/d", "postgresql://u:p@h:5432/d"
    assert load_settings({"PEEWEE_URL": url}).database_url == wanted
    assert load_settings(with_ini(f"[database]\npeewee_url = {url}\n")).database_url == wanted


def test_arguments_of_peewees_pool_are_not_handed_to_libpq():
    url = "postgresql+pool://h/d?max_connections=20&stale_timeout=300&timeout=10&sslmode=require&host=/a%20b"
    assert load_settings({"PEEWEE_URL": url}).database_url == "postgresql://h/d?host=%2Fa+b&sslmode=require"


def test_password_of_peewees_url_is_taken_as_it_is_written():
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
def test_other_databases_are_refused_with_what_to_do(url: str, name: str):
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
        ("INGEST_RETRY_DELAY", "retry_delay", 1.0),
        ("INGEST_MAX_RETRY_DELAY", "max_retry_delay", 2.0),
        ("INGEST_STAGE_TIMEOUT", "stage_timeout", 3.0),
        ("INGEST_MAX_ACTIVE_RUNS", "max_active_runs", 1),
        ("INGEST_ARCHIVE_SLOTS", "archive_slots", 1),
    ],
)
def test_dag_setting_is_read_from_its_variable(variable: str, field: str, value: float):
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


# The INI file


def test_documented_example_is_refused_for_its_database_alone(with_ini: WithIni):
    with pytest.raises(ConfigurationError) as raised:
        load_settings(with_ini(DOCUMENTED_INI))
    assert raised.value.text == OTHER_DATABASE.format("SQLite")


@pytest.mark.parametrize("way", ["file", "variable"])
def test_documented_example_loads_with_another_database(with_ini: WithIni, way: str):
    if way == "file":
        environment = with_ini(DOCUMENTED_INI.replace(DOCUMENTED_URL, f"peewee_url = {POSTGRES}"))
    else:
        environment = {**with_ini(DOCUMENTED_INI), "PEEWEE_URL": POSTGRES}
    assert set_fields(environment) == {
        "volume_path": Path("/tmp"),
        "uniqueid_url": "http://127.0.0.1:8051",
        "policy_ingest_url": "http://127.0.0.1:8181/ingest",
        "archiveinterface_url": "http://127.0.0.1:8080",
        "metadata_ingest_url": "http://127.0.0.1:8121/ingest",
        "database_url": POSTGRES,
        "connect_attempts": 10,
        "connect_wait": 20.0,
    }


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    assert {record.levelno for record in caplog.records} <= {logging.WARNING}
    return [record.getMessage() for record in caplog.records]


def test_celery_section_is_ignored_with_one_warning(with_ini: WithIni, caplog: pytest.LogCaptureFixture):
    ini = with_ini(DOCUMENTED_INI.replace(DOCUMENTED_URL, ""))
    load_settings(ini)
    load_settings(ini)
    assert warnings(caplog) == [
        f"{ini['INGEST_CONFIG']}: [celery] is not used: Airflow replaces Celery; remove the section"
    ]


def test_broker_and_backend_of_celery_are_ignored_without_a_warning(caplog: pytest.LogCaptureFixture):
    assert load_settings({"BROKER_URL": "pyamqp://", "BACKEND_URL": "rpc://"}) == Settings()
    assert caplog.records == []


def test_all_that_is_not_known_is_named_in_one_warning_without_values(
    with_ini: WithIni, caplog: pytest.LogCaptureFixture
):
    ini = with_ini("[DEFAULT]\nhost = h\n[ingest]\nvolume_path = /a\nvolumepath = geheim\n[Policy]\ningest_url = x\n")
    load_settings(ini)
    load_settings(ini)
    assert warnings(caplog) == [f"{ini['INGEST_CONFIG']}: unknown and not used: [Policy], [ingest] volumepath"]


def test_variable_that_says_something_else_than_the_file_is_warned_of_without_values(
    with_ini: WithIni, caplog: pytest.LogCaptureFixture
):
    ini = with_ini(f"[ingest]\nvolume_path = /a\n[database]\npeewee_url = {POSTGRES}\n")
    for _ in range(2):
        load_settings({**ini, "VOLUME_PATH": "/a", "PEEWEE_URL": "postgresql://ingest:anders@db:5432/jobs"})
    assert warnings(caplog) == [
        "[database] peewee_url of the INI file is not used: PEEWEE_URL has a different value and takes precedence"
    ]


def test_same_url_in_another_spelling_is_no_contradiction(with_ini: WithIni, caplog: pytest.LogCaptureFixture):
    ini = with_ini(f"[database]\npeewee_url = {POSTGRES}\n")
    load_settings({**ini, "PEEWEE_URL": POSTGRES.replace("postgresql", "postgres+pool")})
    assert warnings(caplog) == []


def test_file_whose_sections_are_all_used_gives_no_warning(with_ini: WithIni, caplog: pytest.LogCaptureFixture):
    load_settings(with_ini("[ingest]\nvolume_path = /a\n"))
    assert caplog.records == []


def test_option_of_another_section_is_not_taken(with_ini: WithIni):
    assert set_fields(with_ini("[policy]\nurl = http://wrong\n[uniqueid]\ningest_url = http://wrong\n")) == {}


def test_percent_signs_and_option_names_in_capitals_are_taken(with_ini: WithIni):
    assert set_fields(with_ini("[ingest]\nVolume_Path: /srv/100%/%(x)s\n")) == {"volume_path": Path("/srv/100%/%(x)s")}


def test_file_is_utf_8(with_ini: WithIni):
    assert set_fields(with_ini("[ingest]\nvolume_path = /srv/日本\n")) == {"volume_path": Path("/srv/日本")}


def test_empty_file_gives_the_defaults(with_ini: WithIni):
    assert load_settings(with_ini("")) == Settings()


def test_missing_file_is_refused_by_name(tmp_path: Path):
    missing = tmp_path / "missing.ini"
    with pytest.raises(ConfigurationError, match=r"^INGEST_CONFIG: cannot read .*missing\.ini: .*No such file"):
        load_settings({"INGEST_CONFIG": str(missing)})


def test_folder_is_no_file(tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"^INGEST_CONFIG: cannot read .*directory"):
        load_settings({"INGEST_CONFIG": str(tmp_path)})


BROKEN = {
    "no section": "volume_path = /srv\n",
    "no value": "[ingest]\nvolume_path\n",
    "twice": "[ingest]\nvolume_path = /a\nvolume_path = /b\n",
    "section twice": "[ingest]\n[ingest]\n",
    "latin-1": "[ingest]\nvolume_path = /é\n".encode("latin-1"),
    "utf-16": "[ingest]\nvolume_path = /a\n".encode("utf-16"),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_broken_file_is_refused_by_name(with_ini: WithIni, text: str | bytes):
    with pytest.raises(ConfigurationError, match=r"^INGEST_CONFIG: cannot read .*ingest\.ini: "):
        load_settings(with_ini(text))


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_broken_file_is_refused_in_one_line(with_ini: WithIni, text: str | bytes):
    with pytest.raises(ConfigurationError) as raised:
        load_settings(with_ini(text))
    assert "\n" not in raised.value.text


def test_file_in_the_home_folder_is_read_when_none_is_named(tmp_path: Path):
    home_file(tmp_path).write_text("[ingest]\nvolume_path = /of/the/home\n")
    assert set_fields({"HOME": str(tmp_path)}) == {"volume_path": Path("/of/the/home")}


def test_file_that_is_named_is_read_instead_of_the_one_in_the_home_folder(with_ini: WithIni, tmp_path: Path):
    home_file(tmp_path).write_text("[ingest]\nvolume_path = /of/the/home\n")
    named = with_ini("[ingest]\ndefault_user = named\n")
    assert set_fields({**named, "HOME": str(tmp_path)}) == {"default_user": "named"}


def test_empty_name_means_no_file(tmp_path: Path):
    home_file(tmp_path).write_text("[ingest]\nvolume_path = /of/the/home\n")
    assert set_fields({"HOME": str(tmp_path), "INGEST_CONFIG": ""}) == {}


@pytest.mark.parametrize("home", ["", "/nowhere", "/dev/null", "/proc/1/root/x"])
def test_home_folder_without_the_file_gives_the_defaults(home: str):
    assert set_fields({"HOME": home}) == {}


def test_percent_signs_are_read_as_the_original_reads_them(with_ini: WithIni):
    ini = with_ini("[DEFAULT]\nhost = db\n[ingest]\nvolume_path = /100%%\n[uniqueid]\nurl = http://%(host)s\n")
    assert set_fields(ini) == {"volume_path": Path("/100%"), "uniqueid_url": "http://db"}


def test_password_of_airflow_is_taken_as_it_is_written(with_ini: WithIni):
    assert set_fields(with_ini("[airflow]\npassword = a%%b\n")) == {"airflow_password": "a%%b"}


# Refused values


@pytest.mark.parametrize("text", ["relative", "/", "/a:/", "//", "/a/../b", "~/data", "."])
def test_folder_that_is_no_absolute_path_or_holds_everything_is_refused(text: str):
    with pytest.raises(ConfigurationError, match="INGEST_MOVE_FOLDERS") as raised:
        load_settings({"INGEST_MOVE_FOLDERS": text})
    assert "is not absolute paths of folders" in raised.value.text


@pytest.mark.parametrize(("name", "form", "value"), cases(REFUSED))
def test_wrong_value_is_refused_with_its_name_and_what_it_may_be(name: str, form: str, value: str):
    section, option, variable, _, _ = VALUES[name]
    with pytest.raises(ConfigurationError) as raised:
        load_settings({variable: value})
    listed = sources(Settings)[name]["environment"][0]
    shown = "its value" if name == "database_url" else repr(value)
    assert raised.value.text == f"[{section}] {option}, or {listed}: {shown} is not {form}"


@pytest.mark.parametrize(
    ("name", "form", "value"),
    [*cases(REFUSED_IN_INI), *((name, form, "") for name, (form, _) in REFUSED.items())],
)
def test_empty_option_is_refused_where_nothing_is_no_value(with_ini: WithIni, name: str, form: str, value: str):
    section, option, _, _, _ = VALUES[name]
    with pytest.raises(ConfigurationError) as raised:
        load_settings(with_ini(f"[{section}]\n{option} = {value}\n"))
    assert raised.value.text.startswith(f"[{section}] {option}, or ")
    assert raised.value.text.endswith(f" is not {form}")


@pytest.mark.parametrize(("name", "form", "value"), cases(REFUSED_FOR_DAGS))
def test_wrong_value_of_a_dag_setting_is_refused(name: str, form: str, value: str):
    variable = f"INGEST_{name.upper()}"
    with pytest.raises(ConfigurationError) as raised:
        load_dag_settings({variable: value})
    assert raised.value.text == f"{variable}: {value!r} is not {form}"


@pytest.mark.parametrize(("field", "value"), [("transfer_size", 4096), ("transfer_size", 1024**3), ("connect_wait", 0)])
def test_limits_themselves_are_allowed(field: str, value: int):
    assert getattr(load_settings({VALUES[field][2]: str(value)}), field) == value


def test_all_wrong_values_are_named_together():
    with pytest.raises(ConfigurationError, match=r"^\[ingest\] transfer_size.*; \[policy\] ingest_url.* URL$"):
        load_settings({"TRANSFER_SIZE": "0", "POLICY_INGEST_URL": "x", "VOLUME_PATH": "/fine"})


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"INGEST_AUTHENTICATION": "token"}, "[access] token_file, or INGEST_TOKEN_FILE: with authentication `token`"),
        (
            {"INGEST_AUTHENTICATION": "token", "INGEST_TOKEN_FILE": "/t", "INGEST_JWT_ISSUER": "https://issuer/"},
            "[access] jwks_url, or INGEST_JWKS_URL: with jwt_issuer it must be set",
        ),
        (
            {"INGEST_AUTHENTICATION": "token", "INGEST_TOKEN_FILE": "/t", "INGEST_JWKS_URL": "https://issuer/keys"},
            "[access] jwt_issuer, or INGEST_JWT_ISSUER: with jwks_url it must be set",
        ),
        (
            {"INGEST_AUTHENTICATION": "proxy", "INGEST_TRUSTED_PROXIES": ","},
            "[access] trusted_proxies, or INGEST_TRUSTED_PROXIES: must name the proxies",
        ),
        (
            {"INGEST_OPERATORS": "a, b", "INGEST_ADMINS": "b"},
            "[access] operators, or INGEST_OPERATORS: 'b' is also in admins",
        ),
        (
            {"INGEST_SUBMITTER_CHECK": "file", "INGEST_SUBMITTER_FILE": "/people"},
            "[access] submitter_check, or INGEST_SUBMITTER_CHECK: needs authentication `proxy` or `token`",
        ),
        (
            {"INGEST_AUTHENTICATION": "open", "INGEST_SUBMITTER_CHECK": "network_id"},
            "[access] submitter_check, or INGEST_SUBMITTER_CHECK: needs authentication `proxy` or `token`",
        ),
        (
            {"INGEST_AUTHENTICATION": "proxy", "INGEST_SUBMITTER_CHECK": "claim"},
            "[access] submitter_check, or INGEST_SUBMITTER_CHECK: with `claim` needs authentication `token`",
        ),
        (
            {**JWT, "INGEST_SUBMITTER_CHECK": "claim"},
            "[access] jwt_submitter_claim, or INGEST_JWT_SUBMITTER_CLAIM: with submitter_check `claim` it must be set",
        ),
        (
            {"INGEST_AUTHENTICATION": "proxy", "INGEST_SUBMITTER_CHECK": "file"},
            "[access] submitter_file, or INGEST_SUBMITTER_FILE: with submitter_check `file` it must be set",
        ),
        (
            {"INGEST_AUTHENTICATION": "proxy", "INGEST_SUBMITTER_CHECK": "network_id"},
            "[access] submitter_check, or INGEST_SUBMITTER_CHECK: with `network_id` it needs a real metadata service",
        ),
        ({"INGEST_SUBMIT_FOR_OTHERS": "a\x1b[2J"}, "contains a name that contains a character that cannot be printed"),
        ({"INGEST_TRUSTED_PROXIES": "::1, 10.0.0.1/8"}, "names 10.0.0.1/8, which is neither an address nor a network"),
        ({"INGEST_TRUSTED_PROXIES": "proxy.example.org"}, "names proxy.example.org, which is neither"),
        ({"INGEST_TRUSTED_PROXIES": "::1, 0.0.0.0/0"}, "names 0.0.0.0/0, which contains every address"),
        ({"INGEST_TRUSTED_PROXIES": "::/0"}, "names ::/0, which contains every address"),
        ({"INGEST_ALLOWED_HOSTS": "a, b:8066"}, "names b:8066, which is neither a host nor an address"),
        ({"INGEST_ALLOWED_HOSTS": "https://a"}, "names https://a, which is neither a host nor an address"),
        ({"INGEST_ALLOWED_HOSTS": "*.a"}, "names *.a, which is neither a host nor an address"),
        ({"INGEST_ADMINS": "a\x1b[2J"}, "contains a name that contains a character that cannot be printed"),
        ({"INGEST_OPERATORS": "a" * 256}, "contains a name that is longer than 255 characters"),
    ],
)
def test_access_that_does_not_determine_trusted_callers_is_refused(environment: dict[str, str], said: str):
    with pytest.raises(ConfigurationError) as refused:
        load_settings(environment)
    assert said in refused.value.text


@pytest.mark.parametrize(
    "environment",
    [
        {"INGEST_TOKEN_FILE": "/t"},
        {"INGEST_JWT_ISSUER": "https://issuer/", "INGEST_JWKS_URL": "file:///keys.json"},
    ],
)
def test_one_kind_of_token_is_enough(environment: dict[str, str]):
    assert load_settings({"INGEST_AUTHENTICATION": "token", **environment}).authentication == "token"


@pytest.mark.parametrize("folder", ["/srv/spool", "/srv/spool/a", "/srv/archive/b", "/srv/staging"])
def test_move_folder_among_our_own_files_is_refused(folder: str):
    environment = {
        "VOLUME_PATH": "/srv/spool",
        "ARCHIVEINTERFACE_URL": "file:///srv/archive",
        "INGEST_MOVE_STAGING": "/srv/staging",
    }
    load_settings({**environment, "INGEST_MOVE_FOLDERS": "/srv"})
    with pytest.raises(ConfigurationError, match=rf"INGEST_MOVE_FOLDERS: {folder} is in /srv/\w+, where this service"):
        load_settings({**environment, "INGEST_MOVE_FOLDERS": f"/data:{folder}"})


def test_moves_into_archiveinterface_need_a_staging_folder():
    environment = {"ARCHIVEINTERFACE_URL": "http://archive:8080", "INGEST_MOVE_FOLDERS": "/data"}
    with pytest.raises(ConfigurationError, match="INGEST_MOVE_STAGING: with move_folders and ArchiveInterface it must"):
        load_settings(environment)
    assert load_settings({**environment, "INGEST_MOVE_STAGING": "/staging"}).move_staging == (Path("/staging"),)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("ursula", "'ursula' is not a rule `WHO: FOLDER`"),
        ("ursula: srv/a", "is not a rule"),
        (": /srv/a", "is not a rule"),
        (",: /srv/a", "names no user"),
        ("@: /srv/a", "names no user, or an invalid user name"),
        ("a\x1b[2J: /srv/a", "or an invalid user name"),
        ("*: /", "names no folder below `/`"),
        ("*: /srv/../etc", "names no folder below `/`"),
        ("*: /srv/a*", "has a `*` in the name of a folder"),
        ("*: /srv/{group}", "has braces around a word other than `user`"),
        ("*: /srv/{user", "has braces around a word other than `user`"),
        ("@ms: /srv/a", "names the group 'ms', which move_groups does not define"),
        ("*: /elsewhere/{user}", "/elsewhere/{user} is in none of move_folders"),
    ],
)
def test_rule_of_moves_that_cannot_be_meant_is_refused(rules: str, said: str):
    environment = {"INGEST_MOVE_FOLDERS": "/srv/a:/srv/b", "INGEST_MOVE_GROUPS": "nmr: ursula"}
    with pytest.raises(ConfigurationError, match=r"^\[access\] move_rules, or INGEST_MOVE_RULES: ") as refused:
        load_settings({**environment, "INGEST_MOVE_RULES": rules})
    assert said in refused.value.text
    assert refused.value.text.isprintable()


@pytest.mark.parametrize("groups", ["nmr", "nmr:", ": ursula", "a b: ursula", "@nmr: ursula", "nmr: ur\x85sula"])
def test_group_of_moves_that_cannot_be_meant_is_refused(groups: str):
    with pytest.raises(ConfigurationError, match="INGEST_MOVE_GROUPS: "):
        load_settings({"INGEST_MOVE_GROUPS": groups})


def test_rules_of_moves_may_stand_on_lines_of_their_own(with_ini: WithIni):
    ini = with_ini("[access]\nmove_rules =\n  *: /srv/{user}\n  ada: /srv/b;\n")
    assert [rule.pattern for rule in load_settings(ini).move_rules] == ["/srv/{user}", "/srv/b"]


def test_wrong_option_is_covered_by_a_right_variable(with_ini: WithIni):
    ini = with_ini("[ingest]\ntransfer_size = nonsense\n")
    assert load_settings({**ini, "TRANSFER_SIZE": "4096"}).transfer_size == 4096


# Passwords

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

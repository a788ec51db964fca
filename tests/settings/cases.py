"""A value of every setting, refused values, and helpers for the tests of settings."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ingest.settings.loading import DagSettings, Settings, load_settings
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
    "metrics_token_file": (
        "access",
        "metrics_token_file",
        "INGEST_METRICS_TOKEN_FILE",
        "/etc/scrape",
        Path("/etc/scrape"),
    ),
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
    "keep_notifications_days": (
        "ingest",
        "keep_notifications_days",
        "INGEST_KEEP_NOTIFICATIONS_DAYS",
        "7",
        7.0,
    ),
    "keep_airflow_days": ("ingest", "keep_airflow_days", "INGEST_KEEP_AIRFLOW_DAYS", "30.5", 30.5),
    "keep_partial_hours": ("ingest", "keep_partial_hours", "INGEST_KEEP_PARTIAL_HOURS", "24", 24.0),
    "public_url": (
        "ingest",
        "public_url",
        "INGEST_PUBLIC_URL",
        "https://ingest.example.org",
        "https://ingest.example.org",
    ),
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
    "archive_sent_ahead": ("archiveinterface", "sent_ahead", "INGEST_ARCHIVE_SENT_AHEAD", "8", 8),
    "check_every_file_id": ("archiveinterface", "check_every_id", "INGEST_CHECK_EVERY_FILE_ID", "true", True),
    "metadata_ingest_url": ("metadata", "ingest_url", "METADATA_INGEST_URL", "http://m/ingest", "http://m/ingest"),
    "database_url": ("database", "peewee_url", "PEEWEE_URL", POSTGRES, POSTGRES),
    "session_database_url": ("database", "session_url", "INGEST_SESSION_DATABASE_URL", POSTGRES, POSTGRES),
    "connect_attempts": ("database", "connect_attempts", "DATABASE_CONNECT_ATTEMPTS", "3", 3),
    "connect_wait": ("database", "connect_wait", "DATABASE_CONNECT_WAIT", "0", 0.0),
    "receipt_key_folder": (
        "receipts",
        "key_folder",
        "INGEST_RECEIPT_KEY_FOLDER",
        "/etc/receipts",
        Path("/etc/receipts"),
    ),
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
    "keep_notifications_days": ("a number from 0 to 36500", ["-1", "36501", "a year"]),
    "keep_airflow_days": ("a number from 8 to 36500", ["7.9", "0", "-1", "36501", "a year"]),
    "keep_abandoned_seconds": ("a number above 0", NOT_ABOVE_0),
    "keep_partial_hours": ("a number above 0, up to 87600", [*NOT_ABOVE_0, "87601"]),
    "public_url": (
        "an http(s) URL",
        ["ingest.example.org", "https://", "ftp://h", "https://a b", "https://a/?b", "https://a\n"],
    ),
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
    "archive_sent_ahead": ("an integer from 1 to 16", ["0", "17", "1.5", "all"]),
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
    "retry_for": ("a number above 0, up to 315360000", [*NOT_ABOVE_0, "315360001"]),
    "retry_delay": ("a number above 0", NOT_ABOVE_0),
    "max_retry_delay": ("a number above 0", NOT_ABOVE_0),
    "stage_timeout": ("a number above 0", NOT_ABOVE_0),
    "max_active_runs": ("an integer from 1", NOT_FROM_1),
    "archive_slots": ("an integer from 1", NOT_FROM_1),
    "log_format": ("text or json", ["xml", "JSON", "json\n"]),
}

WithIni = Callable[[str | bytes], dict[str, str]]


def cases(table: Mapping[str, tuple[str, list[str]]]) -> list[tuple[str, str, str]]:
    return [(name, form, value) for name, (form, values) in table.items() for value in values]


def constrained(model: type[Settings | DagSettings]) -> set[str]:
    """Return the settings that do not accept every value of their type."""
    limited = {name for name, field in model.model_fields.items() if any(map(is_limit, field.metadata))}
    return limited | {name for name, field in model.model_fields.items() if field.annotation in (int, float)}


def is_limit(metadata: object) -> bool:
    return type(metadata).__name__ != "BeforeValidator"


def set_fields(environment: dict[str, str]) -> dict[str, Any]:
    """Return the settings without those that have their default."""
    settings = load_settings(environment)
    return {name: getattr(settings, name) for name in settings.model_fields_set}


def home_file(home: Path) -> Path:
    (home / ".pacifica-ingest").mkdir()
    return home / ".pacifica-ingest" / "config.ini"

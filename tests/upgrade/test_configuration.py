"""The configuration of the original service is read as its own code reads it."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from ingest.errors.types import ConfigurationError
from ingest.ledger.database import make_engine
from ingest.local.credentials import Credentials
from ingest.local.environment import own_environment
from ingest.local.layout import Layout
from ingest.local.ports import Ports
from ingest.settings.ini_file import warn_once
from ingest.settings.loading import Settings, load_settings
from tests.upgrade.original import Original

PARSE_URLS = """
import json, sys
from playhouse import db_url
def connects_with(url):
    database = db_url.connect(url)
    return {'dbname': database.database, **database.connect_params}
print(json.dumps([connects_with(url) for url in json.load(sys.stdin)]))
"""
PARSE_SIZES = """
import json, sys
from pacifica.ingest.utils import parse_size
def size(text):
    try:
        return parse_size(text)
    except Exception:
        return None
print(json.dumps([size(text) for text in json.load(sys.stdin)]))
"""
READ_CONFIG = """
import json
from pacifica.ingest.config import get_config
config = get_config()
print(json.dumps({section: dict(config.items(section)) for section in config.sections()}))
"""
URLS = [
    "postgres://ingest:secret@db:5432/jobs",
    "postgresql://ingest@db/jobs",
    "postgresext://ingest:secret@db/jobs",
    "postgresqlext://ingest:secret@db/jobs",
    "postgres+pool://ingest:secret@db/jobs?max_connections=20&stale_timeout=300&timeout=10",
    "postgresql+pool://ingest:secret@db/jobs?max_connections=20",
    "postgresext+pool://ingest:secret@db/jobs?register_hstore=false&server_side_cursors=true",
    "postgresqlext+pool://ingest:secret@db/jobs",
    "postgresql://ingest:se%40cr%3Aet%25@db/jobs",
    "postgresql://in%20gest:a+b c@db/jobs",
    "postgresql://ingest:se@cret@db/jobs",
    "postgresql://ingest:sécret@db/jobs",
    "postgresql://ingest@/jobs?host=/var/run/postgresql",
    "postgresql:///jobs?host=%2Fvar%2Frun%2Fpostgresql&port=5433&user=ingest&password=se%40cret",
    "postgresql://ingest:secret@[::1]:5432/jobs?sslmode=require&application_name=ingest",
    "postgresql://ingest:secret@DB.example.org/jobs%20of%20ours",
    "postgresql://ingest:secret@db/jobs?autorollback=true&autoconnect=false&encoding=UTF8&isolation_level=1",
]
SIZES = ["4 Mb", "4 MB", "1.5 Mb", "8 Kb", "8 KB", "5000 B", "5000 b", "1 Gb", "  4   Mb ", "0.0009765625 Gb", "1e4 B"]
NO_SIZES = ["4Mb", "4 mb", "4 M", "four Mb", "4 Mb more", "Mb 4", "inf B", "nan Mb", ""]
# The example of the original documentation, with percent signs as its ConfigParser reads them.
INI = """\
[DEFAULT]
host = pacifica.example.org
[ingest]
; Local directory for incoming data and metadata
volume_path = /srv/100%%/spool
transfer_size = 8 Mb
auth_header = X-User
default_user = nobody
[uniqueid]
url = http://%(host)s:8051
[policy]
ingest_url = http://%(host)s:8181/ingest
[archiveinterface]
url: http://%(host)s:8080
[metadata]
ingest_url = http://%(host)s:8121/ingest
[celery]
broker_url = pyamqp://
backend_url = rpc://
[database]
peewee_url = postgresql+pool://ingest:se%%40cret@%(host)s/jobs?max_connections=20
connect_attempts = 3
connect_wait = 2
"""


@pytest.fixture(autouse=True)
def nothing_warned_yet() -> Iterator[None]:
    warn_once.cache_clear()
    yield
    warn_once.cache_clear()


@pytest.fixture
def originals_python(tmp_path: Path) -> Original:
    """Return the original service with a database that is never connected."""
    return Original(tmp_path / "original", "postgresql://postgres@/none?host=/nowhere")


def connection_of(settings: Settings) -> dict[str, object]:
    """Return the connection parameters of a URL."""
    engine = make_engine(settings)
    _, arguments = engine.dialect.create_connect_args(engine.url)
    return dict(arguments)


def test_urls_of_peewee_connect_to_the_same_database_with_the_same_password(originals_python: Original):
    not_for_libpq = {
        "max_connections", "stale_timeout", "timeout", "register_hstore", "server_side_cursors",
        "autorollback", "autoconnect", "encoding", "isolation_level",
    }  # fmt: skip
    for url, expected in zip(URLS, json.loads(originals_python.python(PARSE_URLS, URLS)), strict=True):
        ours = connection_of(load_settings({"PEEWEE_URL": url}))
        wanted = {name: str(value) for name, value in expected.items() if name not in not_for_libpq}
        assert {name: str(value) for name, value in ours.items()} == wanted, url


def test_sizes_are_those_of_the_original_service(originals_python: Original):
    expected = json.loads(originals_python.python(PARSE_SIZES, SIZES))
    assert None not in expected
    assert [load_settings({"TRANSFER_SIZE": text}).transfer_size for text in SIZES] == expected


def test_values_that_the_original_service_refuses_as_sizes_are_refused_here(originals_python: Original, tmp_path: Path):
    assert json.loads(originals_python.python(PARSE_SIZES, NO_SIZES)) == [None] * len(NO_SIZES)
    for text in NO_SIZES:
        (tmp_path / "config.ini").write_text(f"[ingest]\ntransfer_size = {text}\n")
        with pytest.raises(ConfigurationError, match=r"^\[ingest\] transfer_size"):
            load_settings({"INGEST_CONFIG": str(tmp_path / "config.ini")})


@pytest.mark.parametrize("way", ["named", "in the home folder"])
def test_both_services_read_the_same_values_from_an_ini_file(originals_python: Original, tmp_path: Path, way: str):
    home = originals_python.folder
    (home / ".pacifica-ingest").mkdir()
    path = tmp_path / "named.ini" if way == "named" else home / ".pacifica-ingest" / "config.ini"
    path.write_text(INI)
    environment = {"HOME": str(home), **({"INGEST_CONFIG": str(path)} if way == "named" else {})}
    original = json.loads(originals_python.python(READ_CONFIG, PEEWEE_URL="", **environment))
    ours = load_settings(environment)
    assert original["ingest"]["volume_path"] == str(ours.volume_path) == "/srv/100%/spool"
    assert original["ingest"]["auth_header"] == ours.auth_header == "X-User"
    assert original["ingest"]["default_user"] == ours.default_user == "nobody"
    assert ours.transfer_size == 8 * 1024**2
    assert original["uniqueid"]["url"] == ours.uniqueid_url == "http://pacifica.example.org:8051"
    assert original["policy"]["ingest_url"] == ours.policy_ingest_url
    assert original["archiveinterface"]["url"] == ours.archiveinterface_url
    assert original["metadata"]["ingest_url"] == ours.metadata_ingest_url
    assert original["database"]["connect_attempts"] == str(ours.connect_attempts)
    assert float(original["database"]["connect_wait"]) == ours.connect_wait
    [expected] = json.loads(originals_python.python(PARSE_URLS, [original["database"]["peewee_url"]]))
    assert connection_of(ours)["password"] == expected["password"] == "se%40cret"


def test_both_services_read_the_same_value_from_a_variable_with_doubled_percent_signs(originals_python: Original):
    url = "postgresql://ingest:se%%40cret@db/jobs"
    original = json.loads(originals_python.python(READ_CONFIG, PEEWEE_URL=url))["database"]["peewee_url"]
    assert load_settings({"PEEWEE_URL": url}) == load_settings({"PEEWEE_URL": original})
    assert connection_of(load_settings({"PEEWEE_URL": url}))["password"] == "se%40cret"


def test_a_url_that_is_named_for_this_service_is_decoded(tmp_path: Path):
    settings = load_settings({"INGEST_DATABASE_URL": "postgresql://ingest:se%40cret@db/jobs"})
    assert connection_of(settings)["password"] == "se@cret"


def test_the_whole_file_causes_one_warning_in_a_process(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = tmp_path / "config.ini"
    path.write_text(INI)
    environment = {"INGEST_CONFIG": str(path), "BROKER_URL": "amqp://u:geheim@h", "BACKEND_URL": "rpc://"}
    for _ in range(3):
        load_settings(environment)
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (
            logging.WARNING,
            f"{path}: [celery] is not used: Airflow replaces Celery; remove the section",
        )
    ]


def test_make_run_ignores_a_facilitys_file_that_is_not_named(tmp_path: Path):
    (tmp_path / ".pacifica-ingest").mkdir()
    (tmp_path / ".pacifica-ingest" / "config.ini").write_text(INI)
    user = {"HOME": str(tmp_path)}
    assert load_settings(user).default_user == "nobody"
    layout = Layout(tmp_path / "instance")
    own = own_environment(user, layout, Ports(1, 2), Credentials())
    assert own["INGEST_CONFIG"] == ""
    # The file would have set the values of this instance.
    assert own["VOLUME_PATH"] == str(tmp_path / "instance" / "spool")
    assert quote(str(layout.sockets), safe="") in own["INGEST_DATABASE_URL"]
    settings = load_settings({**user, **own})
    assert settings.default_user == Settings().default_user
    assert "pacifica.example.org" not in settings.database_url


def test_make_run_uses_the_named_file(tmp_path: Path):
    path = tmp_path / "named.ini"
    path.write_text(INI)
    user = {"HOME": str(tmp_path), "INGEST_CONFIG": str(path)}
    own = own_environment(user, Layout(tmp_path / "instance"), Ports(1, 2), Credentials())
    assert load_settings({**user, **own}).default_user == "nobody"
    assert "INGEST_DATABASE_URL" not in own

"""Fixtures of a facility that used pacifica-ingest 0.4.1, with this project's command and API on its database."""

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from api.app import create_app
from api.resources import resources_of
from ingest.cli.main import main
from ingest.ledger.database import make_engine
from ingest.settings.loading import Settings
from tests.ledger.test_migrations import fresh_database
from tests.upgrade.original import Original

Call = Callable[[str], tuple[int, str, str]]
REAL_SERVICES = {
    "UNIQUEID_URL": "http://127.0.0.1:8051",
    "POLICY_INGEST_URL": "http://127.0.0.1:8181/ingest",
    "ARCHIVEINTERFACE_URL": "http://127.0.0.1:8080",
    "METADATA_INGEST_URL": "http://127.0.0.1:8121/ingest",
}


@pytest.fixture
def facility_url(database_url: str) -> Iterator[str]:
    """Return the URL of the facility's database, which this project has not used yet."""
    with fresh_database(database_url) as url:
        yield url


@pytest.fixture
def original(facility_url: str, tmp_path: Path) -> Original:
    """Return the original service on that database, with its tables."""
    service = Original(tmp_path / "original", facility_url)
    service.dbsync()
    return service


@pytest.fixture
def engine(facility_url: str) -> Iterator[Engine]:
    made = make_engine(Settings(database_url=facility_url), pool_size=2)
    yield made
    made.dispose()


@pytest.fixture
def call(
    facility_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Return a function that calls this project's `pacifica-ingest-cmd` on the database: exit code, stdout and stderr."""
    (tmp_path / "spool").mkdir()
    variables = {"INGEST_CONFIG": "", "INGEST_DATABASE_URL": facility_url, "VOLUME_PATH": str(tmp_path / "spool")}
    # Nothing listens there: requests to Airflow fail, or are repeated later.
    for name, value in {**variables, **REAL_SERVICES, "INGEST_AIRFLOW_URL": "http://127.0.0.1:1"}.items():
        monkeypatch.setenv(name, value)

    def run(line: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(shlex.split(line))
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def client(facility_url: str, tmp_path: Path) -> Iterator[FlaskClient]:
    """Yield this project's API on the facility's database."""
    app = create_app(
        Settings(database_url=facility_url, volume_path=tmp_path, airflow_url="http://127.0.0.1:1", airflow_timeout=1)
    )
    yield app.test_client()
    resources_of(app).engine.dispose()

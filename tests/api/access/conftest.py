"""Servers with authentication, and jobs of several users."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import Engine

from ingest.ledger.database import transaction
from ingest.ledger.jobs import Received
from ingest.ledger.models import OriginalJob
from ingest.services import make_services
from ingest.settings.loading import Settings
from ingest.states.stages import Kind
from tests.api.access.callers import (
    UPLOADER,
    AccessServer,
    Tokens,
    make_tokens,
    proxy_settings,
    serving,
    token_settings,
)
from tests.job_creation import create_job


@pytest.fixture(scope="package")
def jobs(database_engine: Engine, database_url: str) -> dict[str, str]:
    """Return a job id for each kind of job in the table."""
    services = make_services(Settings(database_url=database_url), database_engine)
    own, others, originals, unknown = services.uniqueid.allocate("upload_job", 4)
    for job, user in ((own, UPLOADER), (others, "otto")):
        create_job(database_engine, Received(job, Kind.INGEST, user, f"{job}.tar", 1))
    day = datetime(2019, 1, 2, tzinfo=UTC).replace(tzinfo=None)
    row = OriginalJob(
        id=originals, state="OK", task="ingest files", task_percent=Decimal(0), exception="", complete=False,
        created=day, updated=day,
    )  # fmt: skip
    with transaction(database_engine) as session:
        session.add(row)
    return {
        "own": str(own), "another's": str(others), "original's": str(originals), "unknown": str(unknown), "no integer": "x"
    }  # fmt: skip


@pytest.fixture(scope="package")
def token_server(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccessServer]:
    folder = tmp_path_factory.mktemp("token")
    with serving(folder, database_url, token_settings(folder)) as server:
        yield server


@pytest.fixture(scope="package")
def tokens(token_server: AccessServer) -> Tokens:
    """Return static tokens, created while the server runs."""
    return make_tokens(token_server.log.parent / "tokens.json")


@pytest.fixture(scope="package")
def proxy_server(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccessServer]:
    with serving(tmp_path_factory.mktemp("proxy"), database_url, proxy_settings()) as server:
        yield server

"""While the catalog may still process a transaction, no file that the transaction names is removed."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pytest
from sqlalchemy import Engine, func, update

from ingest.archiving.rejection import reject
from ingest.errors.types import (
    CatalogRejected,
    CatalogUnsettled,
    InvalidMetadata,
    RejectionUnfinished,
    ServiceUnavailable,
)
from ingest.ledger import jobs
from ingest.ledger.models import Job
from ingest.operations.replace_bundle import run_with_file
from ingest.orchestrator.client import AirflowApi
from ingest.services import Services
from ingest.services.http_client import HttpClient
from ingest.services.metadata import INGEST_BYTES_PER_SECOND, PacificaMetadata
from ingest.services.metadata_catalog import BuiltInMetadata
from ingest.settings.loading import Settings
from ingest.stages import run_stage
from ingest.states.job_record import Outcome
from ingest.states.stages import STAGES, Kind, Stage
from tests.archiving.test_batches import assert_archived
from tests.job_fixtures import MakeJob, OpenContext
from tools.bundles import CONTENTS, make_bundle

pytestmark = pytest.mark.usefixtures("no_waiting", "settings_in_environment")

HOUR = 3600.0
UnansweredTransaction = tuple[int, Callable[[Services], None]]
INGEST = BuiltInMetadata.ingest


class NoAirflow(AirflowApi):
    """An Airflow without runs."""

    def __init__(self) -> None:
        """Connect to nothing."""

    def fail(self, *_: object) -> None:
        """Do nothing, because no run exists."""


@pytest.fixture
def unanswered_transaction(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> UnansweredTransaction:
    """Return a job whose transaction was sent without an answer, and a function that makes the catalog process it."""
    job = make_job()
    for stage in STAGES[Kind.INGEST][:-1]:
        run_stage.run_stage(stage, job, 1, last_try=False)
    sent: list[bytes] = []

    def unanswered(_self: BuiltInMetadata, _job: int, document: BinaryIO, _size: int) -> None:
        sent.append(document.read())
        raise ServiceUnavailable("metadata", "http://metadata", "timed out")

    monkeypatch.setattr(BuiltInMetadata, "max_processing_seconds", lambda *_: HOUR)
    with monkeypatch.context() as slow:
        slow.setattr(BuiltInMetadata, "ingest", unanswered)
        with pytest.raises(ServiceUnavailable):
            run_stage.run_stage(Stage.INGEST_METADATA, job, 1, last_try=True)
    return job, lambda services: INGEST(services.metadata, job, BytesIO(sent[0]), len(sent[0]))


def assert_complete(engine: Engine, services: Services, job: int) -> None:
    run_stage.run_stage(Stage.INGEST_METADATA, job, 2, last_try=False)
    assert jobs.read(engine, job).record.outcome is Outcome.CATALOGED
    assert_archived(engine, services, job, CONTENTS)


def test_retry_with_another_file_waits_until_the_catalog_is_settled(
    unanswered_transaction: UnansweredTransaction, settings: Settings, services: Services, database_engine: Engine,
    tmp_path: Path,
):  # fmt: skip
    job, process_transaction = unanswered_transaction
    fixed = tmp_path / "fixed.tar"
    fixed.write_bytes(make_bundle({"data/other.txt": b"other"}))
    with pytest.raises(CatalogUnsettled, match=r"nothing of it is removed before .* UTC, in 3\d\d\d seconds"):
        run_with_file(settings, database_engine, NoAirflow(), job, "ada", Kind.INGEST, fixed)
    process_transaction(services)
    jobs.lift_override(database_engine, job)
    assert_complete(database_engine, services, job)


def test_rejection_after_a_clear_waits_until_the_catalog_is_settled(
    unanswered_transaction: UnansweredTransaction,
    open_context: OpenContext,
    services: Services,
    database_engine: Engine,
):
    job, process_transaction = unanswered_transaction
    with (
        open_context(job, Stage.LOAD_METADATA) as context,
        pytest.raises(RejectionUnfinished, match="still be working"),
    ):
        reject(context, InvalidMetadata("the metadata has changed"))
    process_transaction(services)
    with pytest.raises(RejectionUnfinished):
        run_stage.run_stage(Stage.LOAD_METADATA, job, 2, last_try=True)
    settle(database_engine, job)
    run_stage.run_stage(Stage.LOAD_METADATA, job, 3, last_try=True)
    assert_complete(database_engine, services, job)


def test_refused_transaction_is_settled_immediately(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(BuiltInMetadata, "max_processing_seconds", lambda *_: HOUR)
    job = make_job()
    for stage in STAGES[Kind.INGEST][:-1]:
        run_stage.run_stage(stage, job, 1, last_try=False)
    monkeypatch.setattr(BuiltInMetadata, "ingest", refuse)
    with pytest.raises(CatalogRejected):
        run_stage.run_stage(Stage.INGEST_METADATA, job, 1, last_try=False)


def test_time_to_settle_of_the_real_catalog_is_the_timeout_of_its_response():
    client = HttpClient("metadata", "http://metadata", connect_timeout=3, read_timeout=20, transfer_size=1)
    assert PacificaMetadata(client).max_processing_seconds(100 * INGEST_BYTES_PER_SECOND) == 3 + 20 + 100


def refuse(*_: object) -> None:
    raise CatalogRejected("the catalog does not know the key")


def settle(engine: Engine, job: int) -> None:
    """Set the time at which the catalog is settled to now."""
    with engine.begin() as connection:
        connection.execute(update(Job).where(Job.id == job).values(catalogue_settles=func.now()))

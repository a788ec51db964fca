"""Uploads on the page of a job: only a failed job, of which the archive holds nothing, gets another bundle."""

from collections.abc import Callable
from io import BytesIO
from itertools import count
from typing import Any

import pytest
from sqlalchemy import Engine

from ingest.errors.types import BundleNotReplaceable, IncompleteBody
from ingest.ledger import jobs
from ingest.ledger.database import transaction
from ingest.ledger.job_snapshots import Received
from ingest.ledger.models import File, FileState
from ingest.operations import replace_bundle
from ingest.operations.upload_bundle import run_with_upload
from ingest.settings.loading import Settings
from ingest.states.job_record import Outcome
from ingest.states.stages import Kind
from tests.job_creation import create_job
from tests.ledger.job_rows import events, set_columns
from tests.operations.test_replace_bundle import NoAirflow

JOBS = count(7_310_001)
REJECTED = {"stage": "open_tar", "code": "bundle_invalid", "text": "cut", "final": True, "attempt": 1}
CANCELED = {"code": "canceled", "text": "by ada"}


@pytest.fixture
def rejected(settings: Settings, database_engine: Engine) -> int:
    """Return a rejected job with its bundle in the spool."""
    job = next(JOBS)
    (settings.volume_path / f"{job}.tar").write_bytes(b"wrong")
    create_job(database_engine, Received(job, Kind.INGEST, "ada", f"{job}.tar", 5))
    set_columns(database_engine, job, outcome=Outcome.REJECTED, error=REJECTED)
    return job


def upload(settings: Settings, engine: Engine, job: int, body: bytes = b"fixed", size: int = 5) -> None:
    run_with_upload(settings, engine, NoAirflow(), job, BytesIO(body), size, "olga")


def test_upload_becomes_the_bundle_of_a_failed_job_which_keeps_its_user(
    settings: Settings, database_engine: Engine, rejected: int
):
    upload(settings, database_engine, rejected)
    job = jobs.read(database_engine, rejected)
    assert [path.name for path in settings.volume_path.iterdir()] == [job.received.spool_name]
    assert (settings.volume_path / job.received.spool_name).read_bytes() == b"fixed"
    assert (job.received.user, job.record.is_unfinished, job.record.override) == ("ada", True, None)
    assert ("bundle_replaced", f"{job.received.spool_name} by olga") in events(database_engine, rejected)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"error": None, "outcome": None}, "has not failed"),
        ({"outcome": Outcome.CATALOGED, "error": None}, "has not failed"),
        ({"rejection": CANCELED}, "was canceled"),
        ({"kind": Kind.MOVE}, "is a move"),
    ],
)
def test_other_jobs_keep_their_bundle(
    settings: Settings, database_engine: Engine, rejected: int, columns: dict[str, object], reason: str
):
    set_columns(database_engine, rejected, **columns)
    before = events(database_engine, rejected)
    with pytest.raises(BundleNotReplaceable, match=reason):
        upload(settings, database_engine, rejected)
    assert events(database_engine, rejected) == before
    assert (settings.volume_path / f"{rejected}.tar").read_bytes() == b"wrong"


@pytest.mark.parametrize("state", [FileState.ARCHIVED, FileState.SENDING, FileState.DELETING])
def test_job_of_which_the_archive_may_hold_files_keeps_its_bundle(
    settings: Settings, database_engine: Engine, rejected: int, state: FileState
):
    with transaction(database_engine) as session:
        session.add(File(job_id=rejected, path="one", state=state))
    with pytest.raises(BundleNotReplaceable, match="retry --path"):
        upload(settings, database_engine, rejected)


class Meanwhile(BytesIO):
    """A bundle; something happens to the job while it arrives."""

    def __init__(self, happens: Callable[[], object]) -> None:
        super().__init__(b"fixed")
        self._happens = happens

    def read(self, size: int | None = -1, /) -> bytes:
        if not self.tell():
            self._happens()
        return super().read(size)


@pytest.mark.parametrize("columns", [{"error": None, "outcome": None}, {"rejection": CANCELED}])
def test_job_that_continues_or_is_canceled_while_the_upload_arrives_is_left_alone(
    settings: Settings, database_engine: Engine, rejected: int, columns: dict[str, object]
):
    body = Meanwhile(lambda: set_columns(database_engine, rejected, **columns))
    with pytest.raises(BundleNotReplaceable):
        run_with_upload(settings, database_engine, NoAirflow(), rejected, body, 5, "olga")
    job = jobs.read(database_engine, rejected)
    assert (job.received.spool_name, job.record.override) == (f"{rejected}.tar", None)
    assert [path.name for path in settings.volume_path.iterdir()] == [f"{rejected}.tar"]


def test_files_that_are_sent_until_the_job_is_stopped_are_not_left_in_the_archive(
    settings: Settings, database_engine: Engine, rejected: int, monkeypatch: pytest.MonkeyPatch
):
    set_state = replace_bundle.set_state

    def sends_until_then(*arguments: Any, **options: Any) -> None:
        with transaction(database_engine) as session:
            session.add(File(job_id=rejected, path="one", state=FileState.SENDING))
        set_state(*arguments, **options)

    monkeypatch.setattr(replace_bundle, "set_state", sends_until_then)
    with pytest.raises(BundleNotReplaceable, match="retry --path"):
        upload(settings, database_engine, rejected)
    assert jobs.read(database_engine, rejected).received.spool_name == f"{rejected}.tar"
    assert [path.name for path in settings.volume_path.iterdir()] == [f"{rejected}.tar"]


def test_upload_that_is_cut_leaves_nothing(settings: Settings, database_engine: Engine, rejected: int):
    with pytest.raises(IncompleteBody):
        upload(settings, database_engine, rejected, b"fix", 5)
    assert [path.name for path in settings.volume_path.iterdir()] == [f"{rejected}.tar"]
    assert jobs.read(database_engine, rejected).record.is_rejected
